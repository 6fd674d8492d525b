"""What persons change in the ledger."""

from flightlog_bucket.errors import LocalFileNotFound
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, REJECTED, WITHDRAWN
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from support.book import Book


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    yield book
    book.ledger.close()


def test_retry_of_all(book) -> None:
    waiting, rejected = book.let_wait('waiting.ulg'), book.reject('rejected.ulg')
    book.accept('due.ulg')
    book.store('stored.ulg')
    deleted, cancelled = book.store('deleted.ulg'), book.accept('cancelled.ulg', revocable=True)
    book.ledger.deleted_from_bucket('key/deleted.ulg', 'was deleted')
    book.ledger.withdrawn(cancelled, 'cancelled', WITHDRAWN)
    gone = book.reject('gone.ulg')
    (book.folder / 'gone.ulg').unlink()
    assert sorted(book.ledger.retry()) == [waiting, rejected]
    found = book.ledger.transfers([waiting, rejected])
    assert {t.state for t in found.values()} == {QUEUED}
    assert {t.next_attempt_s for t in found.values()} == {0.0}
    assert (found[rejected].attempts, found[rejected].reason, found[rejected].fault) == (0, '', '')
    assert (found[waiting].attempts, found[waiting].reason) == (1, 'nobody there')
    assert {book.state(number) for number in (deleted, cancelled, gone)} == {REJECTED}
    assert book.ledger.retry() == []


def test_retry_of_what_is_named(book) -> None:
    deleted, cancelled = book.store('deleted.ulg'), book.accept('cancelled.ulg', revocable=True)
    book.ledger.deleted_from_bucket('key/deleted.ulg', 'was deleted')
    book.ledger.withdrawn(cancelled, 'cancelled', WITHDRAWN)
    other = book.reject('other.ulg')
    again = book.ledger.retry([book.folder / 'deleted.ulg', book.folder / 'cancelled.ulg'])
    assert sorted(again) == [deleted, cancelled]
    assert book.state(other) == REJECTED
    assert book.ledger.retry([book.folder]) == [other]


def test_retry_of_what_needs_none(book) -> None:
    book.store('stored.ulg')
    book.accept('due.ulg')
    uploading = book.accept('uploading.ulg', urgent=True)
    book.ledger.waits(uploading, 'nobody there', 'Unavailable', 1, urgent=True)
    book.now_s += 2
    assert book.ledger.claim().id == uploading
    assert book.ledger.retry([book.folder / f'{name}.ulg'
                              for name in ('stored', 'due', 'uploading')]) == []


@pytest.mark.parametrize('is_known', [True, False])
def test_retry_of_what_is_not_there(book, is_known) -> None:
    waiting = book.let_wait('waiting.ulg')
    if is_known:
        book.reject('a.ulg')
        (book.folder / 'a.ulg').unlink()
    with pytest.raises(LocalFileNotFound, match='is gone' if is_known else 'is known; upload it'):
        book.ledger.retry([book.folder / 'waiting.ulg', book.folder / 'a.ulg'])
    assert book.ledger.transfers([waiting])[waiting].next_attempt_s > 0


def test_retry_tries_the_newest_content_only(book) -> None:
    first = book.reject('a.ulg')
    path = book.folder / 'a.ulg'
    path.write_bytes(b'longer')
    second = book.ledger.accept(path, Fingerprint.of(path.stat())).id
    assert second != first
    book.ledger.stored(second, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert book.ledger.retry() == []
    assert book.ledger.retry([path]) == []
    path.write_bytes(b'longer still')
    third = book.ledger.accept(path, Fingerprint.of(path.stat())).id
    book.ledger.rejected(third, 'it is damaged', 'CorruptLog')
    assert book.ledger.retry() == [third]


def test_a_retry_that_another_one_is_in_the_way_of(book) -> None:
    first = book.reject('a.ulg')
    path = book.folder / 'a.ulg'
    path.write_bytes(b'longer')
    second = book.ledger.accept(path, Fingerprint.of(path.stat())).id
    book.ledger.rejected(second, 'it is damaged', 'CorruptLog')
    path.write_bytes(b'y')
    assert book.ledger.retry([path]) == [second]
    # The first content is there again, and asked for: it joins the one that waits.
    assert book.ledger.accept(path, Fingerprint.of(path.stat()), again=True).id == second
    assert book.state(first) == REJECTED


def test_a_retry_is_asked_for_by_somebody_else(book) -> None:
    number = book.accept('a.ulg', revocable=True)
    assert book.ledger.is_revocable(number)
    book.ledger.waits(number, 'nobody there', 'Unavailable', 60)
    book.ledger.retry()
    assert not book.ledger.is_revocable(number)


@pytest.mark.parametrize('is_under_way', [True, False])
def test_who_names_what_needs_no_retry_wants_it_too(book, is_under_way) -> None:
    number = book.accept('a.ulg', revocable=True)
    if is_under_way:
        assert book.ledger.claim() is not None
    assert book.ledger.retry() == []
    assert book.ledger.is_revocable(number)
    assert book.ledger.retry([book.folder / 'a.ulg']) == []
    assert not book.ledger.is_revocable(number)
    assert book.ledger.withdrawn(number, 'cancelled', WITHDRAWN) is None
    assert book.state(number) != REJECTED


def test_who_may_take_it_back(book) -> None:
    ledger = book.ledger
    number = book.accept('a.ulg', revocable=True)
    book.accept('a.ulg', revocable=True)
    book.accept('a.ulg', revocable=None)
    assert ledger.is_revocable(number)
    ledger.claim()
    book.accept('a.ulg', 5, revocable=True)
    assert ledger.is_revocable(number)
    ledger.stored(number, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert not ledger.is_revocable(number)
    assert ledger.is_revocable(number + 1)
    book.accept('a.ulg', 5)
    assert not ledger.is_revocable(number + 1)


def test_what_others_announced_under_way_is_theirs(book) -> None:
    number = book.accept('a.ulg', revocable=True)
    book.ledger.claim()
    book.accept('a.ulg', 5)
    book.accept('a.ulg', 6, revocable=True)
    assert not book.ledger.is_revocable(number)
    book.ledger.stored(number, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert not book.ledger.is_revocable(number + 1)


def test_after_a_restart_nobody_takes_anything_back(book, tmp_path) -> None:
    number = book.accept('a.ulg', revocable=True)
    book.ledger.close()
    book.ledger = Ledger(StateDirectory(tmp_path / 'state'), machine='drone-001',
                         destination='bucket')
    assert book.state(number) == QUEUED
    assert not book.ledger.is_revocable(number)


@pytest.mark.parametrize(('name', 'is_one'), [('b.ulg', True), ('b.bag', False), ('b', False)])
def test_a_name_of_another_format_takes_nothing_from_who_waits(book, name, is_one) -> None:
    number = book.accept('a.ulg')
    path = book.folder / 'a.ulg'
    named = book.ledger.accept(path, Fingerprint.of(path.stat()), name=name)
    assert (named.id == number) == is_one
    assert book.ledger.transfers([number])[number].name == (name if is_one else '')
