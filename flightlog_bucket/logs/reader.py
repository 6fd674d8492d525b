"""
Bounded access to a log's bytes: whatever a file claims, little is read.

The bounds are of what is read, not of the time that it takes: what is found in a log must be the
same on every computer, and on every try.
"""
from collections.abc import Callable
import os
from pathlib import Path
import sys
from typing import BinaryIO

from flightlog_bucket.errors import LocalFileChanged

BUDGET_BYTES = 32 * 1024 * 1024
NO_BUDGET = sys.maxsize
"""For a process that has limits of its own."""
JUMP_BYTES = 8 * 1024
"""What a read away from the one before costs at least: the disk gives no less."""
MAX_RECORDS = 50_000
"""Records of one index that are looked at; a log of 2 GiB has about 3,000."""
# O_NONBLOCK: opening a pipe that nobody writes to must not hang.
OPEN_NO_LINK = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_ZEROS_BYTES = 64 * 1024


class Damage(ValueError):
    """The content is not as its format wants it."""


class EndOfLog(Damage):
    """There is less than what comes before says."""


class Truncated(ValueError):
    """The log is cut off; what is there can be used."""


class TooMuch(ValueError):
    """The log is too large to look through."""


class LogReader:
    """
    A log's bytes at given offsets, within a budget of bytes.

    :param path: of the log, for formats whose library wants a name
    :param stream: the open log; its position is moved
    :param budget_bytes: that may be read in all
    """

    def __init__(self, path: Path, stream: BinaryIO, budget_bytes: int = BUDGET_BYTES) -> None:
        self.path = path
        self._stream = stream
        self._bytes_left = self._budget_bytes = budget_bytes
        self._position = 0
        self._size = stream.seek(0, os.SEEK_END)

    @property
    def stream(self) -> BinaryIO:
        """The open log, for a process that reads all of it by its ``fileno()``."""
        return self._stream

    @property
    def size(self) -> int:
        """Bytes of the log when the reader was made."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """
        Return exactly ``length`` bytes from ``offset``.

        :raises EndOfLog: if the log does not hold them
        :raises TooMuch: if the budget does not allow it
        :raises LocalFileChanged: if the log became shorter
        :raises OSError: if the disk does not give them
        """
        if offset < 0 or length < 0 or offset + length > self._size:
            raise EndOfLog(f'{length} bytes at {offset} are outside of the {self._size} of'
                           ' the log')
        is_near = abs(offset - self._position) < JUMP_BYTES
        self._bytes_left -= length if is_near else max(length, JUMP_BYTES)
        self._position = offset + length
        if self._bytes_left < 0:
            raise TooMuch(f'more than {self._budget_bytes} bytes would be needed')
        self._stream.seek(offset)
        data = read_up_to(self._stream, length)
        if len(data) < length:
            raise LocalFileChanged(f'{str(self.path)!r} became shorter while it was read')
        return data


def read_up_to(stream: BinaryIO, length: int) -> bytes:
    """Return ``length`` bytes from the stream's position, fewer only at the end of the file."""
    data = b''
    while len(data) < length:
        # An unbuffered stream may give less than it has.
        block = stream.read(length - len(data))
        if not block:
            break
        data += block
    return data


def zeros_begin(read_at: Callable[[int, int], bytes], size: int, at_most: int) -> int:
    """
    Return where the zero bytes begin with which a log ends; its size if there are none.

    They are what a file system shows of what was not written before a power cut.

    :param read_at: gives so many bytes from an offset
    :param size: of the log
    :param at_most: bytes that are looked at, but for the rest of a block
    """
    begin = size
    while begin > max(size - at_most, 0):
        length = min(_ZEROS_BYTES, begin)
        kept = len(read_at(begin - length, length).rstrip(b'\0'))
        begin -= length - kept
        if kept:
            break
    return begin
