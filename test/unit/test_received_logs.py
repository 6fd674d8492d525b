"""Logs that arrived over HTTP, on disks and in folders that are not as they should be."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
import logging
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket.errors import InvalidRequest, LocalFileError
from flightlog_bucket.operations.received_logs import ReceivedLogs
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage import reception
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, Transfer
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from support.expect import wait_until
from support.nobody import as_nobody, needs_root, public_directory

Make = Callable[[Path], ReceivedLogs]
WAIT_S = 20.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give a ledger that is on a disk of its own."""
    made = Ledger(StateDirectory(tmp_path / 'ledger'), machine='drone-001', destination='bucket')
    yield made
    made.close()


@pytest.fixture
def make(ledger: Ledger) -> Iterator[Make]:
    """Give what makes the received logs of a state directory."""
    all_made = []

    def one(state: Path) -> ReceivedLogs:
        settings = settings_from({
            'robot_instance_id': 'drone-001', 'bucket_name': 'bucket',
            'session_token_url': 'http://127.0.0.1:9/token', 'state_directory': str(state)}, {})
        all_made.append(ReceivedLogs(settings, ledger, lambda: None))
        return all_made[-1]
    yield one
    for made in all_made:
        made.stop()


def arrived(received: ReceivedLogs, name: str = 'x.ulg') -> Path:
    file = received.reception(name, 1)
    file.write(b'x')
    return file.finish(name, None)


def store(ledger: Ledger, path: Path) -> None:
    found = ledger.find(path)
    assert found is not None
    ledger.stored(found.id, StoredLog('key/x.ulg', '', 1, '', False, 0, '"e"'))


def test_a_folder_that_is_a_link(tmp_path: Path, ledger: Ledger, make: Make) -> None:
    state, other = tmp_path / 'state', tmp_path / 'other'
    state.mkdir()
    other.mkdir()
    (state / 'received').symlink_to(other)
    received = make(state)
    path = arrived(received)
    assert path.is_relative_to(other)  # as whoever looks for the file itself finds it
    assert received.is_received(path)


