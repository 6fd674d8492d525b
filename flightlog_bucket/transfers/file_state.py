"""Where a local file stands, in the words of ~/info."""
from dataclasses import dataclass

from flightlog_bucket.errors import (
    CorruptLog,
    FormatMismatch,
    InvalidExtension,
    ValidationFailed,
)
from flightlog_bucket.logs.verdict import CORRUPT, MISMATCH
from flightlog_bucket.results import LogContent, NOTHING_KNOWN

# Of the errors that are one.
_VERDICTS = {CorruptLog.__name__: CORRUPT, ValidationFailed.__name__: CORRUPT,
             FormatMismatch.__name__: MISMATCH, InvalidExtension.__name__: MISMATCH}


@dataclass(frozen=True)
class FileState:
    """
    Where a local file stands.

    :param state: ``unknown``, ``queued``, ``uploading``, ``stored`` or ``rejected``
    :param key: of its object, where it is stored
    :param reason: why it is not stored
    :param note: what else is to be known of it
    :param attempts: tries so far
    :param next_attempt_in_s: seconds; 0: now, or none is needed
    :param content: what is known of the log
    """

    state: str
    key: str = ''
    reason: str = ''
    note: str = ''
    attempts: int = 0
    next_attempt_in_s: float = 0.0
    content: LogContent = NOTHING_KNOWN


def refused_content(fault: str, reason: str) -> LogContent:
    """Return what is known of a log that was refused, by the name of the error."""
    verdict = _VERDICTS.get(fault)
    return LogContent(verdict=verdict, reason=reason) if verdict else NOTHING_KNOWN
