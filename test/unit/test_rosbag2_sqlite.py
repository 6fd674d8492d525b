"""SQLite files of rosbag2: what is said of whole, cut, damaged and hostile ones."""
from contextlib import closing
import os
from pathlib import Path
import random
import signal
import sqlite3
import struct
from typing import Any, Optional

import corpus
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.library import sqlite3_bag
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag2_sqlite import Rosbag2Sqlite, WriteAheadLog
from flightlog_bucket.logs.verdict import CORRUPT, HEADER, STRUCTURE, TRUNCATED, VALID, Verdict
import made_logs
from made_logs import MESSAGES, START_NS, TIMESTAMP_INDEX, TOPICS
import pytest

DB3 = [f for f in corpus.files() if f.format == 'db3' and f.path.suffix == '.db3']
WHOLE = [f for f in DB3 if f.status == 'valid']
PAGE_BYTES = 4096
HOT_JOURNAL = b'\xd9\xd5\x05\xf9\x20\xa1\x63\xd7' + bytes(20)
ONE_MESSAGE = f"INSERT INTO messages VALUES (1, 1, {START_NS}, x'00')"


def looked_at(path: Path) -> tuple[Verdict, Description]:
    with open(path, 'rb', buffering=0) as stream:
        log = Rosbag2Sqlite(LogReader(path, stream))
        return log.check(STRUCTURE), log.describe()


def outcome_of(path: Path) -> str:
    return looked_at(path)[0].outcome


