"""The ledger: the same log is one transfer, and nothing is forgotten."""
import fcntl
import os
from pathlib import Path
import sqlite3
import subprocess
import sys

from flightlog_bucket.errors import (
    ConfigurationError,
    LedgerInUse,
    LedgerUnavailable,
    LocalFileNotFound,
)
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, UPLOADING
from flightlog_bucket.transfers.schema import MIGRATIONS
from flightlog_bucket.transfers.state_directory import default_state_directory, StateDirectory
import pytest

FLIGHT = Path('/data/flight.ulg')
FIRST = Fingerprint(size=10, mtime_ns=1, device=1, inode=2 ** 63 + 5)
CHANGED = Fingerprint(size=11, mtime_ns=2, device=1, inode=2 ** 63 + 5)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_ledger(tmp_path, clock):
    opened = []

    def begin(directory=tmp_path / 'state', destination='bucket', machine='drone-001'):
        for ledger in opened:
            ledger.close()
        opened.append(Ledger(StateDirectory(directory), machine=machine, destination=destination,
                             clock=clock))
        return opened[-1]
    yield begin
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger):
    return open_ledger()


def log(key='flight_logs/drone-001/x.ulg'):
    return StoredLog(s3_key=key, file_url='', file_size=10, content_type='', already_stored=False,
                     crc32=7, etag='"e"')


def test_a_log_stands_in_it_from_acceptance_to_storage(ledger):
    accepted = ledger.accept(FLIGHT, FIRST, urgent=True)
    assert (accepted.state, accepted.machine, accepted.fingerprint) == (QUEUED, 'drone-001', FIRST)
    claimed = ledger.claim()
    assert claimed.id == accepted.id
    assert ledger.find(FLIGHT).state == UPLOADING
    assert ledger.claim() is None
    ledger.stored(claimed.id, log())
    assert not ledger.release(claimed.id)
    stored = ledger.find(FLIGHT)
    assert (stored.state, stored.key, stored.crc32, stored.etag) == (
        STORED, 'flight_logs/drone-001/x.ulg', 7, '"e"')
    assert ledger.claim() is None


def test_what_was_accepted_is_there_after_a_restart(open_ledger):
    open_ledger().accept(FLIGHT, FIRST, name='mission.ulg')
    found = open_ledger().find(FLIGHT)
    assert (found.name, found.fingerprint, found.state) == ('mission.ulg', FIRST, QUEUED)


def test_what_was_on_its_way_is_queued_after_a_restart(open_ledger):
    ledger = open_ledger()
    ledger.accept(FLIGHT, FIRST)
    assert ledger.claim()
    assert open_ledger().claim().path == FLIGHT


def test_the_same_log_twice_is_one_transfer(ledger):
    first = ledger.accept(FLIGHT, FIRST)
    assert ledger.accept(FLIGHT, FIRST).id == first.id
    assert ledger.counts().queued == 1


def test_a_trigger_without_a_name_joins_one_with_a_name(ledger):
    named = ledger.accept(FLIGHT, FIRST, name='mission.ulg')
    assert ledger.accept(FLIGHT, FIRST).id == named.id
    ledger.claim()
    ledger.stored(named.id, log())
    ledger.release(named.id)
    assert ledger.accept(FLIGHT, FIRST).state == STORED


def test_a_name_that_comes_later_is_taken_while_nothing_has_begun(ledger):
    unnamed = ledger.accept(FLIGHT, FIRST)
    named = ledger.accept(FLIGHT, FIRST, name='mission.ulg')
    assert (named.id, named.name) == (unnamed.id, 'mission.ulg')


