"""What ``flightlog info`` prints of what it is told."""
from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
from typing import Any

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Failure
from flightlog_bucket.cli.main import main
import pytest

PREFIX = 'flight_logs/drone-001/'
NODE = {'version': '1', 'machine_prefix': PREFIX, 'queued': 1}
FILE = {'file_state': 'stored', 'file_key': f'{PREFIX}a.ulg', 'file_reason': ''}
MISSING = {'file_state': 'unknown', 'file_reason': 'there is no such file'}
OBJECT = {'object': {'key': f'{PREFIX}a.ulg', 'size': 1000}, 'object_verdict_reason': ''}


class Told(dict[str, Any]):
    """A backend that tells this of what it is asked, by how the question ends."""

    def info(self, target: str) -> dict[str, object]:
        """Tell it, or raise it."""
        found = next((found for end, found in self.items() if end and target.endswith(end)), {})
        if isinstance(found, Failure):
            raise found
        return {**NODE, **found}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return what a test fills, and the command asks."""
    told = Told()

    @contextmanager
    def connect(_: object) -> Iterator[Told]:
        yield told
    monkeypatch.setattr(connecting, 'connect', connect)
    return told


def lines(*words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(['info', *words]) == 0
    return [' '.join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_file_or_a_key_is_told_without_the_settings(
        told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'a.ulg').touch()
    told.update({str(tmp_path / 'a.ulg'): {**FILE, 'object': {}}, f'{PREFIX}a.ulg': OBJECT})
    assert lines(str(tmp_path / 'a.ulg'), capsys=capsys) == [
        'file state stored', f'file key {PREFIX}a.ulg']
    assert lines(f'{PREFIX}a.ulg', capsys=capsys) == [
        'object', f'key {PREFIX}a.ulg', 'size 1.0 kB']
    assert lines(capsys=capsys) == ['version 1', f'machine prefix {PREFIX}', 'queued 1']
    [line] = lines('--json', f'{PREFIX}a.ulg', capsys=capsys)
    assert json.loads(line) == {**NODE, **OBJECT}


@pytest.mark.parametrize('answer', [
    MISSING, {'file_state': 'rejected', 'file_reason': 'File not found: /data/gone.ulg'},
    Failure(404, 'File not found: /data/gone.ulg')])
def test_what_is_neither_a_file_nor_a_key_is_a_failure(
        told: Told, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told['gone.ulg'] = answer
    for words in (['gone.ulg'], ['--json', 'flight_log/drone-001/gone.ulg']):
        assert main(['info', *words]) == 1
        out, err = capsys.readouterr()
        assert out == ''
        assert err == (f'flightlog: {words[-1]}: there is no such file, and no upload of one is'
                       f' known; give a file, or a key that begins with {PREFIX}\n')


@pytest.mark.parametrize('answer', [
    FILE, {'file_state': 'unknown', 'file_reason': 'is not in a watched folder'}])
def test_a_file_that_is_not_here_may_be_known(
        told: Told, answer: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    told['gone.ulg'] = answer
    assert f'file state {answer["file_state"]}' in lines('gone.ulg', capsys=capsys)


def test_another_failure_stays_what_it_is(told: Told,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    told['gone.ulg'] = Failure(507, 'the ledger is full')
    assert main(['info', 'gone.ulg']) == 1
    assert capsys.readouterr().err == 'flightlog: the ledger is full\n'
