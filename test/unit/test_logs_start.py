"""The start of a log, as its format tells it."""
from datetime import datetime, timezone
import io
import os
from pathlib import Path
import sqlite3
import struct
import time
from typing import Optional

from flightlog_bucket.errors import LocalFileUnreadable
from flightlog_bucket.logs import inspect
from flightlog_bucket.logs.reader import BUDGET_BYTES, LogReader, MAX_RECORDS
import made_logs
from made_logs import START_NS
import pytest

START = datetime(2025, 7, 27, 14, 30, 22, 123456, tzinfo=timezone.utc)
ONE_MESSAGE = f"INSERT INTO messages(topic_id, timestamp, data) VALUES (1, {START_NS}, x'00')"


def start_of(content: bytes, path: str) -> Optional[datetime]:
    return inspect(Path(path).name, Path(path), io.BytesIO(content)).start


def start_of_file(path: Path) -> Optional[datetime]:
    with open(path, 'rb') as stream:
        return inspect(path.name, path, stream).start


class TestULog:

    @pytest.mark.parametrize(('path', 'start'), [
        ('log/2025-07-27/14_30_22.ulg', START.replace(microsecond=0)),
        ('/fs/microsd/log/2024-02-29/23_59_59.ULG',
         datetime(2024, 2, 29, 23, 59, 59, tzinfo=timezone.utc)),
        ('log/2025-02-29/14_30_22.ulg', None),
        ('log/2025-07-27/24_00_00.ulg', None),
        ('log/1999-12-31/23_59_59.ulg', None),
        ('log/2100-01-01/00_00_00.ulg', None),
        ('log/2025-07-27/log001.ulg', None),
        ('log/sess001/log001.ulg', None),
        ('14_30_22.ulg', None),
        ('log/٢٠٢٥-07-27/14_30_22.ulg', None),
    ])
    def test_is_that_of_the_px4_path(self, path, start):
        assert start_of(made_logs.ULOG, path) == start

    def test_is_that_of_the_path_whatever_the_name_in_the_bucket(self):
        path = Path('log/2025-07-27/14_30_22.ulg')
        facts = inspect('2020-01-01_mission.ulg', path, io.BytesIO(made_logs.ULOG))
        assert facts.start == START.replace(microsecond=0)

    def test_is_found_behind_a_link_and_on_a_link(self, tmp_path):
        day = tmp_path / '2025-07-27'
        day.mkdir()
        (day / '14_30_22.ulg').write_bytes(made_logs.ULOG)
        (tmp_path / 'latest.ulg').symlink_to(day / '14_30_22.ulg')
        (tmp_path / 'content.ulg').write_bytes(made_logs.ULOG)
        (day / '15_00_00.ulg').symlink_to(tmp_path / 'content.ulg')
        assert start_of_file(tmp_path / 'latest.ulg') == START.replace(microsecond=0)
        assert start_of_file(day / '15_00_00.ulg').hour == 15

    def test_of_a_relative_path_is_found_from_the_working_directory(self, tmp_path, monkeypatch):
        (tmp_path / '2025-07-27').mkdir()
        monkeypatch.chdir(tmp_path / '2025-07-27')
        assert start_of(made_logs.ULOG, '14_30_22.ulg') == START.replace(microsecond=0)


class TestBag:

    def test_is_the_earliest_of_the_chunks(self):
        starts = (START_NS + 5, START_NS, START_NS + 10**12)
        assert start_of(made_logs.bag(starts), 'x.bag') == START

    @pytest.mark.parametrize('content', [
        pytest.param(made_logs.bag(index_pos=0), id='never closed'),
        pytest.param(made_logs.bag(index_pos=2**64 - 1), id='index beyond the end'),
        pytest.param(made_logs.bag(chunk_count=2), id='a chunk info is missing'),
    ])
    def test_is_the_earliest_of_the_messages_where_there_is_no_whole_index(self, content):
        assert start_of(content, 'x.bag') == START

    @pytest.mark.parametrize('content', [
        pytest.param(made_logs.bag(()), id='no messages'),
        pytest.param(made_logs.bag((1_000_000_000,)), id='simulated time'),
        pytest.param(made_logs.bag((2**32 * 10**9 - 1,)), id='after 2100'),
        pytest.param(made_logs.bag(index_pos=13), id='index is the bag header'),
        pytest.param(made_logs.bag(chunk_count=2**32 - 1), id='4e9 chunks'),
        pytest.param(made_logs.bag([START_NS] * MAX_RECORDS), id='too many records'),
        pytest.param(made_logs.bag(index=struct.pack('<I', 2**32 - 1)), id='header of 4 GiB'),
        pytest.param(made_logs.bag(index=made_logs.bag_record(op=b'\x07', topic=bytes(70_000))
                                   + made_logs.chunk_info(START_NS)), id='long header'),
        pytest.param(made_logs.bag(index=made_logs.bag_record(op=b'\x06', start_time=b'1')),
                     id='short time'),
        pytest.param(made_logs.bag(index=struct.pack('<II', 4, 2**32 - 1)), id='field of 4 GiB'),
        pytest.param(made_logs.bag(index=struct.pack('<I2sI', 2, b'xx', 0)), id='half a field'),
        pytest.param(b'#ROSBAG V2.0\n', id='magic only'),
        pytest.param(b'#ROSBAG', id='half a magic'),
        pytest.param(b'#ROSBAG V1.2\n' + made_logs.bag()[13:], id='version 1'),
        pytest.param(b'#ROSBAG V2.0\n' + made_logs.bag_record(op=b'\x03'), id='no index_pos'),
        pytest.param(b'#ROSBAG V2.0\n' + made_logs.chunk_info(1), id='no bag header'),
    ])
    def test_is_none_where_the_bag_does_not_tell_it(self, content):
        assert start_of(content, 'x.bag') is None


