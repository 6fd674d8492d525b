"""What comes between two steps of the ledger: nothing is forgotten, late, or counted twice."""
from datetime import datetime, timedelta, timezone
from functools import partial
import os

from flightlog_bucket.errors import LedgerUnavailable, LocalFileChanged, Unavailable
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.records import AWAY, Counts, QUEUED
import pytest
from support.book import Book
from support.desk import Desk


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    yield book
    book.ledger.close()


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path, retry_max_delay_s=300)
    yield desk
    desk.ledger.close()


def fail_often(desk, error) -> None:
    for _ in range(8):  # the pauses grow
        assert desk.step() == ['a.ulg']
        desk.end(error)
        desk.now_s += 400


def meanwhile(monkeypatch, of, name, do) -> None:
    """Do something within the next call of a method, before it does its work."""
    method = getattr(of, name)

    def late(*arguments, **options):
        monkeypatch.undo()
        do()
        return method(*arguments, **options)
    monkeypatch.setattr(of, name, late)


@pytest.mark.parametrize('is_settled_again', [False, True])
def test_a_log_that_is_accepted_again_while_it_is_forgotten_is_not(
        book, monkeypatch, is_settled_again) -> None:
    number, gone = book.reject('a.ulg', AWAY), book.reject('gone.ulg', AWAY)
    path, away = book.folder / 'a.ulg', book.folder / 'away'
    path.rename(away)
    (book.folder / 'gone.ulg').unlink()
    lexists = os.path.lexists

    def come_back(looked_at):
        is_there = lexists(looked_at)
        if looked_at == path:
            away.rename(path)
            assert book.ledger.accept(path, Fingerprint.of(path.stat())).state == QUEUED
            if is_settled_again:
                book.now_s += 86400 * 2
                book.ledger.rejected(number, 'it is damaged', 'CorruptLog')
        return is_there
    before = datetime.fromtimestamp(1_000_000 + book.now_s, timezone.utc) + timedelta(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(os.path, 'lexists', come_back)
        assert book.ledger.forget_settled(before) == 1
    assert list(book.ledger.transfers([number, gone])) == [number]


def test_a_log_that_is_stored_is_not_counted_among_those_on_their_way(desk, monkeypatch) -> None:
    desk.worker.slots = 1
    desk.accept('a.ulg')
    desk.accept('b.ulg', 5)
    desk.step()
    assert desk.ledger.counts() == Counts(queued=1, uploading=1, stored=0, rejected=0)
    seen = []
    meanwhile(monkeypatch, desk.ledger, 'release', lambda: seen.append(desk.ledger.counts()))
    desk.end()
    assert seen == [Counts(queued=1, uploading=0, stored=1, rejected=0)]


def test_a_network_that_returns_while_a_fault_is_written_down_ends_the_pause(
        desk, monkeypatch) -> None:
    desk.accept('a.ulg')
    fail_often(desk, Unavailable('down'))
    desk.step()
    meanwhile(monkeypatch, desk.ledger, 'waits', desk.worker.network_is_back)
    desk.end(Unavailable('down'))
    assert desk.step() == ['a.ulg']
    # A fault that comes after is delayed as ever.
    for pause_s in (1.0, 2.0, 4.0):
        desk.end(Unavailable('down'))
        assert desk.step() == []
        assert desk.ledger.next_due_s() == pytest.approx(pause_s)
        desk.now_s += pause_s
        assert desk.step() == ['a.ulg']


def test_a_network_that_returns_before_a_fault_can_be_written_down_ends_the_pause(
        desk, monkeypatch) -> None:
    desk.accept('a.ulg')
    fail_often(desk, Unavailable('down'))
    desk.step()
    waits, is_full = desk.ledger.waits, True

    def write(*arguments, **options):
        if is_full:
            raise LedgerUnavailable('the disk is full')
        waits(*arguments, **options)
    monkeypatch.setattr(desk.ledger, 'waits', write)
    desk.end(Unavailable('down'))
    desk.worker.network_is_back()
    is_full = False
    desk.now_s += 6
    assert desk.step() == ['a.ulg']


def test_who_wants_a_retry_while_a_fault_is_written_down_gets_it(desk, monkeypatch) -> None:
    path = desk.accept('a.ulg')
    fail_often(desk, LocalFileChanged('was written to'))
    desk.step()
    meanwhile(monkeypatch, desk.ledger, 'waits', lambda: desk.worker.retry([path]))
    desk.end(LocalFileChanged('was written to'))
    assert desk.step() == ['a.ulg']


def test_who_wants_a_retry_when_a_fault_is_just_written_down_gets_it(desk, monkeypatch) -> None:
    path = desk.accept('a.ulg')
    fail_often(desk, LocalFileChanged('was written to'))
    desk.step()
    again = []
    meanwhile(monkeypatch, desk.ledger, 'release',
              lambda: again.extend(desk.worker.retry([path])))
    desk.end(LocalFileChanged('was written to'))
    assert len(again) == 1
    assert desk.step() == ['a.ulg']


def test_who_wants_a_retry_is_not_put_off_by_a_fault_that_is_written_down_after(
        desk, monkeypatch) -> None:
    path = desk.accept('a.ulg')
    fail_often(desk, LocalFileChanged('was written to'))
    desk.step()
    waits, retry, pending = desk.ledger.waits, desk.ledger.retry, []

    def retry_and_write(paths):
        again = retry(paths)
        pending.pop()()
        return again
    monkeypatch.setattr(desk.ledger, 'waits', lambda *arguments, **options: pending.append(
        partial(waits, *arguments, **options)))
    monkeypatch.setattr(desk.ledger, 'retry', retry_and_write)
    desk.end(LocalFileChanged('was written to'))
    desk.worker.retry([path])
    assert desk.step() == ['a.ulg']
