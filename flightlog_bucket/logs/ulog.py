"""
ULog, what PX4 writes: https://docs.px4.io/main/en/dev_log/ulog_file_format.html.

A ULog has no end mark; one that a power cut ended in mid-message is a valid log.
"""
from datetime import datetime, timezone
import os
from pathlib import Path
import re
from typing import Optional

from flightlog_bucket.logs.reader import LogReader

MAGIC = b'ULog\x01\x12\x35'
# The magic that the document names; no known recorder writes it.
DOCUMENTED_MAGIC = b'ULogData'
ENCRYPTED_MAGICS = (b'ULogEnc', b'ULogKey')

_DAY = re.compile(r'([0-9]{4})-([0-9]{2})-([0-9]{2})')
_TIME = re.compile(r'([0-9]{2})_([0-9]{2})_([0-9]{2})\.ulg', re.IGNORECASE)


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is a ULog: the magic and a version byte."""
    return head.startswith(DOCUMENTED_MAGIC) or (
        head.startswith(MAGIC) and len(head) > len(MAGIC))


def is_encrypted(head: bytes) -> bool:
    """Tell whether this is the head of an encrypted ULog (PX4 1.14 and later)."""
    return head.startswith(ENCRYPTED_MAGICS)


def start_ns(log: LogReader) -> Optional[int]:
    """
    Return the start that PX4 wrote into the path, ``YYYY-MM-DD/HH_MM_SS.ulg``; UTC.

    The timestamps inside count from the boot of the autopilot. PX4 names logs otherwise where it
    has no clock.

    :raises ValueError: if the name is no date and time
    """
    # The path as given, and where its links lead: either can be the one that PX4 made.
    for path in (log.path.absolute(), Path(os.path.realpath(log.path))):
        day, time = _DAY.fullmatch(path.parent.name), _TIME.fullmatch(path.name)
        if day and time:
            numbers = [int(n) for n in day.groups() + time.groups()]
            year, month, mday, hour, minute, second = numbers
            start = datetime(year, month, mday, hour, minute, second, tzinfo=timezone.utc)
            return int(start.timestamp()) * 10**9
    return None
