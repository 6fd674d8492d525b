"""The search for stored logs, against what a look at all of them would find."""
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
import json
from types import SimpleNamespace
from typing import Any, ClassVar, Optional

from flightlog_bucket.operations import log_search, log_shelves
from flightlog_bucket.operations.log_search import FoundLog, LogSearch, Wanted
from flightlog_bucket.operations.log_shelves import BucketShelf, LedgerShelf, Place
from flightlog_bucket.operations.recent_listings import KEPT_S, MOST_FILES, RecentListings
from flightlog_bucket.results import Listing, LogContent, StoredFile
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

PREFIX = 'flight_logs/drone-001/'
NOW_S = datetime(2025, 7, 27, 14, 30, tzinfo=timezone.utc).timestamp()
MODIFIED = datetime(2025, 7, 27, tzinfo=timezone.utc)


@dataclass
class Lister:
    """Lists as S3 does; some servers take no notice of where to start."""

    names: Sequence[str]
    page: int = 3
    starts_after: bool = True
    lists: int = 0
    settings: ClassVar[Any] = SimpleNamespace(machine_prefix=PREFIX)

    def __post_init__(self) -> None:
        self.names = sorted(self.names)

    def list_files(self, *, max_keys: int, continuation_token: str, start_after: str) -> Listing:
        assert not (start_after and continuation_token)
        self.lists += 1
        after = continuation_token or (start_after if self.starts_after else '')
        first = bisect_right(self.names, after) if after else 0
        page = self.names[first:first + min(self.page, max_keys)]
        is_last = first + len(page) == len(self.names)
        return Listing(tuple(map(stored, page)), '' if is_last else page[-1])

    def stored_between(self, low: str, high: str, most: int) -> list[StoredFile]:
        return [stored(name) for name in sorted(self.names, reverse=True)
                if low < PREFIX + name < high][:most]


def stored(name: str) -> StoredFile:
    return StoredFile(PREFIX + name, 10, MODIFIED, 'http://s3/x', 'e')


def contents(files: Sequence[StoredFile]) -> dict[str, LogContent]:
    """Return that every log with a "t" in its name has a topic."""
    description = json.dumps({'topics': [{'name': '/Imu', 'type': 'x'}]})
    return {f.key: LogContent('ulog', 'valid', description=description)
            for f in files if 't' in f.key[len(PREFIX):]}


def walked(lister: Lister, wanted: Wanted, most: int, *, of_ledger: bool = False,
           recent: Optional[RecentListings] = None) -> Iterator[list[str]]:
    """Yield the names on each page."""
    place: Optional[Place] = wanted.first_place
    recent = recent or RecentListings()
    for _ in range(2000):
        shelf: Any = (LedgerShelf(lister, PREFIX) if of_ledger  # type: ignore[arg-type]
                      else BucketShelf(lister, recent,  # type: ignore[arg-type]
                                       wall_clock=lambda: NOW_S))
        found = LogSearch(shelf, contents, PREFIX).find(wanted, place or Place(), most)
        assert len(found.logs) <= most
        yield [log.name for log in found.logs]
        place = found.rest
        if place is None:
            return
    pytest.fail('it does not end')


def expected(names: Sequence[str], wanted: Wanted) -> list[str]:
    dated = [name for name in names if name < ':']
    others = [name for name in names if name >= ':']
    ordered = sorted(dated, reverse=True) + sorted(others, reverse=True)
    return [n for n in ordered if wanted.may_be(n) and wanted.is_one(found(n))]


def found(name: str) -> FoundLog:
    content = contents([stored(name)]).get(PREFIX + name, LogContent())
    described = json.loads(content.description) if content.description else None
    return FoundLog(name, stored(name), content, described)


@st.composite
def stamped(draw: Any) -> str:
    moment = draw(st.datetimes(datetime(1969, 1, 1), datetime(2031, 1, 1))
                  | st.datetimes(datetime(2025, 7, 20), datetime(2025, 7, 28)))
    return f'{moment:%Y%m%d_%H%M%S}_{draw(st.sampled_from(["a.ulg", "T.ulg", "t/u.db3"]))}'


NAMES = st.lists(
    stamped() | st.sampled_from(['corrupt/20250726_120000_x.ulg', 'notes.txt', '!', '9',
                                 '99999999_999999_a.ulg', '00000000_000000_b.ulg', 'Ünï.ulg',
                                 '20250231_000000_t.ulg', '٢٠٢٥٠٧٢٧_120000_x.ulg']),
    unique=True, max_size=60)