def test_a_stored_log_is_not_queued_again_by_a_trigger_but_by_a_person(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.stored(accepted.id, log())
    ledger.release(accepted.id)
    assert ledger.accept(FLIGHT, FIRST).state == STORED
    again = ledger.accept(FLIGHT, FIRST, again=True)
    assert (again.id, again.state) == (accepted.id, QUEUED)


def test_a_stored_file_that_has_changed_is_another_transfer(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.stored(accepted.id, log())
    ledger.release(accepted.id)
    changed = ledger.accept(FLIGHT, CHANGED)
    assert changed.id != accepted.id
    assert changed.state == QUEUED
    assert ledger.find(FLIGHT).fingerprint == CHANGED


def test_a_file_that_changes_while_it_is_on_its_way_is_told_at_its_end(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    assert ledger.accept(FLIGHT, CHANGED).id == accepted.id
    assert ledger.find(FLIGHT).fingerprint == FIRST
    assert ledger.release(accepted.id)


def test_a_waiting_file_that_changes_is_sent_anew_and_its_parts_are_orphans(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    journal = ledger.journal(accepted.id)
    journal.began('the/key', 'upload-1', 5)
    journal.acknowledged(Part(1, 5, 99, '"p1"'))
    changed = ledger.accept(FLIGHT, CHANGED)
    assert changed.id == accepted.id
    assert changed.upload_id == ''
    assert [o.upload_id for o in ledger.orphanage.all()] == ['upload-1']
    assert ledger.journal(accepted.id).begin(CHANGED) is None


def test_progress_survives_a_restart(open_ledger):
    ledger = open_ledger()
    accepted = ledger.accept(FLIGHT, FIRST)
    journal = ledger.journal(accepted.id)
    assert journal.begin(FIRST) is None
    journal.began('the/key', 'upload-1', 5)
    journal.acknowledged(Part(2, 5, 98, '"p2"'))
    journal.acknowledged(Part(1, 5, 2 ** 32 - 1, '"p1"'))
    progress = open_ledger().journal(accepted.id).begin(FIRST)
    assert (progress.key, progress.upload_id, progress.part_size) == ('the/key', 'upload-1', 5)
    assert progress.parts == (Part(1, 5, 2 ** 32 - 1, '"p1"'), Part(2, 5, 98, '"p2"'))


def test_progress_that_a_full_disk_did_not_take_is_known_to_this_process(ledger, monkeypatch,
                                                                         open_ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    run, is_full = ledger._database.run, True

    def write(work):
        if is_full:
            raise LedgerUnavailable('full')
        return run(work)
    monkeypatch.setattr(ledger._database, 'run', write)
    journal = ledger.journal(accepted.id)
    assert journal.begin(FIRST) is None
    journal.began('the/key', 'upload-1', 5)
    journal.acknowledged(Part(1, 5, 99, '"p1"'))
    assert ledger.journal(accepted.id).begin(FIRST).upload_id == 'upload-1'
    is_full = False
    progress = ledger.journal(accepted.id).begin(FIRST)
    assert progress.parts == (Part(1, 5, 99, '"p1"'),)
    assert open_ledger().journal(accepted.id).begin(FIRST) == progress


def test_an_upload_that_a_full_disk_did_not_take_is_an_orphan_of_the_old_content(ledger,
                                                                                 monkeypatch):
    accepted = ledger.accept(FLIGHT, FIRST)
    run = ledger._database.run

    def full(work):
        raise LedgerUnavailable('full')
    journal = ledger.journal(accepted.id)
    journal.begin(FIRST)
    monkeypatch.setattr(ledger._database, 'run', full)
    journal.began('the/key', 'upload-1', 5)
    monkeypatch.setattr(ledger._database, 'run', run)
    assert ledger.journal(accepted.id).begin(CHANGED) is None
    assert [o.upload_id for o in ledger.orphanage.all()] == ['upload-1']


def test_uploads_to_another_bucket_are_not_forgotten(open_ledger):
    ledger = open_ledger(destination='sandbox')
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.journal(accepted.id).began('the/key', 'upload-1', 5)
    assert open_ledger(destination='fleet').claim().upload_id == ''
    orphans = open_ledger(destination='sandbox').orphanage.all()
    assert [(o.upload_id, o.key) for o in orphans] == [('upload-1', 'the/key')]


def test_progress_of_another_content_is_given_up(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.journal(accepted.id).began('the/key', 'upload-1', 5)
    assert ledger.journal(accepted.id).begin(CHANGED) is None
    assert [o.upload_id for o in ledger.orphanage.all()] == ['upload-1']
    assert ledger.find(FLIGHT).fingerprint == CHANGED


def test_a_rejected_log_waits_for_a_person(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.rejected(accepted.id, 'not a ULog', 'ValidationFailed')
    ledger.release(accepted.id)
    assert ledger.accept(FLIGHT, FIRST).state == REJECTED
    again = ledger.accept(FLIGHT, FIRST, again=True)
    assert (again.id, again.state, again.reason) == (accepted.id, QUEUED, '')


def test_a_file_that_was_gone_and_is_back_is_tried_again(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.rejected(accepted.id, 'there is none', LocalFileNotFound.__name__)
    ledger.release(accepted.id)
    assert ledger.accept(FLIGHT, FIRST).state == QUEUED


def test_urgent_ones_go_first_then_small_ones(ledger):
    for name, size, urgent in (('large', 30, False), ('small', 10, False), ('urgent', 20, True)):
        ledger.accept(Path(f'/data/{name}.ulg'), Fingerprint(size, 1, 1, size), urgent=urgent)
    assert [ledger.claim().path.stem for _ in range(3)] == ['urgent', 'small', 'large']


def test_a_waiting_log_is_due_after_its_pause(ledger, clock):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.waits(accepted.id, 'no network', 'Unavailable', 30.0)
    ledger.release(accepted.id)
    assert ledger.claim() is None
    assert ledger.next_due_s() == pytest.approx(30.0)
    clock.now_s += 31
    claimed = ledger.claim()
    assert (claimed.attempts, claimed.reason) == (1, 'no network')


def test_a_pause_does_not_outlive_the_process(open_ledger):
    ledger = open_ledger()
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.waits(accepted.id, 'no network', 'Unavailable', 3000.0)
    assert open_ledger().claim().id == accepted.id


def test_waiting_logs_can_be_made_due_by_their_fault(ledger):
    for name, fault in (('a', 'Unavailable'), ('b', 'LocalFileChanged')):
        accepted = ledger.accept(Path(f'/data/{name}.ulg'), FIRST)
        ledger.waits(accepted.id, 'reason', fault, 100.0)
    ledger.make_due(('Unavailable',))
    assert ledger.claim().path.stem == 'a'
    assert ledger.claim() is None


def test_the_last_file_of_a_bag_waits_for_the_others(ledger):
    bag = ledger.open_bag(Path('/data/run'), '20250101_000000_run')
    metadata = ledger.accept(Path('/data/run/metadata.yaml'), Fingerprint(1, 1, 1, 1), bag=bag)
    split = ledger.accept(Path('/data/run/run_0.mcap'), Fingerprint(9, 1, 1, 2), bag=bag)
    assert ledger.claim().id == split.id
    assert ledger.claim() is None
    ledger.stored(split.id, log())
    ledger.release(split.id)
    assert ledger.claim().id == metadata.id
    assert [t.id for t in ledger.in_bag(bag)] == [metadata.id, split.id]


def test_a_bag_is_found_again(open_ledger):
    bag = open_ledger().open_bag(Path('/data/run'), 'folder')
    ledger = open_ledger()
    assert ledger.bag(Path('/data/run')) == bag
    assert ledger.open_bag(Path('/data/run'), 'folder') == bag
    assert ledger.unfinished_bags() == [bag]
    assert ledger.bag(Path('/data/other')) is None


def test_what_is_stored_in_one_bucket_is_not_in_another(open_ledger):
    ledger = open_ledger(destination='sandbox')
    stored, waiting = Path('/data/a.ulg'), Path('/data/b.ulg')
    accepted = ledger.accept(stored, FIRST)
    ledger.claim()
    ledger.stored(accepted.id, log())
    ledger.release(accepted.id)
    ledger.accept(waiting, FIRST)
    ledger = open_ledger(destination='fleet')
    assert ledger.find(stored) is None
    assert ledger.claim().path == waiting
    assert open_ledger(destination='sandbox').find(stored).state == STORED


def test_of_two_transfers_of_a_file_the_one_that_waits_is_found(ledger):
    for name in ('first.ulg', 'second.ulg'):
        accepted = ledger.accept(FLIGHT, FIRST, name=name)
        ledger.claim()
        ledger.stored(accepted.id, log(name))
        ledger.release(accepted.id)
    assert ledger.find(FLIGHT).name == 'second.ulg'
    ledger.accept(FLIGHT, FIRST, name='first.ulg', again=True)
    assert ledger.find(FLIGHT).name == 'first.ulg'


def test_a_name_is_asked_for_again_while_the_log_waits_under_it_and_without_one(ledger):
    stored = ledger.accept(FLIGHT, FIRST, name='x.ulg')
    ledger.stored(stored.id, log())
    unnamed = ledger.accept(FLIGHT, CHANGED)
    assert ledger.claim().id == unnamed.id
    ledger.accept(FLIGHT, FIRST, name='x.ulg', again=True)
    ledger.release(unnamed.id)
    assert ledger.accept(FLIGHT, FIRST, name='x.ulg').id == stored.id


def test_known_of_many(ledger):
    paths = [Path(f'/data/{n}.ulg') for n in range(1200)]
    for path in paths[::100]:
        ledger.accept(path, FIRST)
    assert set(ledger.known(paths)) == set(paths[::100])


def test_names_that_are_no_text(ledger):
    path = Path(os.fsdecode(b'/data/\xff\xfe.ulg'))
    ledger.accept(path, FIRST)
    assert ledger.find(path).path == path


def test_what_was_deleted_on_purpose_is_stored_again_by_a_person_only(ledger):
    accepted = ledger.accept(FLIGHT, FIRST)
    ledger.claim()
    ledger.stored(accepted.id, log('the/key'))
    ledger.release(accepted.id)
    ledger.deleted_from_bucket('the/key', 'was deleted')
    assert ledger.accept(FLIGHT, FIRST).reason == 'was deleted'
    assert ledger.stored_under([Path('/data')]) == []
    assert ledger.accept(FLIGHT, FIRST, again=True).state == QUEUED


def test_stored_logs_of_a_folder(ledger):
    for path in (Path('/data/logs/a.ulg'), Path('/data/logs2/b.ulg'), Path('/data/logs/c/d.ulg')):
        accepted = ledger.accept(path, FIRST)
        ledger.claim()
        ledger.stored(accepted.id, log())
        ledger.release(accepted.id)
    found = ledger.stored_under([Path('/data/logs')])
    assert [t.path.name for t in found] == ['a.ulg', 'd.ulg']
    ledger.note_deleted(found[0], 'keep_days')
    assert [t.path.name for t in ledger.stored_under([Path('/data/logs')])] == ['d.ulg']


def test_paused_survives_a_restart(open_ledger):
    ledger = open_ledger()
    assert not ledger.paused
    ledger.paused = True
    assert open_ledger().paused


def test_a_second_process_is_told_so_in_one_line(ledger, tmp_path):
    code = ('import sys; from pathlib import Path\n'
            'from flightlog_bucket.transfers.state_directory import StateDirectory\n'
            'from flightlog_bucket.errors import LedgerInUse\n'
            'try: StateDirectory(Path(sys.argv[1])).claim()\n'
            'except LedgerInUse as error: print(error)\n')
    said = subprocess.run([sys.executable, '-c', code, str(tmp_path / 'state')], check=True,
                          capture_output=True, text=True, timeout=60).stdout
    assert said == (f'state_directory {tmp_path / "state"} is in use by the process'
                    f' {os.getpid()}; end that one, or give this node another state_directory\n')


def test_the_lock_is_really_one(ledger, tmp_path):
    with open(tmp_path / 'state' / 'lock') as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(LedgerInUse):
        StateDirectory(tmp_path / 'state').claim()


def damage_all(file):
    file.write_bytes(b'not a database' * 1000)


def damage_a_page(file):
    content = bytearray(file.read_bytes())
    content[4096:8192] = bytes(4096)
    file.write_bytes(content)


def cut(file):
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize('damage', [damage_all, damage_a_page, cut])
def test_a_damaged_file_is_set_aside(open_ledger, tmp_path, caplog, damage):
    ledger = open_ledger()
    for n in range(200):
        ledger.accept(Path(f'/data/{n}.ulg'), FIRST)
    ledger.close()
    damage(tmp_path / 'state' / 'ledger.sqlite3')
    ledger = open_ledger()
    assert 'is damaged' in caplog.text
    assert len(list((tmp_path / 'state').glob('ledger.sqlite3.damaged-*'))) >= 1
    assert ledger.accept(FLIGHT, FIRST).state == QUEUED
    assert open_ledger().find(FLIGHT).state == QUEUED


def test_what_can_be_read_of_a_damaged_file_is_taken_over(open_ledger, tmp_path):
    ledger = open_ledger()
    ledger.accept(FLIGHT, FIRST, name='mission.ulg')
    ledger.paused = True
    ledger.close()
    file = tmp_path / 'state' / 'ledger.sqlite3'
    with sqlite3.connect(file) as database:
        database.execute('PRAGMA writable_schema = ON')
        database.execute("DELETE FROM sqlite_master WHERE name = 'transfers_by_path'")
    database.close()
    ledger = open_ledger()
    assert ledger.find(FLIGHT).name == 'mission.ulg'
    assert ledger.paused


def test_a_file_that_is_damaged_while_it_is_open(ledger, tmp_path, monkeypatch):
    ledger.accept(FLIGHT, FIRST)
    broken = ledger._database._database

    class Broken:
        in_transaction = False

        def execute(self, *_):
            raise sqlite3.DatabaseError('database disk image is malformed')

        def close(self):
            broken.close()
    monkeypatch.setattr(ledger._database, '_database', Broken())
    assert ledger.accept(Path('/data/b.ulg'), FIRST).state == QUEUED
    assert ledger.find(FLIGHT).state == QUEUED


def test_a_file_of_a_newer_version_is_left_alone(open_ledger, tmp_path):
    open_ledger().close()
    file = tmp_path / 'state' / 'ledger.sqlite3'
    database = sqlite3.connect(file)
    database.execute(f'PRAGMA user_version = {len(MIGRATIONS) + 1}')
    database.close()
    with pytest.raises(ConfigurationError, match='install the newer one again'):
        Ledger(StateDirectory(tmp_path / 'state'), machine='m', destination='d')


def test_a_deleted_file_is_written_anew(open_ledger, ledger, tmp_path, caplog):
    ledger.accept(FLIGHT, FIRST)
    for file in (tmp_path / 'state').iterdir():
        file.unlink()
    (tmp_path / 'state').rmdir()
    ledger.accept(Path('/data/b.ulg'), FIRST)
    assert 'was deleted, and is written anew' in caplog.text
    after = open_ledger()
    assert after.find(FLIGHT)
    assert after.find(Path('/data/b.ulg'))


def test_a_folder_that_cannot_be_made_is_no_end(open_ledger, tmp_path, clock, caplog):
    (tmp_path / 'file').write_text('')
    ledger = open_ledger(directory=tmp_path / 'file' / 'state')
    assert 'kept in memory only' in ledger.problem
    assert ledger.accept(FLIGHT, FIRST).state == QUEUED
    (tmp_path / 'file').unlink()
    clock.now_s += 60
    assert ledger.find(FLIGHT)
    assert ledger.problem == ''
    assert open_ledger(directory=tmp_path / 'file' / 'state').find(FLIGHT).state == QUEUED


def test_a_full_disk_is_an_error_and_nothing_is_half_accepted(ledger, open_ledger):
    database = ledger._database._database
    pages = database.execute('PRAGMA page_count').fetchone()[0]
    database.execute(f'PRAGMA max_page_count = {pages}')
    with pytest.raises(LedgerUnavailable, match='full'):
        for n in range(10_000):
            ledger.accept(Path(f'/data/{n}.ulg'), FIRST)
    database.execute('PRAGMA max_page_count = 1000000')
    assert ledger.accept(FLIGHT, FIRST).state == QUEUED
    queued = ledger.counts().queued
    assert open_ledger().counts().queued == queued


def test_old_settled_logs_whose_files_are_gone_are_forgotten(ledger, tmp_path):
    from datetime import datetime, timedelta, timezone
    there = tmp_path / 'there.ulg'
    there.write_bytes(b'x')
    for path in (there, tmp_path / 'gone.ulg'):
        accepted = ledger.accept(path, FIRST)
        ledger.claim()
        ledger.stored(accepted.id, log())
        ledger.release(accepted.id)
    ledger.accept(tmp_path / 'queued.ulg', FIRST)
    later = datetime.now(timezone.utc) + timedelta(days=1)
    assert ledger.forget_settled(later) == 1
    assert ledger.find(there)
    assert not ledger.find(tmp_path / 'gone.ulg')
    assert ledger.find(tmp_path / 'queued.ulg')


@pytest.mark.parametrize(('environment', 'expected'), [
    ({'ROS_HOME': '/r', 'HOME': '/h'}, '/r/flightlog_bucket'),
    ({'HOME': '/h'}, '/h/.ros/flightlog_bucket')])
def test_the_default_folder(environment, expected):
    assert default_state_directory(environment) == Path(expected)


def test_without_any_home_there_is_no_default_folder():
    with pytest.raises(ConfigurationError, match='state_directory'):
        default_state_directory({})
