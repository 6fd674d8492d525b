"""A local log while it is sent: one open file, read in parts, watched for changes."""
from collections.abc import Iterator
from dataclasses import dataclass
import hashlib
import io
import os
from pathlib import Path
import threading
from types import TracebackType
from typing import Any, BinaryIO, Optional
import zlib

from flightlog_bucket.errors import (
    Cancelled,
    LocalFileChanged,
    LocalFileUnreadable,
)
from flightlog_bucket.storage.checksum import etag_of, Sums
from flightlog_bucket.storage.opening import check_is_regular, open_log, read_error, shown

# A block stays in the processor's cache between reading and hashing it.
_BLOCK_BYTES = 256 * 1024
_LATEST_S = 253_402_300_799.0  # the last second that a datetime can show
_LATEST_NS = 2 ** 63 - 1  # in the year 2262; some file systems show later ones


def modified_ns(status: os.stat_result) -> int:
    """Return a modification time in nanoseconds since 1970, as near as 64 bits can hold it."""
    return min(max(status.st_mtime_ns, -_LATEST_NS), _LATEST_NS)


@dataclass(frozen=True)
class Fingerprint:
    """
    What tells without reading whether a file is still the same.

    :param size: bytes
    :param mtime_ns: modification time, nanoseconds since 1970
    :param device: of the file system
    :param inode: on it
    """

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> 'Fingerprint':
        """Take it from what the operating system says of a file."""
        return cls(status.st_size, modified_ns(status), status.st_dev, status.st_ino)

    def is_same(self, other: 'Fingerprint') -> bool:
        """Tell whether both are of one file; a disk's device number changes with a restart."""
        return ((self.size, self.mtime_ns, self.inode)
                == (other.size, other.mtime_ns, other.inode))


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
        self.shown = shown(path)
        self._cancel = cancel
        self._fd = open_log(path)
        self._crc32: Optional[int] = None
        self._etags, self.learned_etags = dict[int, str](), set[str]()
        try:
            self._as_opened = os.fstat(self._fd)
            check_is_regular(path, self._as_opened)
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
    def fingerprint(self) -> Fingerprint:
        """As it was when it was opened."""
        return Fingerprint.of(self._as_opened)

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
            raise self.unreadable(offset, error) from error

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer from ``offset`` on, as ``read_at()``; return how many bytes came."""
        self.check_not_cancelled()
        count = 0
        try:
            while count < len(buffer):
                got = os.preadv(self._fd, [buffer[count:]], offset + count)
                if not got:
                    break
                count += got
        except OSError as error:
            raise self.unreadable(offset + count, error) from error
        return count

    def unreadable(self, offset: int, error: OSError) -> LocalFileUnreadable:
        """Return the error for bytes that the disk does not give."""
        return read_error(self.shown, offset, error)

    def fileno(self) -> int:
        """Return the file descriptor, good as long as the file is open."""
        return self._fd

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
        if offset or length is not None:
            return self.sums(offset, length).crc32
        if self._crc32 is None:
            self._crc32 = self.sums().crc32
        return self._crc32

    def etag(self, part_size: int) -> str:
        """Return the ETag of the content, not encrypted, in parts of so many bytes; 0: in one."""
        if part_size not in self._etags:
            parts = range(0, self.size, part_size) if part_size else range(1)
            length = part_size or self.size
            self._etags[part_size] = etag_of(
                [self.md5(offset, min(length, self.size - offset)) for offset in parts],
                in_parts=bool(part_size))
        return self._etags[part_size]

    def learn(self, crc32: int, part_size: int, etag: str) -> None:
        """
        Take what was computed of the whole content while its parts were sent.

        :param crc32: CRC-32
        :param part_size: bytes
        :param etag: as ``etag(part_size)``; empty: it was not computed
        """
        self._crc32 = crc32
        if etag:
            self.learned_etags.add(etag)
            self._etags[part_size] = etag

    def md5(self, offset: int = 0, length: Optional[int] = None) -> bytes:
        """Return the MD5 of a part, as ``crc32()`` does its CRC-32."""
        digest = hashlib.md5(usedforsecurity=False)
        for block in self._blocks(offset, self.size - offset if length is None else length):
            digest.update(block)
        return digest.digest()

    def sums(self, offset: int = 0, length: Optional[int] = None, *,
             with_md5: bool = False) -> Sums:
        """Return CRC-32 and, if it is wanted, MD5 of a part, which is read once."""
        crc, digest = 0, hashlib.md5(usedforsecurity=False)
        for block in self._blocks(offset, self.size - offset if length is None else length):
            crc = zlib.crc32(block, crc)
            if with_md5:
                digest.update(block)
        return Sums(crc, digest.digest() if with_md5 else None)

    def _blocks(self, offset: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes of a part; each block is good until the next is asked for."""
        buffer = memoryview(bytearray(min(_BLOCK_BYTES, length)))
        end = offset + length
        while offset < end:
            count = self.read_into(offset, buffer[:end - offset])
            if not count:
                self.check_unchanged()
                raise LocalFileChanged(f'{self.shown} ends at byte {offset}, before its size says')
            offset += count
            yield buffer[:count]


class _Reader(io.RawIOBase):
    """The file as a raw stream, for code that takes a stream."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

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
