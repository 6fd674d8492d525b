"""The search for stored logs: by name, by time, by topic."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from itertools import islice
import json
import re
from typing import Any, Optional

from flightlog_bucket.operations.log_shelves import Place, Shelf
from flightlog_bucket.results import LogContent, NOTHING_KNOWN, StoredFile

Contents = Callable[[Sequence[StoredFile]], Mapping[str, LogContent]]
"""Returns what is known of logs, by key."""

MOST_LOOKED_AT = 3000
"""Logs whose content one search looks at."""

# Of a log; some recorders write thousands.
_MOST_TOPICS = 10_000
_CHUNK = 100
_STAMP = re.compile(r'(?:^|/)(\d{8})_\d{6}_')


@dataclass(frozen=True)
class FoundLog:
    """
    A stored log, and what is known of it.

    :param name: its key without the folder of the machine
    :param file: the object
    :param content: of the log
    :param description: what is in it, as ``logs.Description`` tells it; None: not known
    """

    name: str
    file: StoredFile
    content: LogContent
    description: Optional[Mapping[str, Any]]

    @property
    def topics(self) -> list[str]:
        """The names of its topics."""
        return topics_in(self.description)


@dataclass(frozen=True)
class Wanted:
    """
    Which logs are looked for.

    :param words: that the name must have, in any order and case
    :param since: they began on this day or later, UTC; None: whenever
    :param until: they began on this day or before; None: whenever
    :param topic: that is part of the name of one of their topics, in any case; empty: whatever
        they have
    """

    words: Sequence[str] = ()
    since: Optional[date] = None
    until: Optional[date] = None
    topic: str = ''

    @property
    def floor(self) -> str:
        """The name before which no dated log is wanted."""
        return _named(self.since) if self.since else ''

    @property
    def first_place(self) -> Place:
        """Where the search begins."""
        if self.until is None or self.until == date.max:
            return Place()
        return Place(below=_named(self.until + timedelta(days=1)))

    def may_be(self, name: str) -> bool:
        """Tell whether the log of this name may be one, as far as that tells it."""
        folded = name.casefold()
        return bool(name) and all(word in folded for word in self.words)

    def is_one(self, log: FoundLog) -> bool:
        """Tell whether this log is one, whose name may be."""
        if self.topic and not any(self.topic in topic.casefold() for topic in log.topics):
            return False
        if self.since is None and self.until is None:
            return True
        day = _day_of(log)
        return day is not None and (self.since or date.min) <= day <= (self.until or date.max)


@dataclass(frozen=True)
class Found:
    """
    What a search has found.

    :param logs: the newest first; those whose names tell no time come last
    :param rest: where to go on; None: that was all
    """

    logs: Sequence[FoundLog]
    rest: Optional[Place]


class LogSearch:
    """
    Searches a shelf, as far as that may be looked at.

    :param shelf: that has the logs
    :param contents: tells what is in them
    :param machine_prefix: of all keys
    """

    def __init__(self, shelf: Shelf, contents: Contents, machine_prefix: str) -> None:
        self._shelf = shelf
        self._contents = contents
        self._prefix = machine_prefix
        self._looked_at = 0

    def find(self, wanted: Wanted, place: Place, most: int) -> Found:
        """
        Return logs from a place on.

        :param place: where an earlier search has ended, or ``wanted.first_place``
        :param most: at most so many
        """
        found: list[FoundLog] = []
        at: Optional[Place] = place
        while at is not None and len(found) < most and self._has_more() and self._shelf.has_more():
            stretch = self._shelf.stretch(at, wanted.floor)
            last = self._take(stretch.files, wanted, most, found)
            at = replace(at, below=last, above='') if last else stretch.rest
        return Found(found, at)

    def _take(self, files: Sequence[StoredFile], wanted: Wanted, most: int,
              found: list[FoundLog]) -> str:
        """Add those that are wanted; return the name of the last one, if it was not of all."""
        all_named = ((file.key[len(self._prefix):], file) for file in files)
        named = ((name, file) for name, file in all_named if wanted.may_be(name))
        while chunk := list(islice(named, _CHUNK)):
            contents = self._contents([file for _, file in chunk])
            for number, (name, file) in enumerate(chunk, 1):
                log = _found(name, file, contents.get(file.key, NOTHING_KNOWN))
                if wanted.is_one(log):
                    found.append(log)
                    if len(found) == most:
                        is_all = number == len(chunk) and next(named, None) is None
                        return '' if is_all else name
            self._looked_at += len(chunk)
            if not self._has_more() and next(named, None) is not None:
                return chunk[-1][0]
        return ''

    def _has_more(self) -> bool:
        return self._looked_at < MOST_LOOKED_AT


def topics_in(description: Optional[Mapping[str, Any]]) -> list[str]:
    """Return the names of the topics that a description tells of."""
    topics = (description or {}).get('topics', ())
    return [str(topic['name']) for topic in topics[:_MOST_TOPICS]
            if isinstance(topic, dict) and 'name' in topic] if isinstance(topics, list) else []


def _named(day: date) -> str:
    return day.isoformat().replace('-', '')  # %Y has fewer digits before the year 1000


def _found(name: str, file: StoredFile, content: LogContent) -> FoundLog:
    try:
        described = json.loads(content.description or 'null')
    except (ValueError, RecursionError):
        described = None
    return FoundLog(name, file, content, described if isinstance(described, dict) else None)


def _day_of(log: FoundLog) -> Optional[date]:
    """Return the day on which a log began, UTC; None: nothing tells it."""
    if log.content.start is not None:
        return log.content.start.astimezone(timezone.utc).date()
    match = _STAMP.search(log.name)
    try:
        return datetime.strptime(match[1], '%Y%m%d').date() if match else None
    except ValueError:
        return None
