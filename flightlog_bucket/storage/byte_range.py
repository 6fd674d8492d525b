"""The part of an object that a request asks for (RFC 9110, section 14)."""
from dataclasses import dataclass
import re
from typing import Optional

from flightlog_bucket.errors import RangeNotSatisfiable

_RANGE = re.compile(r'bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*', re.IGNORECASE)
# No object has as many bytes, and int() takes no number of any length.
_MOST_DIGITS = 18


@dataclass(frozen=True)
class ByteRange:
    """
    One range of bytes.

    :param first: its first byte, from 0; None: it is the last ``last`` bytes
    :param last: its last byte, inclusive; None: all that follow
    """

    first: Optional[int]
    last: Optional[int]

    def within(self, size: int) -> tuple[int, int]:
        """
        Return where the range begins in an object, and how many bytes it has there.

        :param size: bytes of the object
        :raises RangeNotSatisfiable: if the object has none of them
        """
        if self.first is None:
            length = min(self.last or 0, size)
            start = size - length
        else:
            start = self.first
            length = size - start if self.last is None else min(self.last + 1, size) - start
        if length <= 0:
            raise RangeNotSatisfiable(f'the log has {size} bytes, and none of the range that was'
                                      ' asked for', size=size)
        return start, length


def byte_range_of(header: str) -> Optional[ByteRange]:
    """
    Return what the header ``Range`` asks for; None: the whole.

    The whole as well where it asks for several ranges, or for something that cannot be meant.
    """
    match = _RANGE.fullmatch(header)
    if not match or match.group(1, 2) == ('', ''):
        return None
    first, last = (_number(digits) for digits in match.group(1, 2))
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)


def _number(digits: str) -> Optional[int]:
    significant = digits.lstrip('0')
    if len(significant) > _MOST_DIGITS:
        return int(10 ** _MOST_DIGITS)
    return int(significant or '0') if digits else None
