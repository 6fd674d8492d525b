"""The stored logs that the field API finds."""
from datetime import date
import re
from typing import Optional

from flightlog_bucket.errors import Cancelled, FlightlogError, InvalidRequest
from flightlog_bucket.operations.arguments import most_from
from flightlog_bucket.operations.log_search import Found, FoundLog, LogSearch, Wanted
from flightlog_bucket.operations.log_shelves import BucketShelf, LedgerShelf, Place, Shelf
from flightlog_bucket.operations.recent_listings import RecentListings
from flightlog_bucket.operations.texts import explanation, printable, text
from flightlog_bucket.web.cursors import cursor_of, place_of
from flightlog_bucket.web.field_state import link_fault
from flightlog_bucket.web.field_words import Json, succeeded
from flightlog_bucket.web.field_work import FieldWork
from flightlog_bucket.web.robot import Robot

MOST_LOGS = 200
USUAL_LOGS = 50
BUCKET, LEDGER = 'bucket', 'ledger'
"""Where the logs were found."""
LISTING_S = 10.0
"""So long S3 may take; then what this robot knows is shown."""
_MOST_CHARACTERS = 200
# Of what a person sees of one log.
_MOST_SHOWN_TOPICS = 500
_LONGEST_DESCRIPTION = 64 * 1024

# There are no older logs; what looks like an older one is where a search has got to.
_FIRST_YEAR = 1990
_DATE = re.compile(r'\d{4}-\d{2}-\d{2}')


class StoredLogs:
    """
    Finds stored logs in the bucket, or in the ledger where that does not answer.

    :param robot: whose logs these are
    :param work: waits for S3 and the disk
    """

    def __init__(self, robot: Robot, work: FieldWork) -> None:
        self._robot = robot
        self._work = work
        self._prefix = robot.settings.bucket.machine_prefix
        self._recent = RecentListings()

    async def find(self, wanted: Wanted, cursor: str, most: int) -> Json:
        """
        Return logs, and where the search goes on.

        :param cursor: ``next_cursor`` of an earlier answer; empty: from the newest on
        :param most: at most so many, up to 200; 0: 200
        :raises InvalidRequest: if that are too many, or the cursor is none
        """
        most = most_from('most', most, MOST_LOGS)
        place = place_of(cursor) if cursor else wanted.first_place
        _, problem = link_fault(self._robot)
        if problem:
            return await self._work.on_disk(self._in_ledger, wanted, place, most, problem)
        if not cursor:
            self._recent.clear()
        try:
            return await self._work.search(self._in_bucket, wanted, place, most,
                                           within_s=LISTING_S)
        except FlightlogError as error:
            if not error.retryable or isinstance(error, Cancelled):
                raise
            return await self._work.on_disk(self._in_ledger, wanted, place, most, str(error))

    def _in_bucket(self, wanted: Wanted, place: Place, most: int) -> Json:
        shelf = BucketShelf(self._robot.bucket, self._recent)
        found = self._search(shelf).find(wanted, place, most)
        return _answer(found, BUCKET, _so_far(found, most))

    def _in_ledger(self, wanted: Wanted, place: Place, most: int, problem: str) -> Json:
        shelf = LedgerShelf(self._robot.uploads, self._prefix)
        return _answer(
            self._search(shelf).find(wanted, place, most), LEDGER,
            'The storage is not reached now; these are the logs that this robot has stored itself'
            f' ({explanation(printable(problem))})')

    def _search(self, shelf: Shelf) -> LogSearch:
        return LogSearch(shelf, self._robot.uploads.described_contents, self._prefix)


def wanted_from(words: str, since: str, until: str, topic: str) -> Wanted:
    """
    Return which logs a request asks for.

    :param words: that the name must have, with spaces between them
    :param since: YYYY-MM-DD; empty: whenever
    :param until: YYYY-MM-DD; empty: whenever
    :param topic: part of the name of a topic; empty: any
    :raises InvalidRequest: one of them cannot be meant
    """
    for name, value in (('text', words), ('topic', topic)):
        if len(value) > _MOST_CHARACTERS:
            raise InvalidRequest(f'{name} has {len(value)} characters; give at most'
                                 f' {_MOST_CHARACTERS}')
    wanted = Wanted(words.casefold().split(), _day('since', since), _day('until', until),
                    topic.strip().casefold())
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise InvalidRequest(f'since is {since}, after until, which is {until}')
    return wanted


def _day(name: str, value: str) -> Optional[date]:
    if not value:
        return None
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # e.g. the 31st of a month that has 30 days
    raise InvalidRequest(f'{name} is {value[:_MOST_CHARACTERS]!r}; give a day as YYYY-MM-DD')


def _day_of(name: str) -> Optional[date]:
    """Return the day that a name begins with; None: it is none on which logs were recorded."""
    try:
        day = date(int(name[:4]), int(name[4:6]), int(name[6:8]))
    except ValueError:
        return None
    return day if day.year >= _FIRST_YEAR else None


def _so_far(found: Found, most: int) -> str:
    if found.rest is None or len(found.logs) >= most:
        return ''
    day = _day_of(found.rest.below)
    back = f' back to {day}' if day else ''
    return f'Searched{back} so far; there may be more.'


def _answer(found: Found, source: str, note: str) -> Json:
    return succeeded({'logs': [_log(log) for log in found.logs],
                      'next_cursor': cursor_of(found.rest) if found.rest else None,
                      'source': source, 'note': note})


def _log(log: FoundLog) -> Json:
    file, content = log.file, log.content
    is_short = len(content.description) <= _LONGEST_DESCRIPTION
    return {
        'key': text(file.key), 'name': text(log.name), 'size': file.size,
        'last_modified': file.last_modified.isoformat(), 'url': text(file.url) or None,
        'format': text(content.format), 'verdict': text(content.verdict),
        'verdict_reason': explanation(content.reason),
        'start': content.start.isoformat() if content.start else None,
        'duration_s': content.duration_s, 'message_count': content.message_count,
        'topics': [text(topic) for topic in log.topics[:_MOST_SHOWN_TOPICS]],
        'description': log.description if is_short else None}
