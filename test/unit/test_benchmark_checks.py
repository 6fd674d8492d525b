"""The part of the benchmark that checks logs."""
from pathlib import Path

from benchmark import checks, options
from benchmark.cases import MIB
import pytest


@pytest.mark.parametrize('extension', checks.LOGS)
def test_measures_each_level_and_the_library(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str) -> None:
    monkeypatch.setattr(checks, 'LOGS', {extension: 'the library'})
    lines = checks.section([MIB], 1, tmp_path).splitlines()
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in lines if line.startswith(f'| {extension} 1 MiB')]
    assert [row[1] for row in rows] == ['header', 'structure', 'full', 'the library']
    assert all(float(row[4]) > 0 for row in rows)
    assert rows[3][3] == rows[3][5] == '1'
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, 'LOGS', {'.txt': 'the library'})
    assert '| .txt 1 MiB | failed: ' in checks.section([MIB], 1, tmp_path)


def test_can_be_chosen_alone() -> None:
    chosen = options.parse(['--only', 'check', '--check-size', '1MiB'])
    assert (chosen.only, chosen.check_size) == ([options.CHECKS], [MIB])
