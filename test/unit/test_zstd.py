"""Compressed logs: what is said of whole, cut, damaged and hostile ones."""
from contextlib import closing
import os
from pathlib import Path
import random
import sqlite3
import tracemalloc

import corpus
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.formats import format_of_name
from flightlog_bucket.logs.library import zstd as library
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.verdict import CORRUPT, STRUCTURE, TRUNCATED, VALID, Verdict
import made_logs
from made_logs import START_NS
import pytest
from support.children import nothing_more_open, open_files
from support.expect import wait_until
import zstandard

PACKED = [f for f in corpus.files() if f.path.suffix == '.zstd']
MIB = 1024 * 1024


def looked_at(path: Path) -> tuple[Verdict, Description]:
    log_format = format_of_name(path.name)
    assert log_format is not None
    with open(path, 'rb', buffering=0) as stream:
        log = log_format.open(LogReader(path, stream))
        return log.check(STRUCTURE), log.describe()


def packed(path: Path, content: bytes, **options: int) -> Path:
    path.write_bytes(zstandard.ZstdCompressor(**options).compress(content))
    return path


@pytest.fixture
def database(tmp_path) -> bytes:
    return made_logs.write_db3(tmp_path / 'x', range(START_NS, START_NS + 3000)).read_bytes()


@pytest.mark.parametrize('file', corpus.params(PACKED))
def test_of_the_corpus_is_described_as_its_content(file, tmp_path):
    verdict, description = looked_at(file.path)
    assert verdict == Verdict(VALID)
    content = tmp_path / file.path.stem
    with open(file.path, 'rb') as stream:
        content.write_bytes(zstandard.ZstdDecompressor().stream_reader(stream).read())
    inside_verdict, inside = looked_at(content)
    assert inside_verdict == Verdict(VALID)
    assert description.compression == 'zstd'
    for name in ('storage', 'start_ns', 'duration_ns', 'message_count', 'topics'):
        assert getattr(description, name) == getattr(inside, name)
    reading = library.read(str(file.path), VALID)
    assert reading.outcome == VALID
    assert (reading.start_ns, reading.message_count) == (inside.start_ns, inside.message_count)


