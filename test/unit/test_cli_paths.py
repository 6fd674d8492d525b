"""Which files the command line means."""
import os
from pathlib import Path

from flightlog_bucket.cli.paths import absolute, expanded, none_text
import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory in which the command is given."""
    monkeypatch.chdir(tmp_path)
    for name in ('a.ulg', 'b.ulg', 'c.bag', 'odd[1].ulg', 'odd1.ulg', os.fsdecode(b'\xff.mcap')):
        (tmp_path / name).touch()
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    (tmp_path / 'deep' / 'er' / 'd.ulg').touch()
    return tmp_path


def test_paths_start_at_the_root_and_each_is_there_once(here: Path) -> None:
    assert expanded(['a.ulg', './a.ulg', f'{here}/deep/../a.ulg', 'deep/']) == (
        [f'{here}/a.ulg', f'{here}/deep'], [])


def test_patterns_that_no_shell_expanded_are_expanded_in_order(here: Path) -> None:
    assert expanded(['[ab].ulg', '*.bag'])[0] == [
        f'{here}/{name}' for name in ('a.ulg', 'b.ulg', 'c.bag')]
    assert expanded(['**/d.ulg'])[0] == [f'{here}/deep/er/d.ulg']
    assert expanded(['*.mcap'])[0] == [f'{here}/{os.fsdecode(bytes([255]))}.mcap']


def test_a_name_that_looks_like_a_pattern_is_a_name(here: Path) -> None:
    assert expanded(['odd[1].ulg']) == ([f'{here}/odd[1].ulg'], [])


def test_what_nothing_matches_is_told(here: Path) -> None:
    assert expanded(['no*.ulg', 'a.ulg', 'missing.ulg']) == (
        [f'{here}/a.ulg', f'{here}/missing.ulg'], ['no*.ulg'])


def test_an_empty_name_means_nothing_and_keeps_no_other_away(here: Path) -> None:
    assert absolute('') == ''
    assert expanded(['', 'a.ulg']) == ([f'{here}/a.ulg'], [''])
    assert none_text('') == 'an empty name is the name of no file'
    assert none_text('no*') == 'nothing matches no*'


def test_a_link_and_what_it_leads_to_are_one_file_under_the_first_name(here: Path) -> None:
    (here / 'latest.ulg').symlink_to('a.ulg')
    (here / 'folder').symlink_to('deep')
    assert expanded(['latest.ulg', 'a.ulg']) == ([f'{here}/latest.ulg'], [])
    assert expanded(['a.ulg', '*.ulg'])[0] == [
        f'{here}/{name}' for name in ('a.ulg', 'b.ulg', 'odd1.ulg', 'odd[1].ulg')]
    assert expanded(['deep', 'folder/']) == ([f'{here}/deep'], [])
