"""
SQLite files of rosbag2: https://www.sqlite.org/fileformat2.html.

A file can hold more than data: views without end, expressions that make gigabytes, a schema of
any size. Only what a recorder writes is looked at.
"""
from collections.abc import Callable
from contextlib import closing
import os
from pathlib import Path
import sqlite3
import time
from typing import Optional
from urllib.parse import quote

from flightlog_bucket.errors import LocalFileChanged
from flightlog_bucket.logs.reader import LogReader, MAX_RECORDS, NoStart

MAGIC = b'SQLite format 3\0'
# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_WAL_MAGICS = (b'\x37\x7f\x06\x82', b'\x37\x7f\x06\x83')

_FILE_HEADER_BYTES = 100
_LEAF_TABLE_PAGE = 0x0D
_OVERFLOW_MARGIN_BYTES = 35
_STEPS_AT_ONCE = 10
_MAX_STEPS = 10 * MAX_RECORDS
"""Instructions of SQLite's virtual machine; it takes about ten to look at a message."""
_USUAL_PAGE_BYTES = 4096
_LAST_RESORT_S = 20.0
"""Only for a file made to be slow: one instruction can read a gigabyte."""

_PRAGMAS = ('trusted_schema = OFF', 'cell_size_check = ON', 'mmap_size = 0')
# The type that the schema states is only a label; the text of the statement decides.
_REAL_TABLES = ("SELECT count(*) FROM sqlite_master WHERE name = 'messages' AND type = 'table'"
                " AND rootpage > 0 AND sql LIKE 'CREATE TABLE %'")
_COMPUTED_COLUMNS = "SELECT count(*) FROM pragma_table_xinfo('messages') WHERE hidden <> 0"
# Unlike min(), this compares and loads nothing but integers, whatever else a column may hold.
_EARLIEST = ("SELECT timestamp FROM messages WHERE typeof(timestamp) = 'integer'"
             ' ORDER BY timestamp LIMIT 1')


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
    wal = os.path.realpath(path) + '-wal'
    try:
        size = os.stat(wal).st_size
    except (OSError, ValueError):
        return
    if size:
        raise LocalFileChanged(
            f'{os.fspath(path)!r} has {size} bytes in {wal!r} that are not merged into it yet;'
            ' close the recorder, or merge them with'
            " `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`")


def start_ns(log: LogReader) -> Optional[int]:
    """
    Return the earliest ``timestamp`` of the table ``messages``.

    The file alone is read, without its ``-wal``, which holds later messages. None without
    messages, and without such a table.

    :raises NoStart: if the database is damaged, odd, or has no index and too many messages
    """
    page_bytes = _check_schema_is_small(log)
    uri = f'file://{quote(os.fsencode(os.path.realpath(log.path)))}?mode=ro&immutable=1'
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as database:
            database.set_progress_handler(_budget(page_bytes), _STEPS_AT_ONCE)
            return _earliest(database)
    except sqlite3.Error as error:
        raise NoStart(f'SQLite says: {error}') from error


def _earliest(database: sqlite3.Connection) -> Optional[int]:
    for pragma in _PRAGMAS:
        database.execute(f'PRAGMA {pragma}')
    if database.execute(_REAL_TABLES).fetchone() != (1,):
        return None
    if database.execute(_COMPUTED_COLUMNS).fetchone() != (0,):
        raise NoStart('the table messages has computed columns')
    row = database.execute(_EARLIEST).fetchone()
    return int(row[0]) if row else None


def _budget(page_bytes: int) -> Callable[[], bool]:
    """Return a function that tells whether the steps are used up; larger pages allow fewer."""
    left = _MAX_STEPS * _USUAL_PAGE_BYTES // max(page_bytes, _USUAL_PAGE_BYTES)
    deadline = time.monotonic() + _LAST_RESORT_S

    def is_used_up() -> bool:
        nonlocal left
        left -= _STEPS_AT_ONCE
        return left < 0 or time.monotonic() >= deadline

    return is_used_up


def _check_schema_is_small(log: LogReader) -> int:
    """
    Return the size of a page in bytes.

    :raises NoStart: if the schema does not fit on the first page: SQLite would load all of it
    """
    header = log.read_at(0, _FILE_HEADER_BYTES)
    page_bytes = int.from_bytes(header[16:18], 'big')
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    page = log.read_at(0, page_bytes)
    if len(page) < 512 or page[_FILE_HEADER_BYTES] != _LEAF_TABLE_PAGE:
        raise NoStart('the schema takes more than one page')
    cells = int.from_bytes(page[103:105], 'big')
    if 108 + 2 * cells > page_bytes:
        raise NoStart('the first page is damaged')
    for cell in range(cells):
        pointer = int.from_bytes(page[108 + 2 * cell:110 + 2 * cell], 'big')
        if _varint(page, pointer) > page_bytes - _OVERFLOW_MARGIN_BYTES - header[20]:
            raise NoStart('a statement of the schema takes more than one page')
    # The statistics of ANALYZE are loaded with the schema, whatever their size.
    if b'sqlite_stat' in page.lower():
        raise NoStart('the schema has statistics tables')
    return page_bytes


def _varint(page: bytes, offset: int) -> int:
    value = 0
    for byte in page[offset:offset + 8]:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
    raise NoStart('the first page is damaged')
