"""What can be asked of a log, whatever its format."""
from abc import ABC, abstractmethod
from dataclasses import replace
import sqlite3
import struct
import threading
from typing import ClassVar, Optional

from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.library.child import read_whole
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import LogReader, TooMuch, Truncated
from flightlog_bucket.logs.verdict import (
    CORRUPT,
    FULL,
    HEADER,
    one_line,
    TRUNCATED,
    VALID,
    Verdict,
)

_PARSERS_RAISE = (ValueError, ArithmeticError, LookupError, TypeError, MemoryError,
                  RecursionError, struct.error, sqlite3.Error)


class FlightLog(ABC):
    """
    A log, open, of which the header is right.

    Nothing that is in it makes a method raise, read without end or take much memory: what is read
    is bounded by its bytes and records, never by the time that it takes, so that the answer is
    the same on every computer, and on every try.

    :param log: reads it
    """

    storage: ClassVar[str]
    """The name of the format, e.g. ``mcap``."""

    def __init__(self, log: LogReader) -> None:
        self.log = log
        self._reading: Optional[Reading] = None

    def check(self, level: str, cancel: Optional[threading.Event] = None) -> Verdict:
        """
        Tell whether the log is whole.

        :param level: ``header``, ``structure`` or ``full``
        :param cancel: once set, a ``full`` check ends with ``Cancelled``
        :raises OSError: if the disk does not give what is looked at
        """
        if level == HEADER:
            return Verdict(VALID)
        verdict = self._structure()
        if level == FULL and verdict.is_usable:
            self._reading = self._read_whole(verdict, cancel)
            verdict = _both(verdict, self._reading)
        return replace(verdict, reason=one_line(verdict.reason))

    def describe(self) -> Description:
        """
        Tell what is in the log; after a ``full`` check that counts what there is to count.

        :raises OSError: if the disk does not give what is looked at
        """
        try:
            description = self._describe()
        except _PARSERS_RAISE:
            description = Description(self.storage)
        return replace(description, **self._reading.counted()) if self._reading else description

    def _structure(self) -> Verdict:
        try:
            return self.check_structure()
        except Truncated as error:
            return Verdict(TRUNCATED, str(error))
        except TooMuch as error:
            return Verdict(VALID, f'not all of it was looked at: {error}')
        except _PARSERS_RAISE as error:
            return Verdict(CORRUPT, str(error) or type(error).__name__)

    def _read_whole(self, structure: Verdict, cancel: Optional[threading.Event]) -> Reading:
        return read_whole(self.storage, self.log, structure.outcome, cancel)

    @abstractmethod
    def check_structure(self) -> Verdict:
        """
        Compare footer, index, summary and the like with the file.

        :raises Truncated: if the log is cut off
        :raises Damage: if it is corrupt, as whatever else a parser raises
        :raises TooMuch: if it is too large to look through
        """

    @abstractmethod
    def _describe(self) -> Description:
        """Tell what is in the log, and raise as ``check_structure()``."""


def _both(structure: Verdict, whole: Reading) -> Verdict:
    """Return what is known after all of a log was read, or as much as the limits allowed."""
    if whole.outcome not in (VALID, structure.outcome):
        return Verdict(whole.outcome, whole.reason)
    if structure.outcome == VALID and whole.message_count is not None:
        # What the check of the structure did not look at has been read now.
        return Verdict(VALID, whole.reason)
    reasons = dict.fromkeys(filter(None, (structure.reason, whole.reason)))
    return Verdict(structure.outcome, '; '.join(reasons))
