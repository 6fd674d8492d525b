"""SQLite files that are made to cost much: at the structure, they cost little."""
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
import sqlite3
import struct

from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag2_sqlite import Rosbag2Sqlite
from flightlog_bucket.logs.verdict import STRUCTURE, VALID, Verdict
import made_logs
import pytest
from support.cpu import least_cpu

PAGE_BYTES = 65536
MANY_COLUMNS = [0, 15, 15, *[0] * 97]
"""A row number, two texts of one character, and nothing."""
_CELLS = 30_000


def number(value: int) -> bytes:
    high = value >> 7
    return (number(high)[:-1] + bytes([number(high)[-1] | 0x80]) if high else b'') + bytes(
        [value & 0x7F])


def cell(types: Sequence[int], values: bytes) -> bytes:
    words = b''.join(map(number, types))
    header = number(len(words) + (1 if len(words) < 127 else 2)) + words
    return number(len(header + values)) + b'\x01' + header + values


def leaf(same: bytes) -> bytes:
    """Return a page whose pointers all lead to one cell."""
    begin = PAGE_BYTES - len(same)
    pointers = min(_CELLS, (begin - 8) // 2)
    head = struct.pack('>BHHHB', 0x0D, 0, pointers, begin % 65536, 0)
    return (head + struct.pack('>H', begin) * pointers).ljust(begin, b'\0') + same


def write(path: Path, table: str, same: bytes, leaves: int = 6) -> Path:
    """Write a database in which a table has one row, many times."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f'PRAGMA page_size = {PAGE_BYTES}')
        for statement in (made_logs.TOPICS, made_logs.MESSAGES):
            database.execute(statement)
        root, = database.execute(
            'SELECT rootpage FROM sqlite_master WHERE name = ?', (table,)).fetchone()
        database.commit()
    content = bytearray(path.read_bytes())
    pages = len(content) // PAGE_BYTES
    begin = PAGE_BYTES - 5 * (leaves - 1)
    inner = struct.pack('>BHHHBI', 0x05, 0, leaves - 1, begin, 0, pages + leaves)
    inner += b''.join(struct.pack('>H', begin + 5 * at) for at in range(leaves - 1))
    children = b''.join(struct.pack('>IB', pages + 1 + at, 1) for at in range(leaves - 1))
    content[(root - 1) * PAGE_BYTES:root * PAGE_BYTES] = inner.ljust(begin, b'\0') + children
    content[28:32] = struct.pack('>I', pages + leaves)
    path.write_bytes(content + leaf(same) * leaves)
    return path


def looked_at(path: Path) -> Verdict:
    """Check and describe it, and return the verdict."""
    with open(path, 'rb', buffering=0) as stream:
        log = Rosbag2Sqlite(LogReader(path, stream))
        verdict = log.check(STRUCTURE)
        log.describe()
    return verdict


@pytest.mark.parametrize(('table', 'same'), [
    pytest.param('topics', cell(MANY_COLUMNS, b'ab'), id='topics of many columns'),
    pytest.param('topics', cell([0, 13 + 2 * 5_000, 15], b'\xc3\xa9' * 2_500 + b'b'),
                 id='long names of topics'),
    pytest.param('messages', cell([0, 1, 1, *[0] * 97], b'ab'), id='messages of many columns'),
    pytest.param('messages', cell([0, 1, 1, 12], b'ab'), id='many messages'),
])
def test_one_row_many_times_is_not_looked_at_each_time(tmp_path, table, same):
    path = write(tmp_path / 'x.db3', table, same)
    verdict, cpu_s = least_cpu(lambda: looked_at(path), 1)
    assert verdict.outcome != VALID or verdict.reason or table == 'messages'
    assert cpu_s < 1


@pytest.mark.parametrize('junk', ['[' * 60_000, '/*' * 30_000, '`"' * 20_000, "'[" * 20_000])
def test_a_statement_is_read_once(tmp_path, junk):
    path = made_logs.write_db3(tmp_path / 'x.db3')
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute('PRAGMA writable_schema = ON')
        database.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'topics'",
                         (made_logs.TOPICS[:-1] + junk,))
    assert least_cpu(lambda: looked_at(path), 0.5)[1] < 0.5
