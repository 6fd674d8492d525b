"""
Stored logs, the newest first: of the bucket, and of the ledger where that does not answer.

S3 lists by key, the oldest first. Keys begin with the time of the log, so that the newest ones
come after the key that a log of some days ago would have:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
import re
import time
from typing import Optional, Protocol

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.operations.known_uploads import KnownUploads
from flightlog_bucket.operations.recent_listings import RecentListings
from flightlog_bucket.results import StoredFile
from flightlog_bucket.storage.keys import stamped
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE

DATED_END = ':'
"""Comes after all digits: names from here on tell no time."""
MOST_LISTS = 16
"""Requests to S3 of one search."""
MOST_ROWS = 500
"""Of the ledger, at once."""
MOST_READS = 20

LONGEST_SPAN_S = 100 * 365 * 86400

_FIRST_SPAN_S = 2 * 86400
# Of a stretch that ends where another one begins: most of a whole page may be known already.
_FIRST_PAGE = 200
# The next span is longer if a span has fewer logs than this.
_FEW = 250
_STAMP = re.compile(r'(\d{8})_?(\d{6})?')


@dataclass(frozen=True)
class Place:
    """
    How far a search is. Names that begin with a time come first, the newest before the others.

    :param is_dated: it is among those
    :param below: names from this one on have been looked at; empty: none have
    :param span_s: the time that is looked at next, seconds
    :param above: names up to this one are looked at later; empty: by ``span_s``
    """

    is_dated: bool = True
    below: str = ''
    span_s: int = _FIRST_SPAN_S
    above: str = ''


@dataclass(frozen=True)
class Stretch:
    """
    What a shelf has at a place.

    :param files: the newest first
    :param rest: where to go on; None: that was all
    """

    files: Sequence[StoredFile]
    rest: Optional[Place]


class Shelf(Protocol):
    """Has stored logs, and for one search."""

    def has_more(self) -> bool:
        """Tell whether this search may look any further."""

    def stretch(self, place: Place, floor: str) -> Stretch:
        """
        Return what is at a place.

        :param floor: names that tell a time before this one are not wanted
        """


class LedgerShelf:
    """
    What this robot has stored itself.

    :param uploads: knows it
    :param machine_prefix: of all keys
    """

    def __init__(self, uploads: KnownUploads, machine_prefix: str) -> None:
        self._uploads = uploads
        self._prefix = machine_prefix
        self._reads = 0

    def has_more(self) -> bool:
        """Tell whether this search may look any further."""
        return self._reads < MOST_READS

    def stretch(self, place: Place, floor: str) -> Stretch:
        """Return what is at a place; see ``Shelf``."""
        self._reads += 1
        low, end = (floor, DATED_END) if place.is_dated else (DATED_END, '')
        high = place.below or end
        files = self._uploads.stored_between(
            self._prefix + low, self._prefix + high if high else _after_all(self._prefix),
            MOST_ROWS)
        if len(files) < MOST_ROWS:
            return Stretch(files, _other_part(place))
        return Stretch(files, replace(place, below=files[-1].key[len(self._prefix):]))


class BucketShelf:
    """
    What is in the bucket.

    :param bucket: lists it
    :param recent: what was listed a moment ago
    :param wall_clock: seconds since 1970
    """

    def __init__(self, bucket: FlightLogBucket, recent: RecentListings, *,
                 wall_clock: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._recent = recent
        self._generation = recent.generation
        self._prefix = bucket.settings.machine_prefix
        self._now = datetime.fromtimestamp(wall_clock(), timezone.utc)
        self._lists = 0
        self._first: Optional[str] = None

    def has_more(self) -> bool:
        """Tell whether this search may look any further."""
        return self._lists < MOST_LISTS

    def stretch(self, place: Place, floor: str) -> Stretch:
        """Return what is at a place; see ``Shelf``."""
        high = place.below or (DATED_END if place.is_dated else '')
        known = self._recent.below(high) if place.below else None
        if known is not None:
            low, files, end = known.low, known.files, ''
        else:
            low, files, end = self._listed(self._low(place, floor), high)
        if end:  # what is newest among so many is seen later
            return Stretch((), replace(place, above=end))
        end_of = bisect_left(files, high, key=self._name) if high else len(files)
        begin = 0 if place.is_dated else bisect_left(files, DATED_END, key=self._name)
        wanted = files[begin:end_of][::-1]
        if low <= (floor if place.is_dated else DATED_END):
            return Stretch(wanted, _other_part(place))
        return Stretch(wanted, replace(place, below=just_after(low), above='',
                                       span_s=_next_span_s(place.span_s, len(files))))

    def _low(self, place: Place, floor: str) -> str:
        """Return the name after which the stretch at a place begins; empty: at the first one."""
        if not place.is_dated:
            return place.above or DATED_END
        low = place.above or max(_before(place.below, self._now, place.span_s), floor)
        is_last_list = self._lists + 1 >= MOST_LISTS
        if not place.below or place.above or low == floor or is_last_list:
            return low
        # Years without a log are not looked through.
        if self._first is None:
            self._lists += 1
            files = self._bucket.list_files(max_keys=1, continuation_token='',
                                            start_after='').files
            self._first = self._name(files[0]) if files else DATED_END
        return low if self._first < low else ''

    def _listed(self, low: str, high: str) -> tuple[str, list[StoredFile], str]:
        """
        Return what is between two names, by key.

        :returns: from which name on, the files, and where there are too many, the last name that
            was seen
        """
        files: list[StoredFile] = []
        token = ''
        while self.has_more():
            self._lists += 1
            most = MAX_KEYS_PER_PAGE if token or high in ('', DATED_END) else _FIRST_PAGE
            page = self._bucket.list_files(max_keys=most, continuation_token=token,
                                           start_after='' if token else low)
            if not files and page.files and self._name(page.files[0]) <= low:
                low = ''  # this server takes no notice of it
            files += page.files
            token = page.next_token
            if not token or (high and self._name(page.files[-1]) >= high):
                break
        else:
            return low, [], self._name(files[-1]) if files else low
        files = sorted((file for file in files if not high or self._name(file) < high),
                       key=self._name)
        self._recent.add(low, high, files, self._generation)
        return low, files, ''

    def _name(self, file: StoredFile) -> str:
        return file.key[len(self._prefix):]


def just_after(name: str) -> str:
    """Return what comes after a name, and before all others that do."""
    return f'{name}\0'


def _before(name: str, now: datetime, span_s: int) -> str:
    """Return the name of a log that began so long before one, or before now; empty: none did."""
    moment = _moment(name)
    if moment is None or moment > now:
        moment = now
    try:
        low = stamped(moment - timedelta(seconds=span_s), '')
    except OverflowError:
        return ''
    return low if low < (name or DATED_END) else ''


def _moment(name: str) -> Optional[datetime]:
    """Return the time that a name begins with; None: it tells none."""
    match = _STAMP.match(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1] + (match[2] or '000000'),
                                 '%Y%m%d%H%M%S').replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _next_span_s(span_s: int, count: int) -> int:
    if count < _FEW:
        return min(4 * span_s, LONGEST_SPAN_S)
    return max(span_s // 4, 60) if count > 2 * MAX_KEYS_PER_PAGE else span_s


def _other_part(place: Place) -> Optional[Place]:
    return Place(is_dated=False) if place.is_dated else None


def _after_all(machine_prefix: str) -> str:
    return machine_prefix[:-1] + '0'  # the character after the slash
