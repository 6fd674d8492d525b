"""What persons see of the ledger."""

from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.in_turn import OPEN, STATES
from flightlog_bucket.transfers.records import (
    MISSING,
    QUEUED,
    REJECTED,
    STORED,
    UPLOADING,
    WITHDRAWN,
)
from flightlog_bucket.transfers.standing import Backlog
import pytest
from support.book import Book
from support.cpu import least_cpu


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
    number = book.accept('b.ulg', revocable=True)
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
    backlog, cpu_s = least_cpu(book.ledger.backlog, 0.2)
    assert backlog.count == 10_000
    assert cpu_s < 0.2
    found, total = book.ledger.queue(OPEN, None, 500)
    assert ([t.fingerprint.size for t in found], total) == (list(range(500)), 10_000)
    assert book.ledger.retry() == []  # the files are gone
    book.ledger.make_due()
    assert len(book.told()) == 10_000


def test_a_log_that_is_stored_under_one_name_is_stored(book) -> None:
    number = book.store('a.ulg')
    path = book.folder / 'a.ulg'
    other = book.ledger.accept(path, Fingerprint.of(path.stat()), name='b.ulg').id
    assert other != number
    book.ledger.stored(other, StoredLog('key/b.ulg', '', 1, '', False, 0, '"e"'))
    book.ledger.deleted_from_bucket('key/b.ulg', 'was deleted')
    assert book.ledger.find(path).id == number


def test_who_gives_no_name_gets_that_of_the_file_first(book) -> None:
    number = book.store('a.ulg')
    path = book.folder / 'a.ulg'
    fingerprint = Fingerprint.of(path.stat())
    other = book.ledger.accept(path, fingerprint, name='b.ulg').id
    book.ledger.stored(other, StoredLog('key/b.ulg', '', 1, '', False, 0, '"e"'))
    assert book.ledger.accept(path, fingerprint, again=True).id == number


def test_what_is_gone_here_and_deleted_from_the_bucket_is_forgotten(book) -> None:
    here, ours, lost = (book.store(name) for name in ('a.ulg', 'b.ulg', 'c.ulg'))
    for number, cause in ((ours, 'it was received over HTTP'), (lost, MISSING)):
        book.ledger.note_deleted(book.ledger.transfers([number])[number], cause)
    book.told()
    for name in ('a.ulg', 'b.ulg', 'c.ulg'):
        book.ledger.deleted_from_bucket(f'key/{name}', 'was deleted')
    # What a person has taken away can come back, and is not to be stored by itself then.
    left = book.ledger.transfers([here, ours, lost])
    assert [(number, t.state, t.is_deleted) for number, t in sorted(left.items())] == [
        (here, REJECTED, True), (lost, REJECTED, True)]
    assert set(book.told()) == {here, ours, lost}
