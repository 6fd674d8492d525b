"""Which browser the tests and the pictures of the page take."""
import os
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('tools.browser', reason='there is no checkout')

from tools import browser

ROOT = Path(__file__).resolve().parents[2]


def test_the_first_that_is_here_unless_one_is_named(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert browser.find_browser() is None
    for name in reversed(browser.NAMES):
        (tmp_path / name).symlink_to('/bin/true')
        assert browser.find_browser() == str(tmp_path / name)
    monkeypatch.setenv(browser.VARIABLE, '/opt/mine')
    assert browser.find_browser() == '/opt/mine'


@pytest.mark.parametrize('named, is_lacking', [('/no/such/browser', True), ('/bin/true', False)])
def test_the_machine_is_checked_for_the_same(named: str, is_lacking: bool) -> None:
    done = subprocess.run([ROOT / 'tools/check_machine', 'kilted', sys.executable, 'browser'],
                          env={**os.environ, browser.VARIABLE: named}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert ('a browser, for the page' in done.stderr) is is_lacking, done.stderr
    assert (named in done.stderr) is is_lacking
