"""What persons see of the ledger, and change in it."""
from pathlib import Path
import time

from flightlog_bucket.errors import LocalFileNotFound
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.in_turn import OPEN, STATES
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, UPLOADING, WITHDRAWN
from flightlog_bucket.transfers.standing import Backlog
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest


class Book:
    """A ledger, files, and a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = 1000.0
        self.changes: list[int] = []
        self.ledger = Ledger(StateDirectory(folder / 'state'), machine='drone-001',
                             destination='bucket', clock=lambda: self.now_s,
                             wall_clock=lambda: 1_000_000 + self.now_s,
                             on_change=self.changes.extend)

    def accept(self, name: str, size: int = 1, **options: object) -> int:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'x' * size)
        self.now_s += 1
        return self.ledger.accept(path, Fingerprint.of(path.stat()), **options).id

    def store(self, name: str, size: int = 1) -> int:
        number = self.accept(name, size)
        self.ledger.stored(number, StoredLog(f'key/{name}', '', size, '', False, 0, '"e"'))
        return number

    def reject(self, name: str, fault: str = 'CorruptLog') -> int:
        number = self.accept(name)
        self.ledger.rejected(number, 'it is damaged', fault)
        return number

    def let_wait(self, name: str, seconds: float = 60.0) -> int:
        number = self.accept(name)
        self.ledger.waits(number, 'nobody there', 'Unavailable', seconds)
        return number

    def state(self, number: int) -> str:
        return self.ledger.transfers([number])[number].state

    def told(self) -> list[int]:
        told = list(self.changes)
        self.changes.clear()
        return told


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    yield book
    book.ledger.close()


def test_every_change_is_told_when_it_is_in_the_ledger(book) -> None:
    ledger = book.ledger
    number = book.accept('a.ulg')
    assert book.told() == [number]
    assert ledger.claim() is not None
    assert book.told() == [number]
    ledger.journal(number).began('key/a.ulg', 'upload-1', 5)
    assert book.told() == [number]
    ledger.waits(number, 'nobody there', 'Unavailable', 60)
    ledger.release(number)
    assert book.told() == [number, number]
    for change in (lambda: ledger.make_due(['Unavailable']), lambda: ledger.make_due()):
        ledger.waits(number, 'nobody there', 'Unavailable', 60)
        book.told()
        change()
        assert book.told() == [number]
    ledger.rejected(number, 'it is damaged', 'CorruptLog')
    assert book.told() == [number]
    ledger.try_again('CorruptLog')
    assert book.told() == [number]
    ledger.withdrawn(number, 'cancelled', WITHDRAWN)
    assert book.told() == [number]
    ledger.retry()
    assert book.told() == []
    ledger.retry([book.folder])
    assert book.told() == [number]
    ledger.stored(number, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert book.told() == [number]
    ledger.deleted_from_bucket('key/a.ulg', 'was deleted')
    assert book.told() == [number]
    assert book.state(number) == REJECTED


def test_what_a_file_holds_by_now_is_told_as_well(book) -> None:
    first = book.accept('a.ulg')
    book.ledger.claim()
    assert book.accept('a.ulg', 5) == first
    book.told()
    book.ledger.stored(first, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert book.told() == [first, first + 1]
    assert book.state(first + 1) == QUEUED


def test_claiming_nothing_is_no_change(book) -> None:
    assert book.ledger.claim() is None
    assert book.told() == []


def test_the_order_of_the_queue(book) -> None:
    stored = [book.store(f'stored-{n}.ulg') for n in range(3)]
    rejected = [book.reject(f'rejected-{n}.ulg') for n in range(2)]
    later, sooner = book.let_wait('later.ulg', 90), book.let_wait('sooner.ulg', 30)
    large, small = book.accept('large.ulg', 30), book.accept('small.ulg', 10)
    urgent = book.accept('urgent.ulg', 99, urgent=True)
    first = book.ledger.claim().id
    assert first == urgent
    waiting = [small, large, sooner, later]
    whole = [urgent, *waiting, *reversed(rejected), *reversed(stored)]
    assert [t.id for t in book.ledger.queue(STATES, None, 100)[0]] == whole
    found, total = book.ledger.queue(STATES, None, 4)
    assert ([t.id for t in found], total) == (whole[:4], 10)
    for states, ids in (([UPLOADING], [urgent]), ([QUEUED], waiting),
                        ([REJECTED], rejected[::-1]), ([STORED], stored[::-1]),
                        ([STORED, QUEUED], [*waiting, *stored[::-1]]), (OPEN, whole[:7])):
        found, total = book.ledger.queue(states, None, 100)
        assert ([t.id for t in found], total) == (ids, len(ids))
        assert {t.state for t in found} == set(states)


def test_the_turns_are_those_in_which_they_go(book) -> None:
    bag = book.ledger.open_bag(book.folder / 'run', '20250101_000000_run')
    book.accept('run/metadata.yaml', 1, bag=bag)
    book.accept('run/run_0.mcap', 500, bag=bag)
    for n in range(5):
        book.accept(f'{n}.ulg', 10 * n + 5, urgent=n == 3)
    said = [t.id for t in book.ledger.queue([QUEUED], None, 100)[0]]
    went = []
    while (claimed := book.ledger.claim()) is not None:
        went.append(claimed.id)
        book.ledger.stored(claimed.id, StoredLog(f'k{claimed.id}', '', 1, '', False, 0, '"e"'))
        book.ledger.release(claimed.id)
    assert said[:5] == went[:5]
    assert sorted(said[5:]) == sorted(went[5:])


def test_only_of_a_file_or_a_folder(book) -> None:
    inside = {book.accept(f'bag/{name}') for name in ('a.ulg', 'b.ulg')}
    book.accept('bag.ulg')
    book.accept('bag0.ulg')
    found, total = book.ledger.queue(OPEN, book.folder / 'bag', 100)
    assert ({t.id for t in found}, total) == (inside, 2)
    found, total = book.ledger.queue(OPEN, book.folder / 'bag.ulg', 100)
    assert ([t.path.name for t in found], total) == (['bag.ulg'], 1)
    assert book.ledger.queue(OPEN, book.folder / 'none', 100) == ([], 0)


def test_names_that_are_no_text(book) -> None:
    path = book.folder / b'\xff \x1b[31m.ulg'.decode('utf-8', 'surrogateescape')
    path.write_bytes(b'x')
    number = book.ledger.accept(path, Fingerprint.of(path.stat())).id
    assert [t.path for t in book.ledger.queue(OPEN, path, 10)[0]] == [path]
    assert book.ledger.transfers([number])[number].path == path


def test_what_is_stored_is_so_before_it_is_released(book) -> None:
    number = book.accept('a.ulg')
    book.ledger.claim()
    book.ledger.stored(number, StoredLog('key/a.ulg', '', 1, '', False, 0, '"e"'))
    assert book.state(number) == STORED
    assert [t.state for t in book.ledger.queue(STATES, None, 9)[0]] == [STORED]


def test_transfers_by_id(book) -> None:
    numbers = [book.accept(f'{n}.ulg') for n in range(3)]
    found = book.ledger.transfers([*numbers, 99])
    assert sorted(found) == numbers
    assert book.ledger.transfers([]) == {}
    assert len(book.ledger.transfers(range(5000))) == 3


def test_the_bytes_that_are_up(book) -> None:
    number, other = book.accept('a.ulg', 30), book.accept('b.ulg')
    journal = book.ledger.journal(number)
    journal.began('key/a.ulg', 'upload-1', 10)
    for part in (1, 2):
        journal.acknowledged(Part(part, 10, 0, '"e"'))
    assert book.ledger.bytes_up([number, other, 99]) == {number: 20}


def test_the_backlog(book) -> None:
    assert book.ledger.backlog() == Backlog(0, 0, 0.0)
    book.store('stored.ulg', 100)
    book.reject('rejected.ulg')
    book.accept('a.ulg', 10)
    oldest_s = 1_000_000 + book.now_s
    book.accept('b.ulg', 20)
    assert book.ledger.backlog() == Backlog(2, 30, oldest_s)
    book.ledger.claim()
    assert book.ledger.backlog() == Backlog(2, 30, oldest_s)


def test_ten_thousand_that_wait(book) -> None:
    with book.ledger._database._lock:
        run = book.ledger._database._database
        run.execute('BEGIN')
        run.executemany(
            'INSERT INTO transfers (destination, machine, path, size, mtime_ns, device, inode,'
            " name, urgent, state, accepted, next_attempt) VALUES ('bucket', 'drone-001', ?, ?,"
            " 1, 1, ?, '', 0, 'queued', ?, 5000)",
            [(f'/data/{n}.ulg'.encode(), n, n, n) for n in range(10_000)])
        run.execute('COMMIT')
    began_s = time.process_time()
    assert book.ledger.backlog().count == 10_000
    assert time.process_time() - began_s < 0.2
    found, total = book.ledger.queue(OPEN, None, 500)
    assert ([t.fingerprint.size for t in found], total) == (list(range(500)), 10_000)
    assert book.ledger.retry() == []  # the files are gone
    book.ledger.make_due()
    assert len(book.told()) == 10_000


def test_retry_of_all(book) -> None:
    waiting, rejected = book.let_wait('waiting.ulg'), book.reject('rejected.ulg')
    book.accept('due.ulg')
    book.store('stored.ulg')
    deleted, cancelled = book.store('deleted.ulg'), book.accept('cancelled.ulg')
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
    deleted, cancelled = book.store('deleted.ulg'), book.accept('cancelled.ulg')
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
