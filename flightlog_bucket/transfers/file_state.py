"""Where a local file stands, in the words of ~/info."""
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flightlog_bucket.errors import (
    CorruptLog,
    FormatMismatch,
    InvalidExtension,
    ValidationFailed,
)
from flightlog_bucket.logs.verdict import CORRUPT, MISMATCH
from flightlog_bucket.results import LogContent, NOTHING_KNOWN
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, UPLOADING

# Of the errors that are one.
_VERDICTS = {CorruptLog.__name__: CORRUPT, ValidationFailed.__name__: CORRUPT,
             FormatMismatch.__name__: MISMATCH, InvalidExtension.__name__: MISMATCH}
_WORST_FIRST = (REJECTED, QUEUED, UPLOADING)


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


def of_bag(files: Mapping[str, FileState]) -> FileState:
    """
    Return where a rosbag2 directory stands, of whose files at least one was accepted.

    :param files: where each of them stands, by name
    """
    open_ones = {n: f for n, f in files.items() if f.state != STORED}
    note = f'{len(files) - len(open_ones)} of {len(files)} accepted files are stored'
    if not open_ones:
        first = next(iter(files.values()))
        return FileState(STORED, key=first.key.rpartition('/')[0] + '/', note=note)
    # Of what matters most: what a person has to act on.
    name, worst = min(open_ones.items(), key=lambda item: _WORST_FIRST.index(item[1].state))
    return replace(worst, key='', note=note, content=NOTHING_KNOWN,
                   reason=f'{name}: {worst.reason}' if worst.reason else '')


def refused_content(fault: str, reason: str) -> LogContent:
    """Return what is known of a log that was refused, by the name of the error."""
    verdict = _VERDICTS.get(fault)
    return LogContent(verdict=verdict, reason=reason) if verdict else NOTHING_KNOWN
