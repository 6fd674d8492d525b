"""What ``flightlog queue`` draws on terminals of every width."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import io
from typing import Any

from flightlog_bucket.cli import connecting, list_queue
from flightlog_bucket.cli.list_queue import table_of
from flightlog_bucket.cli.main import main
from flightlog_bucket.cli.transfer_view import TransferView
import pytest
from rich.console import Console

FOLDER = '/media/sd/recordings/2025-07-27/'
REASON = 'cannot reach the S3 server at https://s3.eu-central-1.amazonaws.com'


def view(**changes: object) -> TransferView:
    fields: dict[str, object] = {
        'direction': 'upload', 'id': 7, 'path': f'{FOLDER}flight_0042.ulg', 'key': '',
        'state': 'queued', 'sent_bytes': 0, 'total_bytes': 12_345_678, 'rate': 0.0,
        'remaining_s': None, 'attempts': 1, 'reason': REASON, 'next_attempt': None,
        'verdict': '', **changes}
    return TransferView(**fields)  # type: ignore[arg-type]


@pytest.fixture
def drawn() -> Callable[..., str]:
    def drawn(width: int, *views: TransferView) -> str:
        console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
        console.print(table_of(views))
        text: str = console.file.getvalue()  # type: ignore[attr-defined]
        assert all(len(line) <= width for line in text.splitlines()), text
        return text
    return drawn


@pytest.mark.parametrize('width', [60, 80, 100])
def test_the_file_and_the_reason_can_be_read(width: int, drawn: Callable[..., str]) -> None:
    text = drawn(width, view(), view(
        state='uploading', reason='', sent_bytes=5_000_000, rate=1e6, remaining_s=7.0,
        path=f'{FOLDER}flight_0043.ulg'))
    lines = text.splitlines()
    assert sum('/flight_004' in line for line in lines) == 2, text
    assert any(line.startswith('queued') and '...' in line for line in lines)
    reason_at = lines[0].index('reason')
    # A word that is longer than the column is cut between two letters.
    assert ''.join(line[reason_at:].strip() for line in lines[1:]).startswith('cannot')
    said = ''.join(''.join(line[reason_at:].split()) for line in lines[1:])
    assert said == ''.join(REASON.split())


def test_a_wide_terminal_shows_all(drawn: Callable[..., str]) -> None:
    first, second, *_ = drawn(200, view(sent_bytes=6_200_000)).splitlines()
    assert first.split() == ['state', 'file', 'size', 'progress', 'reason']
    assert second.split()[:6] == ['queued', f'{FOLDER}flight_0042.ulg', '12.3', 'MB', '50', '%']
    assert second.endswith(REASON)


def test_a_narrow_terminal_shows_the_states_and_the_ends_of_the_names(
        drawn: Callable[..., str]) -> None:
    first, *rows = drawn(20, view(), view(state='rejected')).splitlines()
    assert first.split() == ['state', 'file']
    assert [row.split()[0] for row in rows] == ['queued', 'rejected']
    assert all(row.rstrip().endswith('42.ulg') for row in rows)


@pytest.mark.parametrize('width', range(1, 60, 7))
def test_no_width_is_too_small(width: int, drawn: Callable[..., str]) -> None:
    assert drawn(width, view(), view(state='uploading', rate=1.0, sent_bytes=1))


@pytest.mark.parametrize('words, said', [
    ([], 'nothing waits, nothing was rejected'),
    (['/data'], 'nothing waits, nothing was rejected in /data'),
    (['--all'], 'no uploads are known'),
    (['--state', 'stored', '--state', 'queued'], 'no upload is stored or queued')])
def test_where_there_is_nothing_this_is_said(
        words: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Node:
        def transfers(self, states: object, path: str) -> tuple[list[TransferView], int]:
            return [], 0

    @contextmanager
    def connect(_: object) -> Iterator[Any]:
        yield Node()
    console = Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(connecting, 'connect_to_node', connect)
    monkeypatch.setattr(list_queue, 'console', lambda: console)
    assert main(['queue', *words]) == 0
    assert console.file.getvalue() == f'{said}\n'  # type: ignore[attr-defined]
