"""Zstandard frames, what rosbag2 makes of a file with FILE compression: RFC 8878."""
from typing import Optional

from flightlog_bucket.logs.reader import LogReader

MAGIC = b'\x28\xb5\x2f\xfd'
_SKIPPABLE_MAGIC_END = b'\x2a\x4d\x18'


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this is compressed: a frame, or a skippable one."""
    is_skippable = len(head) >= 4 and head[0] >> 4 == 5 and head[1:4] == _SKIPPABLE_MAGIC_END
    return head.startswith(MAGIC) or is_skippable


def start_ns(log: LogReader) -> Optional[int]:
    """Return None: the end of the log, where its index is, cannot be reached cheaply."""
    return None