DAYS = st.none() | st.dates(date(2024, 1, 1), date(2026, 1, 1)) | st.dates()
WANTED = st.builds(Wanted, st.sampled_from([(), ('a',), ('.ulg', '2025')]), DAYS, DAYS,
                   st.sampled_from(['', 'imu', 'none']))


@settings(deadline=None)
@given(names=NAMES, wanted=WANTED, most=st.integers(1, 20), page=st.integers(1, 40),
       lists=st.integers(1, 5), starts_after=st.booleans(), of_ledger=st.booleans())
def test_every_log_is_found_once_the_newest_first(
        names: list[str], wanted: Wanted, most: int, page: int, lists: int,
        starts_after: bool, of_ledger: bool) -> None:
    lister = Lister(names, page, starts_after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_shelves, 'MOST_ROWS', page)
        patch.setattr(log_search, 'MOST_LOOKED_AT', 2 * most)
        patch.setattr(log_search, '_CHUNK', most)
        # What takes no notice of where to start has to be listed as a whole.
        patch.setattr(log_shelves, 'MOST_LISTS', 4 if starts_after else 100)
        pages = list(walked(lister, wanted, most, of_ledger=of_ledger))
    assert [name for some in pages for name in some] == expected(names, wanted)


def many(count: int) -> list[str]:
    """Return the names of a log for every hour."""
    moments = (datetime.fromtimestamp(NOW_S - 3600 * n, timezone.utc) for n in range(count))
    return [f'{moment:%Y%m%d_%H%M%S}_flight.ulg' for moment in moments]


def test_the_newest_of_many_take_one_request() -> None:
    lister = Lister(many(10_000), 1000)
    names = next(walked(lister, Wanted(), 40))
    assert names == sorted(lister.names, reverse=True)[:40]
    assert lister.lists == 1


def test_all_of_many_page_by_page() -> None:
    lister = Lister(many(10_000), 1000)
    pages = list(walked(lister, Wanted(), 50))
    assert [name for page in pages for name in page] == sorted(lister.names, reverse=True)
    # Half of what is listed may be known already, no more.
    assert lister.lists < 60
    assert {len(page) for page in pages[:-2]} == {50}


def test_a_day_long_ago_is_found_at_once() -> None:
    lister = Lister(many(20_000), 1000)
    day = date(2024, 1, 1)
    names = next(walked(lister, Wanted(since=day, until=day), 50))
    assert len(names) == 24
    assert lister.lists <= 3


def test_one_search_has_its_bounds() -> None:
    lister = Lister(many(30_000), 1000)
    for place, page in enumerate(walked(lister, Wanted(('nowhere',)), 50), 1):
        assert page == []
        assert lister.lists <= place * log_shelves.MOST_LISTS


@pytest.mark.parametrize('folder', ['20250727_143000_run', 'corrupt'])
def test_a_folder_with_too_many_logs_of_one_time(folder: str) -> None:
    names = [f'{folder}/{number:05}.db3' for number in range(1000 * log_shelves.MOST_LISTS + 1500)]
    pages = list(walked(Lister(names, 1000), Wanted(), 200))
    assert [name for page in pages for name in page] == sorted(names, reverse=True)


def test_what_was_listed_is_forgotten_in_time() -> None:
    now = [0.0]
    recent = RecentListings(lambda: now[0])
    recent.add('2', '3', [stored('25')], 0)
    assert recent.below('26') is not None
    assert recent.below('3') is not None
    assert recent.below('2') is None
    assert recent.below('31') is None
    now[0] = KEPT_S
    assert recent.below('26') is None
    recent.add('2', '3', [stored('25')] * MOST_FILES, 0)
    recent.add('1', '2', [stored('15')], 0)
    assert recent.below('3') is None
    assert recent.below('2') is not None
    recent.clear()
    assert recent.below('2') is None


def test_what_a_search_lists_late_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    recent, lister = RecentListings(), Lister(many(1000), 1000)
    list_files = lister.list_files

    def late(**asked: Any) -> Listing:
        listing = list_files(**asked)
        recent.clear()  # somebody begins another search, e.g. after a log was deleted
        return listing
    monkeypatch.setattr(lister, 'list_files', late)
    names = next(walked(lister, Wanted(), 40, recent=recent))
    assert len(names) == 40
    assert recent.below(names[-1]) is None
    monkeypatch.undo()
    assert next(walked(lister, Wanted(), 40, recent=recent)) == names
    assert recent.below(names[-1]) is not None