class TestMcap:

    def test_is_that_of_the_statistics(self):
        schema = made_logs.mcap_record(0x03, bytes(1000))
        content = made_logs.mcap(schema + made_logs.statistics(START_NS))
        assert start_of(content, 'x.mcap') == START

    @pytest.mark.parametrize('content', [
        pytest.param(made_logs.mcap(b''), id='no summary'),
        pytest.param(made_logs.mcap()[:-1], id='last byte is missing'),
        pytest.param(made_logs.mcap() + bytes(8), id='zeros at the end'),
    ])
    def test_is_the_earliest_of_the_messages_where_there_are_no_statistics(self, content):
        assert start_of(content, 'x.mcap') == START

    @pytest.mark.parametrize('content', [
        pytest.param(made_logs.mcap(made_logs.mcap_record(0x03, b'x')), id='no statistics'),
        pytest.param(made_logs.mcap(made_logs.statistics(START_NS, 0)), id='no messages'),
        pytest.param(made_logs.mcap(made_logs.statistics(0)), id='simulated time'),
        pytest.param(made_logs.mcap(made_logs.statistics(2**63)), id='in the year 2262'),
        pytest.param(made_logs.mcap(summary_start=2**64 - 1), id='summary beyond the end'),
        pytest.param(made_logs.mcap(struct.pack('<BQ', 0x0B, 2**63)), id='2^63 bytes'),
        pytest.param(made_logs.mcap(struct.pack('<BQ', 0x03, 2**64 - 1)), id='2^64 bytes'),
        pytest.param(made_logs.mcap(made_logs.mcap_record(0x0B, b'x')), id='short statistics'),
        pytest.param(made_logs.MCAP_MAGIC, id='magic only'),
        pytest.param(made_logs.mcap(made_logs.mcap_record(0x05, b'') * MAX_RECORDS
                                    + made_logs.statistics(START_NS)), id='too many records'),
    ])
    def test_is_none_where_the_file_does_not_tell_it(self, content):
        assert start_of(content, 'x.mcap') is None


