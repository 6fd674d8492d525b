"""Unpacking all of a log, and reading that with the library of its format."""
from collections.abc import Iterator
from contextlib import contextmanager
import os
import sqlite3
import tempfile
from typing import BinaryIO, cast

from flightlog_bucket.logs import mcap_records, sqlite_file
from flightlog_bucket.logs.library import mcap, sqlite3_bag
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED
from flightlog_bucket.logs.zstd_frames import (
    begin_of_zeros,
    ENDS_IN_ZEROS,
    reading_at,
    Source,
)
import zstandard

_BLOCK_BYTES = 128 * 1024
"""What is lost of a file that cannot be unpacked to its end."""
_MAX_WINDOW_BYTES = 128 * 1024 * 1024
"""What the zstd program takes without being asked to."""


def read(path: str, structure: str) -> Reading:
    """
    Unpack a log into a temporary file, and read that.

    :param path: of the log
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    with _temporary() as unpacked, open(path, 'rb') as packed:
        size, read_at = packed.seek(0, os.SEEK_END), reading_at(packed)
        source = Source(read_at, size, begin_of_zeros(read_at, size))
        try:
            _unpack(source, unpacked)
        except zstandard.ZstdError as error:
            if not source.is_at_zeros:
                return Reading(CORRUPT, f'it cannot be unpacked: {error}')
            if structure != TRUNCATED:
                return Reading(TRUNCATED, ENDS_IN_ZEROS)
        unpacked.seek(0)
        head = unpacked.read(len(sqlite_file.MAGIC))
        if head == sqlite_file.MAGIC:
            return sqlite3_bag.read_opened(lambda: _database(unpacked), structure)
        if head.startswith(mcap_records.MAGIC):
            return mcap.read(f'/proc/self/fd/{unpacked.fileno()}', structure)
    if structure == TRUNCATED:
        return Reading()
    return Reading(CORRUPT, f'its content begins with {head[:8].hex(" ")}')


def _unpack(source: Source, unpacked: BinaryIO) -> None:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    try:
        # All that it asks of a stream is read().
        with unpacker.stream_reader(cast(BinaryIO, source), read_across_frames=True) as stream:
            while block := stream.read(_BLOCK_BYTES):
                unpacked.write(block)
    except zstandard.ZstdError as error:
        if 'too much memory' in str(error):
            raise MemoryError from error
        raise
    finally:
        unpacked.flush()


@contextmanager
def _temporary() -> Iterator[BinaryIO]:
    """Give a file without a name, so that nothing is left of it however the process ends."""
    fd = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    with open(fd, 'w+b') as file:
        yield file


def _database(file: BinaryIO) -> sqlite3.Connection:
    """
    Open an SQLite file that has no name.

    SQLite wants one: the file has it for the moment in which it is opened. That is when SQLite
    connects; what may take long, loading the schema, comes with the first statement.
    """
    name = os.path.join(tempfile.gettempdir(), f'flightlog-{os.urandom(8).hex()}.db3')
    # With a descriptor for the directory, which an absolute path does not need, Python makes the
    # call that follows the link: https://man7.org/linux/man-pages/man2/open.2.html, O_TMPFILE.
    os.link(f'/proc/self/fd/{file.fileno()}', name, src_dir_fd=file.fileno())
    try:
        return sqlite3_bag.connected(name)
    finally:
        os.unlink(name)
