"""SQLite files of rosbag2 that somebody worked with: their recording is no worse for it."""
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
import sqlite3

from flightlog_bucket.logs.library import sqlite3_bag
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag2_sqlite import Rosbag2Sqlite
from flightlog_bucket.logs.verdict import CORRUPT, FULL, STRUCTURE, TRUNCATED, VALID, Verdict
import made_logs
from made_logs import START_NS
import pytest

NOT_FINISHED = 'the full check was not finished: SQLite says: '


def verdict_on(path: Path, level: str) -> Verdict:
    with open(path, 'rb', buffering=0) as stream:
        return Rosbag2Sqlite(LogReader(path, stream)).check(level)


def touched(path: Path, *statements: str,
            prepare: Callable[[sqlite3.Connection], None] = lambda database: None) -> Path:
    made_logs.write_db3(path, range(START_NS, START_NS + 200))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        prepare(database)
        for statement in statements:
            database.execute(statement).fetchall()
    return path


@pytest.mark.parametrize('statements', [
    pytest.param(['ANALYZE'], id='statistics'),
    pytest.param([f'CREATE TABLE t{n}(x)' for n in range(300)], id='many tables'),
    pytest.param([f'CREATE TABLE t(x) /* {"x" * 300_000} */'], id='long statement'),
    pytest.param(['ALTER TABLE messages ADD COLUMN s AS (timestamp / 1000000000)'],
                 id='computed column'),
    pytest.param(['ALTER TABLE topics ADD COLUMN big AS (hex(zeroblob(400000000)))'],
                 id='column that takes much to compute'),
    pytest.param(['CREATE INDEX i ON messages(topic_id + 1)'], id='index of an expression'),
    pytest.param(['PRAGMA journal_mode = PERSIST', 'DELETE FROM messages WHERE id > 100'],
                 id='journal that is kept'),
])
@pytest.mark.parametrize('level', [STRUCTURE, FULL])
def test_is_valid(tmp_path, statements, level):
    path = touched(tmp_path / 'x.db3', *statements)
    assert verdict_on(path, level) == Verdict(VALID)
    with open(path, 'rb', buffering=0) as stream:
        description = Rosbag2Sqlite(LogReader(path, stream)).describe()
    assert description.start_ns == START_NS
    assert len(description.topics) == 1


def test_a_computed_column_that_is_stored_moves_the_others(tmp_path):
    schema = (made_logs.TOPICS, made_logs.MESSAGES.replace(
        'topic_id', 'a INTEGER AS (7) STORED, b INTEGER AS (8), topic_id', 1))
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 9), schema)
    with open(path, 'rb', buffering=0) as stream:
        log = Rosbag2Sqlite(LogReader(path, stream))
        assert log.check(STRUCTURE) == Verdict(VALID)
        assert log.describe().start_ns == START_NS


@pytest.mark.parametrize(('statements', 'reason'), [
    (['CREATE TABLE u(a COLLATE mine)', 'CREATE INDEX i ON u(a)', "INSERT INTO u VALUES ('a')"],
     'no such collation sequence: mine'),
    (['CREATE INDEX i ON messages(mine(topic_id))'], 'unknown function: mine()'),
])
def test_what_only_its_program_has_is_not_held_against_it(tmp_path, statements, reason):
    def prepare(database: sqlite3.Connection) -> None:
        database.create_collation('mine', lambda one, other: (one > other) - (one < other))
        database.create_function('mine', 1, lambda value: value, deterministic=True)

    path = touched(tmp_path / 'x.db3', *statements, prepare=prepare)
    assert verdict_on(path, STRUCTURE) == Verdict(VALID)
    assert verdict_on(path, FULL) == Verdict(VALID, NOT_FINISHED + reason)
    reading = sqlite3_bag.read(str(path), VALID)
    assert (reading.message_count, len(reading.topics)) == (200, 1)


def test_damage_is_found_beside_what_only_its_program_has(tmp_path):
    path = touched(tmp_path / 'x.db3', 'CREATE TABLE u(a COLLATE mine)', 'CREATE INDEX i ON u(a)',
                   'DELETE FROM messages WHERE id < 100', 'PRAGMA writable_schema = ON',
                   "UPDATE sqlite_master SET rootpage = 3 WHERE name = 'timestamp_idx'",
                   prepare=lambda database: database.create_collation('mine', lambda a, b: 0))
    assert sqlite3_bag.read(str(path), VALID).outcome == CORRUPT


def test_messages_without_a_topic_are_a_loss(tmp_path):
    path = touched(tmp_path / 'x.db3', 'UPDATE messages SET topic_id = 7 WHERE id % 2')
    assert verdict_on(path, FULL) == Verdict(
        CORRUPT, 'the table topics lacks the topic of 100 of the messages')
    # Of a file that is cut off, rows are expected to be missing.
    assert sqlite3_bag.read(str(path), TRUNCATED).outcome == VALID


@pytest.mark.parametrize('zeros', [1, 2, 5])
def test_pages_that_were_not_written_are_of_a_power_cut(tmp_path, zeros):
    path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + 9000),
                               (made_logs.TOPICS, made_logs.MESSAGES))
    content = path.read_bytes()
    path.write_bytes(content[:-zeros * 4096] + bytes(zeros * 4096))
    for level in (STRUCTURE, FULL):
        assert verdict_on(path, level).outcome == TRUNCATED
    path.write_bytes(content[:-2 * 4096] + bytes(2 * 4096 - 1) + b'x')
    assert verdict_on(path, FULL).outcome == CORRUPT


@pytest.mark.parametrize(('more', 'outcome'), [
    (bytes(1), TRUNCATED), (bytes(100), TRUNCATED), (bytes(4095), TRUNCATED),
    (bytes(4096), TRUNCATED), (bytes(99) + b'x', CORRUPT), (b'x', CORRUPT)])
def test_zeros_behind_it_are_of_a_power_cut(tmp_path, more, outcome):
    path = touched(tmp_path / 'x.db3')
    with open(path, 'ab') as file:
        file.write(more)
    assert verdict_on(path, STRUCTURE).outcome == outcome
    assert verdict_on(path, FULL).outcome == outcome
