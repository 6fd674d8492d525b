"""SQLite files of rosbag2: https://github.com/ros2/rosbag2/tree/rolling/rosbag2_storage_sqlite3."""
import errno
import os
from pathlib import Path
from typing import Literal

from flightlog_bucket.errors import LocalFileChanged
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.reader import Damage, LogReader, Truncated
from flightlog_bucket.logs.rosbag2_tables import Rosbag2Tables
from flightlog_bucket.logs.sqlite_file import HEADER_BYTES, MAGIC, SqliteFile
from flightlog_bucket.logs.verdict import VALID, Verdict

# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_WAL_MAGICS = (b'\x37\x7f\x06\x82', b'\x37\x7f\x06\x83')
_WAL_HEADER_BYTES = 32
_WAL_FRAME_HEADER_BYTES = 24
_WAL_VERSION = 3007000
_JOURNAL_MAGIC = b'\xd9\xd5\x05\xf9\x20\xa1\x63\xd7'


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is an SQLite database."""
    return head.startswith(MAGIC)


def is_wal(head: bytes) -> bool:
    """Tell whether a file that begins like this is a write-ahead log."""
    return head.startswith(_WAL_MAGICS)


def check_merged(path: Path) -> None:
    """
    Refuse a database whose latest messages are still in the ``-wal`` beside it.

    :raises LocalFileChanged: if there is one that is not empty; its recorder may yet merge it
    """
    wal, size = _beside(path, '-wal')
    if size:
        raise LocalFileChanged(
            f'{os.fspath(path)!r} has {size} bytes in {wal!r} that are not merged into it yet;'
            ' close the recorder, or merge them with'
            " `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`")


def is_hot_journal(path: str) -> bool:
    """
    Tell whether a ``-journal`` says that a transaction was not finished.

    Its beginning is zeroed when one is finished and the file is to stay:
    https://www.sqlite.org/fileformat2.html#the_rollback_journal.
    """
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        # One that cannot be read may be one.
        return error.errno != errno.ENOENT
    try:
        return os.read(fd, len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC
    except OSError:
        return True
    finally:
        os.close(fd)


class Rosbag2Sqlite(FlightLog):
    """An SQLite file of rosbag2."""

    storage = 'sqlite3'

    def __init__(self, log: LogReader) -> None:
        super().__init__(log)
        self._file = SqliteFile(log)
        self._tables = Rosbag2Tables(self._file)

    def check_structure(self) -> Verdict:
        self._check_size()
        _, unmerged = _beside(self.log.path, '-wal')
        if unmerged:
            raise Truncated(f'its latest messages are in the {unmerged} bytes of the -wal beside'
                            ' it, which are not merged into it')
        journal, unfinished = _beside(self.log.path, '-journal')
        if unfinished and is_hot_journal(journal):
            raise Truncated('its recorder was killed while it wrote: the -journal beside it has'
                            f' {unfinished} bytes')
        self._tables.check()
        return Verdict(VALID)

    def _check_size(self) -> None:
        size = self.log.size
        if size < HEADER_BYTES:
            raise Truncated(f'the file ends inside its header, after {size} bytes')
        page_bytes, stated = self._file.header.page_bytes, self._file.header.pages
        pages, rest = divmod(size, page_bytes)
        if stated is not None and size < stated * page_bytes:
            raise Truncated(f'the header states {stated} pages of {page_bytes} bytes, the file'
                            f' has {size} bytes')
        if stated is not None and rest:
            more = f'{size - stated * page_bytes} bytes follow the {stated} pages that the header'
            if any(self.log.read_at(pages * page_bytes, rest)):
                raise Damage(f'{more} states')
            # Zeros are what a file system shows of what was not written before a power cut.
            raise Truncated(f'{more} states, and the last of them are zeros')
        if rest:
            raise Truncated(f'the file ends inside page {pages + 1}')
        if stated is not None and pages > stated:
            # A transaction begins with new pages, and ends with the header.
            raise Truncated(f'the file has {pages} pages, the header states {stated}: its'
                            ' recorder was killed while it wrote')

    def _describe(self) -> Description:
        tables = self._tables
        start_ns, end_ns = tables.span_ns()
        duration_ns = None if start_ns is None or end_ns is None else end_ns - start_ns
        return Description(self.storage, start_ns, duration_ns, tables.message_count(),
                           tables.topics(), tables.compression())


class WriteAheadLog(FlightLog):
    """A ``-wal``, which is a log only together with its ``.db3``."""

    storage = 'sqlite3-wal'

    def check_structure(self) -> Verdict:
        if self.log.size < _WAL_HEADER_BYTES:
            raise Truncated(f'the file ends inside its header, after {self.log.size} bytes')
        header = self.log.read_at(0, _WAL_HEADER_BYTES)
        _, version, page_bytes, _, _, _, *checksum = _words(header, 'big')
        if version != _WAL_VERSION:
            raise Damage(f'the header states version {version}')
        if page_bytes not in (2 ** exponent for exponent in range(9, 17)):
            raise Damage(f'the header states pages of {page_bytes} bytes')
        if _wal_checksum(header[:24], is_big_endian=bool(header[3] & 1)) != tuple(checksum):
            raise Damage('the checksum of the header is wrong')
        _, rest = divmod(self.log.size - _WAL_HEADER_BYTES, _WAL_FRAME_HEADER_BYTES + page_bytes)
        if rest:
            raise Truncated(f'the file ends {rest} bytes into a frame')
        return Verdict(VALID)

    def _describe(self) -> Description:
        return Description(self.storage)


def _beside(path: Path, end: str) -> tuple[str, int]:
    """Return the path of a database's other file, and its size, 0 if there is none."""
    other = os.path.realpath(path) + end
    try:
        return other, os.stat(other).st_size
    except (OSError, ValueError):
        return other, 0


def _words(data: bytes, order: Literal['big', 'little']) -> list[int]:
    return [int.from_bytes(data[begin:begin + 4], order) for begin in range(0, len(data), 4)]


def _wal_checksum(data: bytes, *, is_big_endian: bool) -> tuple[int, int]:
    """Return the checksum of https://www.sqlite.org/fileformat2.html#checksum_algorithm."""
    words = _words(data, 'big' if is_big_endian else 'little')
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = first + even + second & 0xFFFFFFFF
        second = second + odd + first & 0xFFFFFFFF
    return first, second
