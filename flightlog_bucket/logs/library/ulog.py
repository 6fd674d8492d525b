"""
Reading all of a ULog, with pyulog; runs in a process of its own.

Every message is also walked through as the check of the structure does, to the end however large
the log is, and what that sees decides. pyulog does not tell what damage it means, and means as
well what the specification allows: padding at the end of a message, a format after the first
data. So its word alone does not make a log corrupt of which every message is as its definition
says; it is handed on. What pyulog is right about, the walk sees too.
"""
import errno
from pathlib import Path
import struct
from typing import BinaryIO

from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import LogReader, NO_BUDGET
from flightlog_bucket.logs.ulog import topic_name, Ulog
from flightlog_bucket.logs.ulog_messages import MAX_TEXT
from flightlog_bucket.logs.verdict import CORRUPT, STRUCTURE, TRUNCATED, VALID
from pyulog import ULog
from pyulog.exceptions import ULogException

_PYULOG_RAISES = (ULogException, ValueError, ArithmeticError, LookupError, TypeError,
                  struct.error)


def read(path: str, structure: str) -> Reading:
    """
    Read every message of a ULog.

    The start and the duration are left to the check of the structure: to pyulog the largest
    timestamp is the end, even if it runs years ahead of all others.

    :param path: of the log
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    with open(path, 'rb') as stream:
        log = Ulog(LogReader(Path(path), stream, NO_BUDGET), is_bounded=False)
        seen, found = log.check(STRUCTURE), log.describe()
        if seen.outcome == CORRUPT:
            return Reading(CORRUPT, seen.reason)
        stream.seek(0)
        by_pyulog = _read_with_pyulog(stream, structure)
    if found.message_count is None:
        # It has more topics or formats than are looked at.
        return by_pyulog
    outcome = structure if seen.outcome == VALID else seen.outcome
    # Of the outcome of the structure the reason is known.
    reasons = [seen.reason] if outcome != structure else []
    if by_pyulog.outcome == CORRUPT:
        reasons.append(f'every message is as its definition says, yet {by_pyulog.reason}')
    return Reading(outcome, '; '.join(reasons), message_count=found.message_count,
                   topics=found.topics, dropouts=found.dropouts, dropout_ms=found.dropout_ms)


def _read_with_pyulog(stream: BinaryIO, structure: str) -> Reading:
    """
    Return what pyulog says.

    It passes over a message that the file cuts, and says nothing of it, except where this is a
    definition: then it speaks of damage.
    """
    try:
        log = ULog(stream)
    except (*_PYULOG_RAISES, OSError) as error:
        # It may go back to before the beginning; all else is the disk.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        # A file that ends inside its header is no ULog to pyulog.
        return Reading(TRUNCATED) if structure == TRUNCATED else Reading(
            CORRUPT, f'pyulog cannot read it: {str(error) or type(error).__name__}')
    if log.file_corruption and (structure == VALID or log.data_list):
        return Reading(CORRUPT, 'pyulog finds damage in its messages')
    topics = tuple(
        Topic(topic_name(data.name, data.multi_id), data.name[:MAX_TEXT],
              len(next(iter(data.data.values()))))
        for data in log.data_list)
    return Reading(structure, '', message_count=sum(t.message_count or 0 for t in topics),
                   topics=topics, dropouts=len(log.dropouts),
                   dropout_ms=sum(dropout.duration for dropout in log.dropouts))
