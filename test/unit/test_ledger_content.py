"""What the ledger knows of the content of stored logs."""
from datetime import datetime, timezone
from pathlib import Path
import sqlite3

from flightlog_bucket.results import LogContent, StoredFile, StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers import schema
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED
from flightlog_bucket.transfers.schema import migrate
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest

SOME = Fingerprint(size=10, mtime_ns=1, device=1, inode=2)
START = datetime(2025, 7, 27, 14, 30, 22, 123456, timezone.utc)
CONTENT = LogContent('mcap', 'truncated', 'it was cut', '{"topics":[]}', START, 2.5, 7)
KEY = 'flight_logs/drone-001/x.mcap'


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(StateDirectory(tmp_path / 'state'), machine='drone-001', destination='bucket')
    yield ledger
    ledger.close()


def store(ledger: Ledger, path: str, etag: str = 'e', content: LogContent = CONTENT,
          key: str = KEY) -> int:
    number = ledger.accept(Path(path), SOME).id
    ledger.stored(number, StoredLog(key, '', 10, '', False, 7, etag, content))
    return number


def an_object(key: str = KEY, etag: str = 'e') -> StoredFile:
    return StoredFile(key, 10, START, '', etag)


def test_it_is_kept_and_told_in_short_and_at_length(ledger):
    store(ledger, '/data/x.mcap')
    short = LogContent('mcap', 'truncated', 'it was cut', '', START, 2.5, 7)
    assert ledger.stored_contents([an_object(), an_object('other')]) == {KEY: short}
    assert ledger.stored_content(an_object()) == CONTENT
    transfer = ledger.find(Path('/data/x.mcap'))
    assert transfer.content == short
    assert ledger.description(transfer) == CONTENT.description


def test_another_object_under_the_key_is_another_log(ledger):
    store(ledger, '/data/x.mcap')
    assert ledger.stored_contents([an_object(etag='another')]) == {}
    assert ledger.stored_content(an_object(etag='another')) is None


def test_of_two_logs_under_a_key_the_one_that_was_stored_last_counts(ledger):
    first = ledger.accept(Path('/data/a.mcap'), SOME).id
    store(ledger, '/data/b.mcap', content=LogContent('mcap', 'valid'))
    ledger.stored(first, StoredLog(KEY, '', 10, '', False, 7, 'e', CONTENT))
    assert ledger.stored_content(an_object()) == CONTENT


def test_a_thousand_keys_at_once(ledger):
    for number in range(1100):
        store(ledger, f'/data/{number}.mcap', key=f'k{number}')
    assert len(ledger.stored_contents([an_object(f'k{n}') for n in range(1100)])) == 1100


def test_what_cannot_be_kept_as_it_is(ledger):
    odd = LogContent('mcap', 'valid', 'half \ud800', '{"a":"\ud800"}', None, 0.0, 2 ** 64)
    store(ledger, '/data/x.mcap', content=odd)
    kept = ledger.stored_content(an_object())
    assert (kept.reason, kept.message_count, kept.start) == ('half ?', 2 ** 63 - 1, None)


def test_it_goes_with_its_transfer(ledger, tmp_path):
    store(ledger, str(tmp_path / 'gone.mcap'))
    assert ledger.forget_settled(datetime(2100, 1, 1, tzinfo=timezone.utc)) == 1
    # The number is given anew, to a log of which nothing is known.
    transfer = ledger.accept(Path('/data/new.mcap'), SOME)
    assert ledger.description(transfer) == ''


def test_a_ledger_of_the_first_version_is_brought_up(tmp_path, monkeypatch):
    home = tmp_path / 'state'
    with monkeypatch.context() as patch:
        patch.setattr(schema, 'MIGRATIONS', schema.MIGRATIONS[:1])
        database = sqlite3.connect(tmp_path / 'first.sqlite3')
        migrate(database)
        for number, state in enumerate(('queued', 'stored', 'rejected')):
            database.execute(
                'INSERT INTO transfers (destination, machine, path, name, size, mtime_ns, device,'
                " inode, state, urgent, key, etag, accepted) VALUES ('bucket', 'drone-001', ?,"
                " '', 10, 1, 1, 2, ?, 0, ?, 'e', 0)",
                (f'/data/{number}.mcap'.encode(), state, f'k{number}'))
        database.commit()
        database.close()
    directory = StateDirectory(home)
    ledger = Ledger(directory, machine='drone-001', destination='bucket')
    path = ledger.path
    ledger.close()
    (tmp_path / 'first.sqlite3').replace(path)
    ledger = Ledger(StateDirectory(home), machine='drone-001', destination='bucket')
    try:
        assert [ledger.find(Path(f'/data/{n}.mcap')).state for n in range(3)] == [
            QUEUED, STORED, REJECTED]
        assert ledger.stored_contents([an_object('k1')]) == {}
        number = ledger.claim().id
        ledger.stored(number, StoredLog('k0', '', 10, '', False, 7, 'e', CONTENT))
        assert ledger.stored_content(an_object('k0')) == CONTENT
    finally:
        ledger.close()


def test_what_was_refused_can_be_tried_again(ledger):
    for name, fault in (('a', 'CorruptLog'), ('b', 'FormatMismatch')):
        number = ledger.accept(Path(f'/data/{name}.mcap'), SOME).id
        ledger.rejected(number, 'a reason', fault)
    ledger.try_again('CorruptLog')
    assert ledger.find(Path('/data/a.mcap')).state == QUEUED
    assert ledger.find(Path('/data/b.mcap')).state == REJECTED
    # One that waits already is not there twice.
    ledger.rejected(ledger.claim().id, 'a reason', 'CorruptLog')
    ledger.accept(Path('/data/a.mcap'), Fingerprint(11, 2, 1, 2))
    ledger.try_again('CorruptLog')
    assert ledger.counts().queued <= 1