def made(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(';'.join(['PRAGMA writable_schema = ON', *statements]))
    return path


def changed(path: Path, offset: int, data: bytes) -> Path:
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(data)
    return path


def what_sqlite_says(path: Path) -> tuple[Optional[int], Optional[int], int, dict[Any, int]]:
    """Return start, end, messages and messages of each topic and type."""
    with closing(sqlite3.connect(f'file:{path}?mode=ro&immutable=1', uri=True)) as database:
        start, end, count = database.execute(
            'SELECT min(timestamp), max(timestamp), count(*) FROM messages').fetchone()
        topics = database.execute(
            'SELECT name, type, count(messages.id) FROM topics LEFT JOIN messages'
            ' ON topics.id = topic_id GROUP BY topics.id').fetchall()
    counts: dict[Any, int] = {}
    for name, kind, messages in topics:
        counts[name, kind] = counts.get((name, kind), 0) + messages
    return start, end, count, counts


class TestCorpus:

    @pytest.mark.parametrize('file', corpus.params(DB3))
    def test_gets_the_verdict_of_the_manifest(self, file):
        outcome = outcome_of(file.path)
        assert outcome != VALID if file.status == 'hostile' else outcome == file.status

    @pytest.mark.parametrize('file', corpus.params([f for f in DB3 if f.status != 'corrupt']))
    def test_is_read_by_sqlite_with_the_same_verdict(self, file):
        structure = VALID if file.status == 'hostile' else file.status
        reading = sqlite3_bag.read(str(file.path), structure)
        assert reading.outcome == (CORRUPT if file.status == 'hostile' else VALID)

    @pytest.mark.parametrize('file', corpus.params(WHOLE))
    def test_is_described_as_sqlite_does(self, file):
        start, end, count, topics = what_sqlite_says(file.path)
        description = looked_at(file.path)[1]
        read = sqlite3_bag.read(str(file.path), VALID)
        for found in (description, read):
            assert found.start_ns == start
            assert found.duration_ns == (None if start is None else end - start)
            assert found.message_count == count
            counts = {(topic.name, topic.type): topic.message_count for topic in found.topics}
            assert counts == topics

    @pytest.mark.parametrize('file', corpus.params(WHOLE[::6]))
    def test_cut_anywhere_is_truncated(self, file, tmp_path):
        content = file.path.read_bytes()
        path = tmp_path / 'x.db3'
        for length in {16, 99, 100, 101, 511, *range(1000, len(content), len(content) // 40),
                       len(content) - 1}:
            path.write_bytes(content[:length])
            assert outcome_of(path) == TRUNCATED, length
            assert sqlite3_bag.read(str(path), TRUNCATED).outcome == VALID

    @pytest.mark.parametrize(('part', 'compression'), [
        ('message_compression_0', 'zstd'), ('multiple_files_0', 'none'),
        ('topics_and_services', 'none')])
    def test_tells_how_messages_are_packed(self, part, compression):
        files = [f for f in DB3 if part in f.path.name]
        if not files:
            pytest.skip(corpus.MISSING)
        assert {looked_at(f.path)[1].compression for f in files} == {compression}


@pytest.mark.parametrize('page_bytes', [512, 1024, 4096, 65536])
@pytest.mark.parametrize('index', [True, False])
@pytest.mark.parametrize('size', [5, 300, 40_000])
def test_is_read_as_sqlite_does_whatever_its_pages(tmp_path, page_bytes, index, size):
    chosen = random.Random(size)
    path = tmp_path / 'x.db3'
    with closing(sqlite3.connect(path)) as database:
        database.execute(f'PRAGMA page_size = {page_bytes}')
        for statement in (TOPICS, MESSAGES, TIMESTAMP_INDEX)[:3 if index else 2]:
            database.execute(statement)
        for number in range(1, 40):
            database.execute('INSERT INTO topics VALUES (?, ?, ?, ?, ?)', (
                number * 1000, f'/topic{number}', 'a/msg/B', 'cdr', 'q' * chosen.randint(0, 9000)))
        database.executemany(
            'INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)',
            [(1000 * chosen.randint(1, 39), START_NS + chosen.randint(-10**12, 10**12),
              bytes(chosen.randint(0, size))) for _ in range(2_000_000 // (size + 1000))])
        database.commit()
    start, end, count, topics = what_sqlite_says(path)
    verdict, description = looked_at(path)
    assert verdict == Verdict(VALID)
    assert (description.start_ns, description.duration_ns) == (start, end - start)
    assert description.message_count == count
    assert {(t.name, t.type): t.message_count for t in description.topics} == topics


def test_counts_what_it_does_not_look_at_one_by_one(tmp_path):
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 100_000))
    verdict, description = looked_at(path)
    assert verdict == Verdict(VALID)
    assert description.message_count == 100_000
    assert description.duration_ns == 99_999
    assert [topic.message_count for topic in description.topics] == [None]


def test_a_recorder_that_is_killed_leaves_a_truncated_file(tmp_path):
    # rosbag2 keeps the journal in memory; new pages are written before the header is.
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 2000))
    child = os.fork()
    if not child:
        database = sqlite3.connect(path, isolation_level=None)
        for statement in ('PRAGMA journal_mode = MEMORY', 'PRAGMA synchronous = OFF',
                          'PRAGMA cache_size = 10', 'BEGIN'):
            database.execute(statement)
        database.executemany('INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, ?)',
                             [(START_NS + n, bytes(500)) for n in range(2000)])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    verdict, description = looked_at(path)
    assert verdict.outcome == TRUNCATED
    assert 'its recorder was killed' in verdict.reason
    assert description.topics
    assert sqlite3_bag.read(str(path), TRUNCATED).outcome == VALID


@pytest.mark.parametrize('tables', range(5))
def test_a_recorder_that_is_killed_at_its_start_leaves_a_truncated_file(tmp_path, tables):
    schema = ['CREATE TABLE schema(schema_version INTEGER PRIMARY KEY)',
              'CREATE TABLE metadata(id INTEGER PRIMARY KEY)', TOPICS, MESSAGES, TIMESTAMP_INDEX]
    path = made(tmp_path / 'x.db3', *schema[:tables], 'PRAGMA user_version = 1')
    assert outcome_of(path) == (VALID if tables == 4 else TRUNCATED)


@pytest.mark.parametrize(('end', 'content'), [('-wal', b'x'), ('-journal', HOT_JOURNAL)])
def test_what_is_left_beside_it_makes_it_truncated(tmp_path, end, content):
    path = made_logs.write_db3(tmp_path / 'x.db3')
    beside = tmp_path / f'x.db3{end}'
    beside.touch()
    assert outcome_of(path) == VALID
    beside.write_bytes(content)
    verdict, description = looked_at(path)
    assert verdict.outcome == TRUNCATED
    assert end in verdict.reason
    assert description.start_ns == START_NS


@pytest.mark.parametrize(('offset', 'data'), [
    pytest.param(16, b'\x00\x00', id='no page size'),
    pytest.param(16, b'\x10\x01', id='odd page size'),
    pytest.param(18, b'\x01\x03', id='later version'),
    pytest.param(20, b'\xff', id='reserved bytes', marks=()),
    pytest.param(21, b'\x41', id='payload fraction'),
    pytest.param(56, b'\x00\x00\x00\x09', id='encoding'),
    pytest.param(100, b'\x05', id='schema has pages below'),
    pytest.param(100, b'\x0a', id='schema is an index'),
    pytest.param(103, b'\xff\xff', id='schema of 65535 entries'),
    pytest.param(108, b'\xff\xff', id='entry outside of the page'),
    pytest.param(PAGE_BYTES, b'\x0a', id='topics are an index'),
    pytest.param(2 * PAGE_BYTES, b'\x00', id='messages are no page'),
    pytest.param(2 * PAGE_BYTES + 3, b'\xff\xff', id='65535 messages on a page'),
    pytest.param(3 * PAGE_BYTES, b'\x0d', id='index is a table'),
])
def test_damage_where_it_is_looked_at_is_corrupt(tmp_path, offset, data):
    path = changed(made_logs.write_db3(tmp_path / 'x.db3'), offset, data)
    verdict, _ = looked_at(path)
    assert verdict.outcome == CORRUPT
    assert verdict.reason


@pytest.mark.parametrize('statements', [
    pytest.param(['CREATE TABLE a(x)'], id='another program'),
    pytest.param([MESSAGES, ONE_MESSAGE], id='messages without topics'),
    pytest.param([TOPICS, 'CREATE VIEW messages AS WITH RECURSIVE c(id, topic_id, timestamp, data)'
                  " AS (SELECT 1, 1, 1, x'' UNION ALL SELECT id + 1, 1, id, x'' FROM c)"
                  ' SELECT * FROM c'], id='endless view'),
    pytest.param([TOPICS, MESSAGES, "UPDATE sqlite_master SET sql = 'CREATE VIEW messages AS"
                  " SELECT 1 AS id' WHERE name = 'messages'"], id='view said to be a table'),
    pytest.param([TOPICS, MESSAGES.replace(' data BLOB', ' data BLOB AS (hex(zeroblob(4E8)))')],
                 id='computed data'),
    pytest.param([TOPICS, MESSAGES.replace('timestamp INTEGER', 'timestamp INT AS (1) STORED')],
                 id='computed and stored time'),
    pytest.param([TOPICS, MESSAGES + ' WITHOUT ROWID'], id='without row numbers'),
    pytest.param([TOPICS, 'CREATE VIRTUAL TABLE messages USING fts4(timestamp)'], id='virtual'),
    pytest.param([TOPICS, 'CREATE TABLE messages(id INTEGER PRIMARY KEY, data BLOB)'],
                 id='no timestamps'),
    pytest.param([TOPICS, MESSAGES, "INSERT INTO messages VALUES (1, 1, 'now', x'00')"],
                 id='text for a time'),
    pytest.param([TOPICS, MESSAGES, "INSERT INTO messages VALUES (1, 'x', 1, x'00')"],
                 id='text for a topic'),
    pytest.param([TOPICS, MESSAGES, "INSERT INTO messages VALUES (1, 1, 1, 'x')"],
                 id='text for data'),
    pytest.param([TOPICS, MESSAGES, ONE_MESSAGE], id='no row in the table of topics'),
    pytest.param([TOPICS.replace(' NOT NULL', ''), MESSAGES,
                  "INSERT INTO topics VALUES (1, NULL, 't', 'cdr', '')"], id='topic without name'),
    pytest.param([TOPICS, MESSAGES,
                  "INSERT INTO topics VALUES (1, printf('%.*c', 9000000, 'x'), 't', 'cdr', '')"],
                 id='name of 9 MB'),
])
def test_what_rosbag2_does_not_write_is_corrupt(tmp_path, statements):
    assert outcome_of(made(tmp_path / 'x.db3', *statements)) == CORRUPT


def test_pages_in_a_circle_are_no_tree(tmp_path):
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 5000))
    content = path.read_bytes()
    pages = [content[at:at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]
    for number, page in enumerate(pages):
        if page[0] in (0x02, 0x05):  # every child is the page itself
            changed(path, number * PAGE_BYTES + 8, struct.pack('>I', number + 1))
            for cell in range(int.from_bytes(page[3:5], 'big')):
                begin = int.from_bytes(page[12 + 2 * cell:14 + 2 * cell], 'big')
                changed(path, number * PAGE_BYTES + begin, struct.pack('>I', number + 1))
    verdict, description = looked_at(path)
    assert verdict == Verdict(CORRUPT, 'the tree at page 3 has no end')
    assert description.message_count is None


def test_at_the_header_only_that_is_looked_at(tmp_path):
    path = changed(made_logs.write_db3(tmp_path / 'x.db3'), 100, b'\xff')
    with open(path, 'rb', buffering=0) as stream:
        assert Rosbag2Sqlite(LogReader(path, stream)).check(HEADER) == Verdict(VALID)


@pytest.mark.parametrize('name', ['a b#c?d%20e&mode=rwc.db3', 'ä \'";.db3', '\udcff.db3'])
def test_sqlite_reads_the_file_that_is_open_whatever_its_name(tmp_path, name):
    path = made_logs.write_db3(tmp_path / 'x.db3').rename(tmp_path / name)
    with open(path, 'rb') as stream:
        reading = sqlite3_bag.read(f'/proc/self/fd/{stream.fileno()}', VALID)
        assert (reading.outcome, reading.message_count) == (VALID, 1)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            sqlite3_bag.read(f'/proc/self/fd/{stream.fileno()}', VALID)
        made_logs.write_db3(path, ())
        with pytest.raises(FileNotFoundError):
            sqlite3_bag.read(f'/proc/self/fd/{stream.fileno()}', VALID)


def test_sqlite_finds_damage_that_the_structure_does_not_show(tmp_path):
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 5000))
    content = path.read_bytes()
    leaf = next(at for at in range(5 * PAGE_BYTES, len(content), PAGE_BYTES)
                if content[at] == 0x0D)
    changed(path, leaf, bytes(100))
    assert outcome_of(path) == VALID
    reading = sqlite3_bag.read(str(path), VALID)
    assert reading.outcome == CORRUPT
    assert reading.reason.startswith('SQLite says: ')