@pytest.mark.parametrize('file', corpus.params(PACKED))
def test_cut_anywhere_is_truncated(file, tmp_path):
    content = file.path.read_bytes()
    path = tmp_path / file.path.name
    for length in {5, 6, 10, 17, *range(20, len(content), len(content) // 30), len(content) - 1}:
        path.write_bytes(content[:length])
        assert looked_at(path)[0].outcome == TRUNCATED, length
        path.write_bytes(content[:length] + bytes(len(content) - length + 4))
        assert looked_at(path)[0].outcome == TRUNCATED, length


@pytest.mark.parametrize('states_size', [0, 1])
@pytest.mark.parametrize('checksum', [0, 1])
def test_zeros_where_its_end_should_be_are_of_a_power_cut(tmp_path, states_size, checksum):
    path = tmp_path / 'x'
    database = made_logs.write_db3(path, range(START_NS, START_NS + 30_000)).read_bytes()
    path = packed(tmp_path / 'x.db3.zstd', database, write_checksum=checksum,
                  write_content_size=states_size)
    content = path.read_bytes()
    for zeros in (1, 3, 5, 100, len(content) // 2, len(content) - 20):
        for more in (0, 4, 300_000):
            kept = content[:-zeros]
            if kept.endswith(b'\0') or not any(content[-zeros:]):
                continue
            path.write_bytes(kept + bytes(zeros + more))
            verdict, description = looked_at(path)
            assert verdict.outcome == TRUNCATED, (zeros, more)
            if zeros < 101:
                assert description.start_ns == START_NS
            assert library.read(str(path), TRUNCATED).outcome == VALID, (zeros, more)
    damaged = bytearray(content[:-100] + bytes(100))
    damaged[30:60] = bytes(30)
    path.write_bytes(damaged)
    assert looked_at(path)[0].outcome == CORRUPT
    assert library.read(str(path), TRUNCATED).outcome == CORRUPT
    assert library.read(str(path), VALID).outcome == CORRUPT


def test_zeros_at_the_end_of_much_content_are_found_by_unpacking_it(tmp_path):
    content = b'SQLite format 3\0' + random.Random(1).randbytes(100_000) * 200
    path = packed(tmp_path / 'x.db3.zstd', content, write_checksum=1)
    with open(path, 'r+b') as file:
        file.seek(-2, os.SEEK_END)
        file.write(bytes(2))
    assert looked_at(path)[0].outcome == VALID
    reading = library.read(str(path), VALID)
    assert reading.outcome == TRUNCATED
    assert 'zeros' in reading.reason


def test_what_is_wrong_inside_is_wrong_outside(tmp_path, database):
    cut = packed(tmp_path / 'cut.db3.zstd', database[:-5000])
    verdict, description = looked_at(cut)
    assert verdict.outcome == TRUNCATED
    assert verdict.reason.startswith('its content: ')
    assert description.start_ns == START_NS
    longer = packed(tmp_path / 'longer.db3.zstd', database + b'x')
    assert looked_at(longer)[0].outcome == CORRUPT


@pytest.mark.parametrize(('name', 'content'), [
    ('x.db3.zstd', made_logs.mcap()), ('x.mcap.zstd', b'SQLite format 3\0' + bytes(5000)),
    ('x.mcap.zstd', b''), ('x.mcap.zstd', bytes(100 * MIB))])
def test_other_content_than_the_name_says_is_corrupt(tmp_path, name, content):
    assert looked_at(packed(tmp_path / name, content))[0].outcome == CORRUPT


def test_several_frames_are_one_log(tmp_path, database):
    path = packed(tmp_path / 'x.db3.zstd', database[:9000])
    first = path.read_bytes()
    rest = packed(tmp_path / 'rest', database[9000:]).read_bytes()
    skippable = b'\x50\x2a\x4d\x18\x03\x00\x00\x00abc'
    path.write_bytes(skippable + first + skippable + rest)
    assert looked_at(path)[0] == Verdict(VALID)
    assert library.read(str(path), VALID).message_count == 3000
    path.write_bytes(first + b'garbage' + rest)
    assert looked_at(path)[0].outcome == CORRUPT


def test_a_damaged_block_is_corrupt(tmp_path, database):
    path = packed(tmp_path / 'x.db3.zstd', database, write_checksum=1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)
    assert looked_at(path)[0].outcome == CORRUPT
    assert library.read(str(path), VALID).outcome == CORRUPT


@pytest.mark.parametrize('states_size', [0, 1])
def test_of_much_content_the_beginning_is_looked_at(tmp_path, states_size):
    path = made_logs.write_db3(tmp_path / 'x', (), (made_logs.TOPICS, made_logs.MESSAGES))
    with closing(sqlite3.connect(path)) as base:
        base.executemany('INSERT INTO messages VALUES (?, 1, 1, zeroblob(1000000))',
                         [(number,) for number in range(20)])
        base.commit()
    content = path.read_bytes()
    assert len(content) > 16 * MIB
    path = packed(tmp_path / 'x.db3.zstd', content, write_content_size=states_size)
    verdict, description = looked_at(path)
    assert verdict.outcome == VALID
    assert 'unpacks to more than' in verdict.reason
    assert description == Description('sqlite3', compression='zstd')
    assert library.read(str(path), VALID).message_count == 20


def test_a_bomb_takes_little_memory(tmp_path):
    path = packed(tmp_path / 'x.db3.zstd', b'SQLite format 3\0' + bytes(200 * MIB),
                  write_content_size=0)
    tracemalloc.start()
    try:
        assert looked_at(path)[0].is_usable
        assert tracemalloc.get_traced_memory()[1] < 40 * MIB
    finally:
        tracemalloc.stop()


def test_empty_blocks_without_end_are_not_all_looked_at(tmp_path):
    path = tmp_path / 'x.mcap.zstd'
    path.write_bytes(made_logs.ZSTD_MAGIC + b'\x00\x58' + bytes(3 * 1_000_000))
    assert looked_at(path)[0].outcome != VALID or looked_at(path)[0].reason


def test_nothing_is_left_of_what_is_unpacked(tmp_path, monkeypatch, database):
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    before = open_files()
    noise = random.Random(1).randbytes(100)
    for content in (database, database[:5000], noise):
        library.read(str(packed(tmp_path / 'x.db3.zstd', content)), VALID)
        assert os.listdir(folder) == []
    wait_until(lambda: nothing_more_open(before))


def test_what_is_unpacked_has_no_name_when_sqlite_begins_to_read(tmp_path, monkeypatch, database):
    # Loading the schema can take long, and the process can be killed then.
    folder = tmp_path / 'temporary'
    folder.mkdir()
    statements = []

    class Watched(sqlite3.Connection):

        def execute(self, statement, *parameters):
            assert os.listdir(folder) == []
            statements.append(statement)
            return super().execute(statement, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr('sqlite3.connect',
                        lambda *names, **options: connect(*names, factory=Watched, **options))
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    path = packed(tmp_path / 'x.db3.zstd', database)
    assert library.read(str(path), VALID).message_count == 3000
    assert statements