class TestSqlite:

    @pytest.mark.parametrize('schema', [
        (made_logs.MESSAGES, made_logs.TIMESTAMP_INDEX), (made_logs.MESSAGES,)])
    def test_is_the_earliest_timestamp(self, tmp_path, schema):
        times = (START_NS + 7, START_NS, START_NS + 10**12)
        assert start_of_file(made_logs.write_db3(tmp_path / 'x.db3', times, schema)) == START

    @pytest.mark.parametrize('name', ['a b#c?d%20e&mode=rwc.db3', 'ä \'";.db3', '\udcff.db3'])
    def test_is_found_whatever_the_name(self, tmp_path, name):
        made_logs.write_db3(tmp_path / 'x.db3').rename(tmp_path / name)
        assert start_of_file(tmp_path / name) == START
        assert os.listdir(tmp_path) == [name]

    def test_is_found_where_nothing_can_be_written(self, tmp_path):
        path = made_logs.write_db3(tmp_path / 'x.db3')
        database = sqlite3.connect(path)
        database.execute('PRAGMA journal_mode = WAL')
        database.close()
        assert start_of_file(path) == START
        assert os.listdir(tmp_path) == ['x.db3']

    @pytest.mark.parametrize('timestamps', [
        pytest.param((), id='no messages'),
        pytest.param((0, START_NS), id='simulated time'),
        pytest.param((-2**63, START_NS), id='negative'),
        pytest.param((2**63 - 1,), id='in the year 2262'),
        pytest.param(('2025-07-27',), id='text'),
        pytest.param((b'x' * 10_000_000,), id='a large blob'),
        pytest.param((1.7e18 + 0.5, float('inf')), id='infinite'),
    ])
    def test_is_none_with_odd_timestamps(self, tmp_path, timestamps):
        schema = (made_logs.MESSAGES.replace('timestamp INTEGER', 'timestamp BLOB'),)
        assert start_of_file(
            made_logs.write_db3(tmp_path / 'x.db3', timestamps, schema)) is None

    @pytest.mark.parametrize('schema', [
        pytest.param(['CREATE TABLE other(x)'], id='no such table'),
        pytest.param(['CREATE TABLE messages(id INTEGER PRIMARY KEY, data BLOB)'],
                     id='no such column'),
        pytest.param(['CREATE VIEW messages AS WITH RECURSIVE c(timestamp) AS (SELECT 1 UNION ALL'
                      ' SELECT timestamp + 1 FROM c) SELECT * FROM c'], id='endless view'),
        pytest.param([f'CREATE TABLE messages(id INTEGER PRIMARY KEY, timestamp AS ({START_NS}))',
                      'INSERT INTO messages(id) VALUES (1)'], id='computed column'),
        pytest.param([made_logs.MESSAGES[:-1] + f' /* {"x" * 100_000} */)', ONE_MESSAGE],
                     id='endless schema'),
        pytest.param([f'CREATE TABLE t{n}(x)' for n in range(2500)]
                     + [made_logs.MESSAGES, ONE_MESSAGE], id='many tables'),
        pytest.param(['CREATE VIRTUAL TABLE messages USING fts4(timestamp)'], id='virtual table'),
    ])
    def test_is_none_with_an_odd_schema(self, tmp_path, schema):
        path = tmp_path / 'x.db3'
        database = sqlite3.connect(path)
        database.executescript(';'.join(['BEGIN', *schema, 'COMMIT']))
        database.close()
        assert start_of_file(path) is None

    def test_is_none_with_a_view_that_claims_to_be_a_table(self, tmp_path):
        path = made_logs.write_db3(tmp_path / 'x.db3', (), (made_logs.MESSAGES,))
        database = sqlite3.connect(path)
        database.execute('PRAGMA writable_schema = ON')
        database.execute(
            f"UPDATE sqlite_master SET sql = 'CREATE VIEW messages AS SELECT {START_NS} AS"
            " timestamp', rootpage = 0 WHERE name = 'messages'")
        database.commit()
        database.close()
        assert start_of_file(path) is None

    @pytest.mark.parametrize(('messages', 'start'), [(20_000, START), (100_000, None)])
    def test_is_looked_for_in_so_many_messages_without_an_index(self, tmp_path, messages, start):
        path = made_logs.write_db3(tmp_path / 'x.db3', range(START_NS, START_NS + messages),
                                   (made_logs.MESSAGES,))
        assert start_of_file(path) == start


def test_is_the_same_on_a_slow_disk():
    class Slow(io.BytesIO):

        def read(self, size=-1):
            if self.tell() > 0:
                time.sleep(0.6)
            return super().read(size)

    content = made_logs.mcap(made_logs.statistics(START_NS))
    assert inspect('x.mcap', Path('x.mcap'), Slow(content)).start == START


def test_few_bytes_are_read_wherever_they_are():
    far = LogReader(Path('x.bag'), io.BytesIO(bytes(2 * BUDGET_BYTES)))
    with pytest.raises(ValueError, match='would be needed'):
        for number in range(2 * BUDGET_BYTES // 10_000):
            far.read_at(number * 10_000, 4)
    near = LogReader(Path('x.bag'), io.BytesIO(bytes(2 * BUDGET_BYTES)))
    for number in range(MAX_RECORDS):
        near.read_at(number * 100, 4)


def test_of_a_compressed_log_is_none():
    assert start_of(made_logs.ZSTD_MAGIC, 'x.mcap.zstd') is None


def test_a_disk_that_does_not_give_the_index_is_an_error():
    class Failing(io.BytesIO):

        def read(self, size=-1):
            if self.tell() > 0:
                raise OSError(5, 'Input/output error')
            return super().read(size)

    with pytest.raises(LocalFileUnreadable) as caught:
        inspect('x.mcap', Path('a\nb/x.mcap'), Failing(made_logs.mcap()))
    assert str(caught.value) == "cannot read 'a\\nb/x.mcap': Input/output error"


def test_leaves_the_stream_at_its_beginning():
    for content, name in ((made_logs.mcap(), 'x.mcap'), (made_logs.mcap()[:-1], 'x.mcap'),
                          (made_logs.bag(), 'x.bag'), (made_logs.ULOG, 'x.ulg')):
        stream = io.BytesIO(content)
        stream.seek(3)
        inspect(name, Path(name), stream)
        assert stream.tell() == 0


def test_an_unbuffered_stream_will_do(tmp_path):
    path = tmp_path / 'x.bag'
    path.write_bytes(made_logs.bag())
    with open(path, 'rb', buffering=0) as stream:
        assert inspect(path.name, path, stream).start == START
