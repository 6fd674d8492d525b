"""A local log while it is sent: one open file, read in parts, watched for changes."""
from collections.abc import Iterator
import errno
import hashlib
import io
import os
from pathlib import Path
import stat
import threading
from types import TracebackType
from typing import Any, BinaryIO, Optional
import zlib

from flightlog_bucket.errors import (
    Busy,
    Cancelled,
    FlightlogError,
    InvalidRequest,
    LocalFileChanged,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)

_BLOCK_BYTES = 1024 * 1024
_LATEST_S = 253_402_300_799.0  # the last second that a datetime can show


class LocalFile:
    """
    A regular file, opened once, with the size and times that it had then.

    Everything is read through the one file descriptor, so that a file which is replaced under its
    name is still sent whole. A symbolic link is followed.

    :param path: of the file
    :param cancel: once set, every read raises ``Cancelled``
    :raises LocalFileNotFound: if there is none
    :raises LocalFileUnreadable: if the operating system refuses the access
    :raises InvalidRequest: if it is a directory, a device, a pipe or a socket
    """

    def __init__(self, path: Path, cancel: threading.Event) -> None:
        self.path = path
        self.shown = _shown(path)
        self._cancel = cancel
        self._fd = _open(path)
        try:
            self._as_opened = os.fstat(self._fd)
            _check_is_regular(path, self._as_opened)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> 'LocalFile':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        os.close(self._fd)

    @property
    def size(self) -> int:
        """Bytes, when it was opened."""
        return self._as_opened.st_size

    @property
    def modified_s(self) -> float:
        """Modification time in seconds since 1970 UTC, when it was opened; a possible date."""
        return min(max(self._as_opened.st_mtime, 0.0), _LATEST_S)

    def stream(self) -> BinaryIO:
        """Return a buffered reader of its own position, good as long as the file is open."""
        return io.BufferedReader(_Reader(self))

    def read_at(self, offset: int, length: int) -> bytes:
        """
        Return ``length`` bytes from ``offset``, or fewer at the end of the file.

        :raises Cancelled: if the transfer was cancelled
        :raises LocalFileUnreadable: if the disk does not give them
        """
        self.check_not_cancelled()
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise LocalFileUnreadable(
                f'cannot read {self.shown} at byte {offset}: {error.strerror}') from error

    def check_not_cancelled(self) -> None:
        """
        Tell whether the transfer may go on.

        :raises Cancelled: if it was cancelled
        """
        if self._cancel.is_set():
            raise Cancelled(f'{self.shown}: the upload was stopped')

    def check_unchanged(self) -> None:
        """
        Compare size and modification time with those at opening.

        :raises LocalFileChanged: if they differ
        """
        now, then = os.fstat(self._fd), self._as_opened
        if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            raise LocalFileChanged(
                f'{self.shown} was written to while it was read (it had {then.st_size} bytes,'
                f' now {now.st_size}); upload it again when its recorder has closed it')

    def crc32(self, offset: int = 0, length: Optional[int] = None) -> int:
        """
        Return the CRC-32 of a part.

        :param offset: bytes
        :param length: bytes; None: to the end
        :raises LocalFileChanged: if the file has become shorter
        """
        crc = 0
        for block in self._blocks(offset, self.size - offset if length is None else length):
            crc = zlib.crc32(block, crc)
        return crc

    def md5(self, offset: int = 0, length: Optional[int] = None) -> bytes:
        """Return the MD5 of a part, as ``crc32()`` does its CRC-32."""
        digest = hashlib.md5(usedforsecurity=False)
        for block in self._blocks(offset, self.size - offset if length is None else length):
            digest.update(block)
        return digest.digest()

    def _blocks(self, offset: int, length: int) -> Iterator[bytes]:
        end = offset + length
        while offset < end:
            block = self.read_at(offset, min(_BLOCK_BYTES, end - offset))
            if not block:
                self.check_unchanged()
                raise LocalFileChanged(f'{self.shown} ends at byte {offset}, before its size says')
            offset += len(block)
            yield block


class _Reader(io.RawIOBase):
    """The file as a raw stream, for code that takes a stream."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._file.read_at(self._position, len(buffer))
        buffer[:len(data)] = data
        self._position += len(data)
        return len(data)


class FilePart:
    """
    One part of a file as the body of a request: what botocore needs of a binary file.

    The file is checked for changes before the last bytes are handed out, so that a request with
    bytes of a changed file is never completed.

    :param file: open for as long as the part is in use
    :param offset: bytes
    :param length: bytes
    """

    def __init__(self, file: LocalFile, offset: int, length: int) -> None:
        self._file = file
        self._offset = offset
        self._length = length
        self._position = 0

    def __len__(self) -> int:
        return self._length

    def read(self, size: Optional[int] = -1) -> bytes:
        """
        Return up to ``size`` bytes; negative or None: the rest.

        :raises LocalFileChanged: if the file is not as it was when it was opened
        """
        rest = self._length - self._position
        wanted = rest if size is None or size < 0 else min(size, rest)
        if not wanted:
            return b''
        if wanted == rest:
            self._file.check_unchanged()
        data = self._file.read_at(self._offset + self._position, wanted)
        if len(data) < wanted:
            self._file.check_unchanged()
            raise LocalFileChanged(f'{self._file.shown} ends before its size says')
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the part; return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = min(max(base + offset, 0), self._length)
        return self._position

    def tell(self) -> int:
        """Return the position within the part."""
        return self._position


def _open(path: Path) -> int:
    shown = _shown(path)
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise LocalFileNotFound(f'there is no {shown}') from None
    except PermissionError:
        raise LocalFileUnreadable(f'no permission to read {shown}; give the user of this process'
                                  ' read access to it') from None
    except ValueError:
        raise InvalidRequest(f'{shown} is not a path') from None
    except OSError as error:
        raise _open_error(shown, error) from error


def _open_error(shown: str, error: OSError) -> FlightlogError:
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return LocalFileNotFound(f'there is no {shown}: {error.strerror}')
    if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket; a device that is not there
        return InvalidRequest(f'{shown} is not a regular file')
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):  # no fault of the log
        return Busy(f'cannot open {shown} now: {error.strerror}')
    return LocalFileError(f'cannot open {shown}: {error.strerror}')


def _check_is_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InvalidRequest(f'{_shown(path)} is a directory; give the file of the log')
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f'{_shown(path)} is not a regular file')


def _shown(path: Path) -> str:
    """Return the path in quotes, with whatever cannot be printed escaped."""
    return repr(os.fspath(path))
