"""Logs that arrived over HTTP, on disks and in folders that are not as they should be."""
from collections.abc import Callable, Iterator
import logging
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import LocalFileError
from flightlog_bucket.operations.received_logs import ReceivedLogs
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage import reception
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from support.expect import wait_until
from support.nobody import as_nobody, needs_root, public_directory

Make = Callable[[Path], ReceivedLogs]


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