def test_what_cannot_be_deleted_is_not_forgotten(
        tmp_path: Path, ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    received = make(tmp_path / 'state')
    path = arrived(received)
    received.accepted(path)
    wait_until(lambda: ledger.find(path) is not None)

    def immutable(path: Path) -> None:
        raise PermissionError(1, 'Operation not permitted', str(path))
    monkeypatch.setattr('flightlog_bucket.operations.received_logs.remove_received', immutable)
    store(ledger, path)
    for _ in range(3):
        received.wake()
        wait_until(lambda: not received._has_news)
    wait_until(lambda: 'is kept longer than it is needed' in caplog.text)
    assert 'removed' not in caplog.text
    monkeypatch.undo()
    received.wake()
    wait_until(lambda: not path.exists())
    wait_until(lambda: f'removed {path}' in caplog.text)
    assert caplog.text.count('is kept longer than it is needed') == 1


def test_what_cannot_be_discarded_stays_known(tmp_path: Path, ledger: Ledger, make: Make,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    received = make(tmp_path / 'state')
    path = arrived(received)
    received.accepted(path)
    wait_until(lambda: ledger.find(path) is not None)
    found = ledger.find(path)
    assert found is not None
    ledger.rejected(found.id, 'damaged', 'CorruptLog')

    def immutable(path: Path) -> None:
        raise PermissionError(1, 'Operation not permitted', str(path))
    monkeypatch.setattr('flightlog_bucket.operations.received_logs.remove_received', immutable)
    with pytest.raises(LocalFileError):
        received.discard(path)
    assert ledger.find(path) is not None
    monkeypatch.setattr('flightlog_bucket.operations.received_logs.remove_received',
                        reception.remove_received)
    received.discard(path)
    assert (ledger.find(path), path.exists()) == (None, False)


def rejected(ledger: Ledger, received: ReceivedLogs) -> Path:
    """Return a log that was received and rejected."""
    path = arrived(received)
    received.accepted(path)
    wait_until(lambda: ledger.find(path) is not None)
    found = ledger.find(path)
    assert found is not None
    ledger.rejected(found.id, 'damaged', 'CorruptLog')
    return path


@pytest.mark.parametrize('name', ['', 'other.ulg'])
def test_what_is_tried_again_meanwhile_is_not_discarded(
        tmp_path: Path, ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch,
        name: str) -> None:
    received = make(tmp_path / 'state')
    path = rejected(ledger, received)
    find = ledger.find

    def late(path: Path) -> Any:
        found = find(path)
        assert found is not None
        if name:
            ledger.accept(path, found.fingerprint, name=name)
        else:
            ledger.retry([path])
        return found
    monkeypatch.setattr(ledger, 'find', late)
    with pytest.raises(InvalidRequest, match='is tried again'):
        received.discard(path)
    monkeypatch.undo()
    found = ledger.find(path)
    assert (found and found.state, path.read_bytes()) == (QUEUED, b'x')


def test_what_is_discarded_meanwhile_is_not_accepted_again(
        tmp_path: Path, ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    received = make(tmp_path / 'state')
    path = rejected(ledger, received)
    find, looked, is_asked = ledger.find, threading.Event(), threading.Event()

    def late(path: Path) -> Any:
        if threading.current_thread().name == 'received' and not looked.is_set():
            looked.set()  # the file was there
            assert is_asked.wait(WAIT_S)
            # Either it is gone by now, or who discards it waits.
            wait_until(lambda: not path.exists() or received._settling.locked())
        return find(path)
    monkeypatch.setattr(ledger, 'find', late)
    received.wake()
    assert looked.wait(WAIT_S)
    with ThreadPoolExecutor(1) as pool:
        discarding = pool.submit(received.discard, path)
        is_asked.set()
        discarding.result(WAIT_S)
    received.stop()
    wait_until(lambda: not received._is_running)
    assert (ledger.find(path), path.exists()) == (None, False)


def test_what_was_deleted_from_the_bucket_at_once_is_not_kept(
        tmp_path: Path, ledger: Ledger, make: Make) -> None:
    received = make(tmp_path / 'state')
    path = arrived(received)
    received.accepted(path)
    wait_until(lambda: ledger.find(path) is not None)
    store(ledger, path)
    ledger.deleted_from_bucket('key/x.ulg', 'was deleted')
    received.wake()
    wait_until(lambda: not path.exists())
    wait_until(lambda: ledger.find(path) is None)


def test_what_is_deleted_from_the_bucket_while_it_is_removed_here_is_forgotten(
        tmp_path: Path, ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    received = make(tmp_path / 'state')
    path = arrived(received)
    received.accepted(path)
    wait_until(lambda: ledger.find(path) is not None)
    note_deleted = ledger.note_deleted

    def late(transfer: Transfer, cause: str) -> None:
        ledger.deleted_from_bucket('key/x.ulg', 'was deleted')
        note_deleted(transfer, cause)
    monkeypatch.setattr(ledger, 'note_deleted', late)
    store(ledger, path)
    received.wake()
    wait_until(lambda: not received._is_running)
    assert (ledger.find(path), path.exists()) == (None, False)


@needs_root
def test_one_folder_that_cannot_be_looked_into(ledger: Ledger, make: Make,
                                               caplog: pytest.LogCaptureFixture) -> None:
    with public_directory() as state:
        received = state / 'received'
        for name in ('00ff', 'zz'):
            (received / name).mkdir(parents=True)
            (received / name / 'x.ulg').write_bytes(b'x')
        (received / 'lost+found').mkdir(mode=0o700)
        received.chmod(0o755)
        logs = make(state)
        with as_nobody():
            logs.start()
        paths = [received / name / 'x.ulg' for name in ('00ff', 'zz')]

        def states() -> list[Any]:
            return [found and found.state for found in map(ledger.find, paths)]
        wait_until(lambda: states() == [QUEUED, QUEUED])
        logs.stop()
    assert caplog.text.count('cannot be looked at') == 1
    assert 'lost+found' in caplog.text
