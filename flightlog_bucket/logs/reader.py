"""
Bounded access to a log's bytes: whatever a file claims, little is read.

The bounds are of what is read, not of the time that it takes: what is found in a log must be the
same on every computer, and on every try.
"""
import os
from pathlib import Path
from typing import BinaryIO

from flightlog_bucket.errors import LocalFileChanged

BUDGET_BYTES = 32 * 1024 * 1024
_JUMP_BYTES = 8 * 1024
"""What a read away from the one before costs at least: the disk gives no less."""
MAX_RECORDS = 50_000
"""Records of one index that are looked at; a log of 2 GiB has about 3,000."""


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
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self._stream = stream
        self._bytes_left = BUDGET_BYTES
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
        is_near = abs(offset - self._position) < _JUMP_BYTES
        self._bytes_left -= length if is_near else max(length, _JUMP_BYTES)
        self._position = offset + length
        if self._bytes_left < 0:
            raise TooMuch(f'more than {BUDGET_BYTES} bytes would be needed')
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