class TestWriteAheadLog:

    @pytest.fixture
    def wal(self, tmp_path) -> bytes:
        path = made_logs.write_db3(tmp_path / 'x.db3')
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute('PRAGMA journal_mode = WAL')
            database.execute(f"INSERT INTO messages VALUES (7, 1, {START_NS}, x'00')")
            return (tmp_path / 'x.db3-wal').read_bytes()

    def verdict_on(self, path: Path, content: bytes) -> Verdict:
        path.write_bytes(content)
        with open(path, 'rb', buffering=0) as stream:
            log = WriteAheadLog(LogReader(path, stream))
            assert log.describe() == Description('sqlite3-wal')
            return log.check(STRUCTURE)

    def test_of_sqlite_is_valid(self, tmp_path, wal):
        assert self.verdict_on(tmp_path / 'w', wal) == Verdict(VALID)

    def test_cut_anywhere_is_truncated(self, tmp_path, wal):
        for length in (4, 31, 33, 56, len(wal) - 1):
            assert self.verdict_on(tmp_path / 'w', wal[:length]).outcome == TRUNCATED

    @pytest.mark.parametrize('offset', [5, 9, 13, 17, 25, 30])
    def test_with_a_damaged_header_is_corrupt(self, tmp_path, wal, offset):
        damaged = wal[:offset] + bytes([wal[offset] ^ 0x55]) + wal[offset + 1:]
        assert self.verdict_on(tmp_path / 'w', damaged).outcome == CORRUPT
