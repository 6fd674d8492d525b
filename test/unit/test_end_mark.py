"""The end mark of each format, on logs that are made by its specification and on real ones."""
from contextlib import closing
from pathlib import Path
import sqlite3

import corpus
from flightlog_bucket.logs.end_mark import has_end_mark
from made_logs import bag, mcap, MCAP_MAGIC, ULOG, write_db3, ZSTD_MAGIC
import pytest
from support.discovering import zstd
from support.logs import write_all

SKIPPABLE = b'\x50\x2a\x4d\x18' + (4).to_bytes(4, 'little') + b'abcd'
RLE_BLOCK = ZSTD_MAGIC + bytes([0x20, 9]) + (9 << 3 | 1 << 1 | 1).to_bytes(3, 'little') + b'x'
WITH_CHECKSUM = ZSTD_MAGIC + bytes([0x24, 1]) + zstd(b'x')[6:] + bytes(4)

CLOSED = [
    ('a.ulg', ULOG), ('a.ulg', b''), ('metadata.yaml', b''), ('a.mcap', mcap()), ('a.bag', bag()),
    ('a.bag', b'#ROSBAG V1.2\n' + bytes(100)), ('a.mcap.zstd', zstd()), ('a.db3.zstd', zstd()),
    ('a.db3.zstd', zstd() + SKIPPABLE + zstd()), ('A.MCAP', mcap()),
    ('a.mcap.zstd', RLE_BLOCK), ('a.mcap.zstd', WITH_CHECKSUM)]
NOT_CLOSED = [
    ('a.mcap', b''), ('a.mcap', MCAP_MAGIC), ('a.mcap', mcap()[:-1]), ('a.mcap', mcap() + b'x'),
    ('a.bag', b''), ('a.bag', bag(index_pos=0)), ('a.bag', bag()[:20]), ('a.bag', bytes(5000)),
    ('a.mcap.zstd', b''), ('a.mcap.zstd', zstd()[:-1]), ('a.mcap.zstd', zstd()[:5]),
    ('a.mcap.zstd', zstd()[:4]), ('a.mcap.zstd', zstd() + bytes(4)),
    ('a.mcap.zstd', WITH_CHECKSUM[:-1]), ('a.db3-wal', b'x')]


@pytest.mark.parametrize('name, content', CLOSED)
def test_closed(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert has_end_mark(path)


@pytest.mark.parametrize('name, content', NOT_CLOSED)
def test_not_closed(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert not has_end_mark(path)


@pytest.mark.parametrize(('end', 'content'), [
    ('-wal', b'x'), ('-journal', b'\xd9\xd5\x05\xf9\x20\xa1\x63\xd7')])
def test_a_database_with_messages_beside_it(tmp_path: Path, end: str, content: bytes) -> None:
    path = write_db3(tmp_path / 'a.db3')
    assert has_end_mark(path)
    beside = tmp_path / f'a.db3{end}'
    beside.write_bytes(b'')
    assert has_end_mark(path)
    beside.write_bytes(content)
    assert not has_end_mark(path)


def test_a_database_whose_journal_is_kept(tmp_path: Path) -> None:
    path = write_db3(tmp_path / 'a.db3')
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute('PRAGMA journal_mode = PERSIST')
        database.execute("INSERT INTO messages VALUES (9, 1, 1, x'00')")
    assert (tmp_path / 'a.db3-journal').stat().st_size
    assert has_end_mark(path)


def test_what_recorders_write(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        assert has_end_mark(path)
        if path.suffix in ('.mcap', '.zstd', '.bag'):
            with open(path, 'r+b') as stream:
                stream.truncate(path.stat().st_size - 1)
        if path.suffix in ('.mcap', '.zstd'):
            assert not has_end_mark(path)


def test_the_corpus_makes_no_trouble(corpus_files: list[corpus.CorpusFile]) -> None:
    for file in corpus_files:
        if file.path.is_file():
            assert has_end_mark(file.path) in (True, False)
