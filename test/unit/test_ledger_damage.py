"""A ledger that is damaged, or taken away, while logs are on their way."""
from collections.abc import Callable
from contextlib import suppress
import os
from pathlib import Path
import sqlite3
import subprocess
import sys
from typing import Any

from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, STORED
from flightlog_bucket.transfers.schema import MIGRATIONS
from flightlog_bucket.transfers.sqlite_files import connect
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest

SOME = Fingerprint(size=10, mtime_ns=1, device=1, inode=5)
OTHER = Fingerprint(size=11, mtime_ns=2, device=1, inode=5)
STORED_LOG = StoredLog('key', 'url', 10, 'x/y', False, 7, 'etag')
A, B, C = Path('/data/a.ulg'), Path('/data/b.ulg'), Path('/data/c.ulg')


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(StateDirectory(tmp_path / 'state'), machine='drone-001', destination='bucket')
    yield ledger
    ledger.close()


def cut_at(step: int) -> Callable[..., None]:
    """Stand for ``os.replace()`` until the power fails in its ``step``-th call."""
    replace, steps = os.replace, []

    def cut(*arguments: Any) -> None:
        steps.append(arguments)
        if len(steps) >= step:
            raise KeyboardInterrupt
        replace(*arguments)
    return cut


def damage(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next look into the ledger find a damaged file."""
    broken = ledger._database._database

    class Broken:
        in_transaction = False

        def execute(self, *_: Any) -> None:
            raise sqlite3.DatabaseError('database disk image is malformed')

        def close(self) -> None:
            broken.close()
    monkeypatch.setattr(ledger._database, '_database', Broken())


def test_what_is_on_its_way_is_not_taken_for_another_log(ledger, monkeypatch):
    ledger.stored(ledger.accept(A, SOME).id, STORED_LOG)
    ledger.accept(B, SOME)
    ledger.accept(C, OTHER)
    on_its_way = ledger.claim()
    damage(ledger, monkeypatch)
    ledger.stored(on_its_way.id, STORED_LOG)
    ledger.release(on_its_way.id)
    assert (ledger.find(B).state, ledger.find(C).state) == (STORED, QUEUED)


def test_the_number_of_an_unreadable_row_is_given_to_no_other_log(ledger, monkeypatch):
    on_its_way = ledger.accept(A, SOME)
    assert ledger.claim() == ledger.find(A)
    ledger._database._database.execute('DELETE FROM transfers')
    damage(ledger, monkeypatch)
    other = ledger.accept(B, SOME)
    assert other.id != on_its_way.id
    ledger.rejected(on_its_way.id, 'it is empty', 'ValidationFailed')
    assert ledger.find(B).state == QUEUED


def test_files_stay_in_their_bag_and_its_metadata_stays_last(ledger, monkeypatch):
    bag = ledger.open_bag(Path('/data/run'), '20250101_000000_run')
    ledger.accept(bag.path / 'run_0.mcap', OTHER, bag=bag)
    ledger.accept(bag.path / 'metadata.yaml', SOME, bag=bag)
    damage(ledger, monkeypatch)
    assert ledger.find(bag.path / 'metadata.yaml').bag == bag
    assert ledger.claim().path == bag.path / 'run_0.mcap'
    assert ledger.claim() is None


def test_without_its_bag_metadata_waits_for_the_next_look_at_its_directory(ledger, monkeypatch):
    bag = ledger.open_bag(Path('/data/run'), '20250101_000000_run')
    for name in ('run_0.db3', 'run_0.db3-wal', 'metadata.yaml'):
        ledger.accept(bag.path / name, SOME, bag=bag)
    ledger._database._database.execute('DELETE FROM bags')
    damage(ledger, monkeypatch)
    assert [t.path.name for t in ledger._transfers('1', ())] == ['run_0.db3']


def test_it_stays_paused_if_no_transfer_can_be_read(ledger, monkeypatch):
    ledger.paused = True
    ledger._database._database.execute('ALTER TABLE transfers RENAME COLUMN note TO lost')
    damage(ledger, monkeypatch)
    assert ledger.paused


def test_without_room_for_a_new_file_nothing_is_forgotten(ledger, monkeypatch):
    ledger.accept(A, SOME)

    def no_room() -> None:
        raise sqlite3.OperationalError('database or disk is full')
    monkeypatch.setattr(ledger._database, '_open_file', no_room)
    damage(ledger, monkeypatch)
    assert ledger.find(A).state == QUEUED
    assert 'in memory only' in ledger.problem


def test_many_logs_are_taken_over_with_one_commit(ledger, monkeypatch):
    for number in range(20):
        ledger.accept(Path(f'/data/{number}.ulg'), SOME)
    commits: list[str] = []

    def traced(name: str) -> sqlite3.Connection:
        database = connect(name)
        database.set_trace_callback(
            lambda statement: commits.append(statement) if 'COMMIT' in statement else None)
        return database
    monkeypatch.setattr('flightlog_bucket.transfers.database.connect', traced)
    damage(ledger, monkeypatch)
    assert ledger.find(Path('/data/19.ulg')).state == QUEUED
    assert 1 <= len(commits) <= len(MIGRATIONS) + 2  # of the tables, and of the question


@pytest.mark.parametrize('step', range(1, 6))
def test_a_power_cut_while_a_damaged_file_is_replaced(ledger, tmp_path, monkeypatch, step):
    ledger.accept(A, SOME)
    ledger.close()
    with sqlite3.connect(ledger.path) as database:
        database.execute('PRAGMA writable_schema = ON')
        database.execute("DELETE FROM sqlite_master WHERE name = 'transfers_by_path'")
    database.close()
    home = StateDirectory(tmp_path / 'state')
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(os, 'replace', cut_at(step))
        Ledger(home, machine='drone-001', destination='bucket').close()
    home.release()
    after = Ledger(home, machine='drone-001', destination='bucket')
    assert after.find(A).state == QUEUED
    after.close()


@pytest.mark.parametrize('step', range(1, 5))
def test_a_power_cut_while_a_lost_file_is_written_anew(ledger, tmp_path, monkeypatch, step):
    ledger.accept(A, SOME)
    file = ledger.path
    file.rename(file.with_name('away'))  # its -wal and -shm stay
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(os, 'replace', cut_at(step))
        ledger.accept(B, SOME)
    ledger.close()
    after = Ledger(StateDirectory(tmp_path / 'state'), machine='drone-001', destination='bucket')
    assert after.find(A).state == QUEUED
    after.close()


def test_another_node_that_takes_a_deleted_folder_ends_nothing(ledger, tmp_path):
    ledger.accept(A, SOME)
    for file in (tmp_path / 'state').iterdir():
        file.unlink()
    script = ('import fcntl, sys; lock = open(sys.argv[1], "w");'
              'fcntl.flock(lock, fcntl.LOCK_EX); print("locked", flush=True); input()')
    with subprocess.Popen([sys.executable, '-c', script, str(tmp_path / 'state' / 'lock')],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'locked\n'
        assert ledger.claim().path == A
        assert 'is in use by the process' in ledger.problem
        other.communicate(b'\n', timeout=60)


def test_what_was_announced_under_way_is_durable_once_the_older_content_is_stored(ledger):
    number = ledger.accept(A, SOME).id
    ledger.claim()
    ledger.accept(A, OTHER)
    ledger.stored(number, STORED_LOG)  # and here the power goes
    after = ledger.find(A)
    assert (after.state, after.fingerprint) == (QUEUED, OTHER)
