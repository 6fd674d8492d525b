"""What the index of a ROS 1 bag tells of it, and where it does not agree with the bag."""
import io
from pathlib import Path
import struct
from typing import Optional

import corpus
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.library import rosbag1 as library
from flightlog_bucket.logs.reader import BUDGET_BYTES, LogReader
from flightlog_bucket.logs.rosbag1 import Rosbag1
from flightlog_bucket.logs.verdict import CORRUPT, STRUCTURE, TRUNCATED, VALID, Verdict
from made_logs import bag_record, bag_time, START_NS
import pytest
from rosbags.rosbag1 import Reader, Writer
from support.cpu import least_cpu

TYPE = 'std_msgs/msg/String'
BAGS = [f for f in corpus.files() if f.format == 'bag']
VALID_BAGS = [f for f in BAGS if f.status == 'valid']
DAMAGED_INSIDE = ('bag_nul_page_middle.bag',)
"""Zeros among the messages of a chunk, after the first of them: only reading it all finds them."""


def checked(content: bytes) -> tuple[Verdict, Description]:
    bag = Rosbag1(LogReader(Path('x.bag'), io.BytesIO(content)))
    return bag.check(STRUCTURE), bag.describe()


def outcome(content: bytes) -> str:
    return checked(content)[0].outcome


def fully_read(path: Path, structure: str) -> str:
    """Return the outcome of reading it all; what a library raises is damage, as in the child."""
    try:
        return library.read(str(path), structure).outcome
    except Exception:
        return CORRUPT


def write_bag(path: Path, compression: str = 'none', messages: int = 300) -> bytes:
    """Write a bag of several chunks with two topics, one of them with two publishers."""
    writer = Writer(path)
    writer.chunk_threshold = 4096
    if compression != 'none':
        writer.set_compression(Writer.CompressionFormat[compression.upper()])
    with writer:
        connections = [writer.add_connection(topic, TYPE, msgdef='string data\n', md5sum='0' * 32,
                                             callerid=caller)
                       for topic, caller in (('/a', '/one'), ('/b', '/one'), ('/a', '/two'))]
        for n in range(messages):
            data = struct.pack('<I', 40) + bytes((n * k) % 256 for k in range(40))
            writer.write(connections[n % 3], START_NS + n * 1000, data)
    return path.read_bytes()


@pytest.fixture(params=['none', 'bz2', 'lz4'])
def written(request, tmp_path):
    return write_bag(tmp_path / 'written.bag', request.param), request.param


def offset_of(content: bytes, op: int, nth: int = 0) -> int:
    """Return where the n-th record of a kind begins."""
    offset, found = 13, -1
    while True:
        header_bytes, = struct.unpack_from('<I', content, offset)
        header = content[offset + 4:offset + 4 + header_bytes]
        found += b'op=' + bytes([op]) in header
        if found == nth:
            return offset
        offset += 8 + header_bytes
        offset += struct.unpack_from('<I', content, offset - 4)[0]


class TestCorpus:

    @pytest.mark.parametrize('log', corpus.params(BAGS))
    def test_has_the_verdict_of_the_manifest(self, log):
        verdict = outcome(log.path.read_bytes())
        if log.status == 'hostile':
            assert verdict != VALID
        elif log.path.name in DAMAGED_INSIDE:
            assert (log.status, verdict) == (CORRUPT, VALID)
        else:
            assert verdict == log.status

    @pytest.mark.parametrize('log', corpus.params([f for f in BAGS if f.status != 'hostile']))
    def test_has_the_verdict_of_the_manifest_when_all_is_read(self, log):
        structure = outcome(log.path.read_bytes())
        if structure == CORRUPT:
            assert log.status == CORRUPT
        else:
            assert fully_read(log.path, structure) == log.status

    @pytest.mark.parametrize('log', corpus.params(VALID_BAGS))
    def test_rosbags_says_the_same(self, log):
        verdict, description = checked(log.path.read_bytes())
        assert verdict == Verdict(VALID)
        with Reader(log.path) as reader:
            counts = {name: topic.msgcount for name, topic in reader.topics.items()}
            types = {name: topic.msgtype for name, topic in reader.topics.items()}
            assert description.message_count == reader.message_count
            if reader.message_count:
                assert description.start_ns == reader.start_time
                assert description.start_ns + description.duration_ns == reader.end_time - 1
            else:
                assert (description.start_ns, description.duration_ns) == (None, None)
        assert {t.name: t.message_count for t in description.topics} == counts
        assert {t.name: t.type.replace('/', '/msg/') for t in description.topics} == types

    @pytest.mark.parametrize('log', corpus.params(VALID_BAGS))
    def test_reading_it_all_counts_what_the_index_counts(self, log):
        description = checked(log.path.read_bytes())[1]
        reading = library.read(str(log.path), VALID)
        assert (reading.start_ns, reading.duration_ns, reading.message_count) == (
            description.start_ns, description.duration_ns, description.message_count)
        assert (reading.topics or ()) == description.topics

    @pytest.mark.parametrize('log', corpus.params(VALID_BAGS))
    def test_is_truncated_wherever_it_is_cut(self, log):
        content = log.path.read_bytes()
        places = {*range(7, 60), *range(len(content) - 60, len(content)),
                  *range(60, len(content), len(content) // 40)}
        assert {outcome(content[:place]) for place in places} == {TRUNCATED}


class TestWritten:

    def test_is_described(self, written):
        content, compression = written
        assert checked(content) == (Verdict(VALID), Description(
            'rosbag1', START_NS, 299_000, 300,
            (Topic('/a', 'std_msgs/String', 200), Topic('/b', 'std_msgs/String', 100)),
            compression))

    def test_reading_it_all_finds_the_same(self, written, tmp_path):
        reading = library.read(str(tmp_path / 'written.bag'), VALID)
        description = checked(written[0])[1]
        assert reading.outcome == VALID
        assert (reading.message_count, reading.topics) == (300, description.topics)

    def test_is_truncated_wherever_it_is_cut(self, written, tmp_path):
        content, _ = written
        for place in range(7, len(content), len(content) // 80):
            (tmp_path / 'cut.bag').write_bytes(content[:place])
            assert outcome(content[:place]) == TRUNCATED, place
            assert fully_read(tmp_path / 'cut.bag', TRUNCATED) == TRUNCATED, place

    def test_is_described_though_it_was_cut(self, written):
        content, compression = written
        verdict, description = checked(content[:offset_of(content, 7)])
        assert verdict.outcome == TRUNCATED
        assert description == Description(
            'rosbag1', START_NS, 299_000, None,
            (Topic('/a', 'std_msgs/String'), Topic('/b', 'std_msgs/String')), compression)

    def test_is_truncated_when_it_was_never_closed(self, written, tmp_path):
        content, _ = written
        end = offset_of(content, 7)
        unclosed = content[:end].replace(b'index_pos=' + struct.pack('<Q', end),
                                         b'index_pos=' + bytes(8))
        assert unclosed != content[:end]
        (tmp_path / 'unclosed.bag').write_bytes(unclosed)
        assert 'never closed' in checked(unclosed)[0].reason
        reading = library.read(str(tmp_path / 'unclosed.bag'), TRUNCATED)
        assert (reading.outcome, reading.message_count) == (TRUNCATED, 300)
        # Blocks of which the file system knew, and which the disk never got.
        assert outcome(unclosed + bytes(5000)) == TRUNCATED
        (tmp_path / 'zeros.bag').write_bytes(unclosed + bytes(5000))
        assert fully_read(tmp_path / 'zeros.bag', TRUNCATED) == TRUNCATED

    def test_damage_before_the_cut_is_found_by_reading_it_all(self, written, tmp_path):
        content, _ = written
        cut = bytearray(content[:offset_of(content, 7)])
        begin = offset_of(content, 5, 5)
        begin += 4 + struct.unpack_from('<I', cut, begin)[0] + 4
        cut[begin + 300:begin + 600] = bytes(300)
        (tmp_path / 'damaged.bag').write_bytes(cut)
        assert outcome(bytes(cut)) == TRUNCATED
        assert fully_read(tmp_path / 'damaged.bag', TRUNCATED) == CORRUPT

    def test_a_chunk_that_was_being_written_is_where_the_bag_was_cut(self, tmp_path):
        content = write_bag(tmp_path / 'x.bag')
        chunk = offset_of(content, 5, 1)
        data = chunk + 8 + struct.unpack_from('<I', content, chunk)[0]
        # Its recorder writes the sizes when the chunk is full, the index at the end.
        size = struct.unpack_from('<I', content, data - 4)[0]
        header = content[chunk:data - 4].replace(struct.pack('<I', size), bytes(4))
        end = struct.pack('<Q', offset_of(content, 7))
        unclosed = (content[:chunk].replace(end, bytes(8)) + header + bytes(4)
                    + content[data:data + 2000])
        (tmp_path / 'unclosed.bag').write_bytes(unclosed)
        verdict, description = checked(unclosed)
        assert verdict.outcome == TRUNCATED
        assert [t.name for t in description.topics] == ['/a', '/b']
        reading = library.read(str(tmp_path / 'unclosed.bag'), TRUNCATED)
        assert reading.outcome == TRUNCATED
        in_first = sum(struct.unpack_from('<I', content, content.index(
            b'count=', offset_of(content, 4, n)) + 6)[0] for n in range(3))
        assert reading.message_count > in_first

    @pytest.mark.parametrize(('op', 'old', 'new'), [
        pytest.param(3, b'index_pos=', b'index_pox=', id='no index_pos'),
        pytest.param(3, b'op=\x03', b'op=\x07', id='no bag header'),
        pytest.param(3, b'conn_count=\x03', b'conn_count=\x02', id='a connection too many'),
        pytest.param(3, b'chunk_count=', b'chunk_count=\xff\xff\xff\xff', id='4e9 chunks'),
        pytest.param(5, b'op=\x05', b'op=\x04', id='no chunk where the index has one'),
        pytest.param(5, b'compression=', b'compression=zip', id='unknown compression'),
        pytest.param(5, b'size=', b'size=\xff\xff\xff\xff', id='unpacks to 4 GiB'),
        pytest.param(5, b'size=', b'size=\x01\x00\x00\x00', id='unpacks to more than it says'),
        pytest.param(4, b'count=', b'count=\x01', id='other counts than in the index'),
        pytest.param(4, b'conn=', b'conn=\x09', id='index data of another connection'),
        pytest.param(6, b'chunk_pos=', b'chunk_pos=\x10', id='chunk elsewhere'),
        pytest.param(6, b'chunk_pos=', b'chunk_pos=' + b'\xff' * 8, id='chunk after the end'),
        pytest.param(6, b'ver=', b'ver=\x02', id='another version'),
        pytest.param(6, b'count=', b'count=\x09', id='more counts than there are'),
        pytest.param(7, b'topic=/a', b'topix=/a', id='no topic'),
        pytest.param(7, b'type=', b'typo=', id='no type'),
    ])
    def test_damage_is_found(self, written, op, old, new):
        content, _ = written
        place = content.index(old, offset_of(content, op))
        assert outcome(content[:place] + new + content[place + len(new):]) == CORRUPT

    @pytest.mark.parametrize('end', [b'x', bytes(1), bytes(4096), b'#ROSBAG V2.0\n'])
    def test_what_follows_the_index_is_damage(self, written, end):
        verdict, _ = checked(written[0] + end)
        assert verdict == Verdict(CORRUPT, f'{len(end)} bytes follow the index')


class TestOdd:

    @pytest.mark.parametrize(('content', 'expected'), [
        (b'#ROSBAG', TRUNCATED), (b'#ROSBAG V2.0', TRUNCATED), (b'#ROSBAG V2.0\n', TRUNCATED),
        (b'#ROSBAG V2.0\n\x00', TRUNCATED), (b'#ROSBAG V2.x\n' + bytes(50), CORRUPT),
        (b'#ROSBAGS', CORRUPT), (b'#ROSBAG V2.0\n' + b'\xff' * 5000, CORRUPT)])
    def test_beginnings(self, content, expected):
        assert outcome(content) == expected

    def test_of_version_1_only_that_is_said(self, tmp_path):
        content = b'#ROSBAG V1.2\n' + bytes(100)
        (tmp_path / 'x.bag').write_bytes(content)
        verdict, description = checked(content)
        assert verdict == Verdict(VALID, 'of a bag of version 1.2, only the version is checked')
        assert description == Description('rosbag1')
        assert library.read(str(tmp_path / 'x.bag'), VALID).outcome == VALID

    def test_of_an_encrypted_bag_only_that_is_said(self, tmp_path):
        content = b'#ROSBAG V2.0\n' + bag_record(
            b' ' * 100, op=b'\x03', index_pos=struct.pack('<Q', 4117), conn_count=bytes(4),
            chunk_count=bytes(4), encryptor=b'rosbag/AesCbcEncryptor') + b'\xf3' * 5000
        (tmp_path / 'x.bag').write_bytes(content)
        verdict, _ = checked(content)
        assert (verdict.outcome, 'encrypted' in verdict.reason) == (VALID, True)
        assert library.read(str(tmp_path / 'x.bag'), VALID).outcome == VALID

    def test_names_are_not_trusted(self, tmp_path):
        content = write_bag(tmp_path / 'x.bag').replace(b'topic=/a', b'topic=\xff\n')
        assert [t.name for t in checked(content)[1].topics] == ['/b', '\ufffd\n']

    def test_a_few_bytes_are_read_of_many(self, tmp_path):
        class Counting(io.BytesIO):
            read_bytes = 0

            def read(self, size=-1):
                data = super().read(size)
                Counting.read_bytes += len(data)
                return data

        content = write_bag(tmp_path / 'x.bag', messages=40_000)
        log = Rosbag1(LogReader(Path('x.bag'), Counting(content)))
        assert log.check(STRUCTURE) == Verdict(VALID)
        assert log.describe().message_count == 40_000
        assert Counting.read_bytes < len(content) * 2 < BUDGET_BYTES

    def test_chunks_are_looked_at_evenly_where_there_are_many(self, tmp_path, monkeypatch):
        monkeypatch.setattr('flightlog_bucket.logs.rosbag1_index._MAX_CHUNKS_IN_A_ROW', 2)
        monkeypatch.setattr('flightlog_bucket.logs.rosbag1_index._MAX_CHUNKS_APART', 2)
        content = write_bag(tmp_path / 'x.bag')
        chunks = len(content.split(b'op=\x06')) - 1
        verdict, description = checked(content)
        assert (verdict.outcome, description.message_count) == (VALID, 300)
        assert verdict.reason.endswith(f'of its {chunks} chunks were looked at')


class TestBounds:
    """What a bag may claim costs little, whatever it is."""

    def test_index_data_that_are_all_unlike(self):
        content = unlike_index_data(2500, 16)
        (verdict, _), cpu_s = least_cpu(lambda: checked(content), 1.5)
        assert verdict.is_usable
        assert 'not all of it' in verdict.reason
        assert cpu_s < 1.5

    @pytest.mark.parametrize('is_closed', [True, False])
    def test_connections_of_many_fields(self, is_closed):
        odd = {chr(33 + n): b'' for n in range(90) if chr(33 + n) != '='}
        fields = dict(list(odd.items())[:60])
        data = bag_record(**fields, type=b'a')[4:-4]
        records = b''.join(
            bag_record(data, **fields, op=b'\x07', conn=struct.pack('<I', n), topic=b'/t')
            for n in range(8000))
        header = {'conn_count': struct.pack('<I', 8000), 'chunk_count': bytes(4)}
        begin = b'#ROSBAG V2.0\n' + bag_record(op=b'\x03', index_pos=bytes(8), **header)
        if is_closed:
            position = struct.pack('<Q', len(begin))
            begin = begin.replace(b'index_pos=' + bytes(8), b'index_pos=' + position)
        (verdict, _), cpu_s = least_cpu(lambda: checked(begin + records), 1.5)
        assert (verdict.outcome, 'fields' in verdict.reason) == (
            VALID if is_closed else TRUNCATED, True)
        assert cpu_s < 1.5


def unlike_index_data(chunks: int, connections: int) -> bytes:
    """Return a bag in which no index data have the header of those before."""
    one = struct.pack('<I', 1)
    data, infos = [], []
    position = len(b'#ROSBAG V2.0\n') + len(bag_header(0, 0, 0))
    for chunk in range(chunks):
        records = [bag_record(op=b'\x05', compression=b'none', size=bytes(4))]
        for n in range(connections):
            odd = b'%08d' % (chunk * connections + n) + b'.' * 600
            records.append(bag_record(x=odd, op=b'\x04', ver=one, conn=struct.pack('<I', n),
                                      count=bytes(4)))
        infos.append(bag_record(
            b''.join(struct.pack('<II', n, 0) for n in range(connections)), op=b'\x06', ver=one,
            chunk_pos=struct.pack('<Q', position), start_time=bytes(8), end_time=bytes(8),
            count=struct.pack('<I', connections)))
        data.append(b''.join(records))
        position += len(data[-1])
    index = [bag_record(bag_record(type=b'a')[4:-4], op=b'\x07', conn=struct.pack('<I', n),
                        topic=b'/t') for n in range(connections)]
    return b''.join((b'#ROSBAG V2.0\n', bag_header(position, connections, chunks), *data, *index,
                     *infos))


def bag_header(position: int, connections: int, chunks: int) -> bytes:
    return bag_record(b' ' * 100, op=b'\x03', index_pos=struct.pack('<Q', position),
                      conn_count=struct.pack('<I', connections),
                      chunk_count=struct.pack('<I', chunks))


class TestZeros:
    """Blocks of which the file system knew, and which the disk never got."""

    @pytest.mark.parametrize('zeros', [8, 60, 300, 4096, 9000])
    def test_are_a_cut_where_they_reach_into_the_index(self, written, zeros, tmp_path):
        content = written[0][:-zeros] + bytes(zeros)
        verdict, _ = checked(content)
        assert verdict.outcome == TRUNCATED
        (tmp_path / 'zeros.bag').write_bytes(content)
        assert fully_read(tmp_path / 'zeros.bag', TRUNCATED) == TRUNCATED

    def test_are_a_cut_wherever_they_begin(self, written, tmp_path):
        content, _ = written
        for place in range(5000, len(content), len(content) // 50):
            for zeros in (100, 512, 4096):
                cut = content[:place] + bytes(zeros)
                assert outcome(cut) == TRUNCATED, (place, zeros)
                (tmp_path / 'zeros.bag').write_bytes(cut)
                assert fully_read(tmp_path / 'zeros.bag', TRUNCATED) == TRUNCATED, (place, zeros)

    def test_do_not_hide_the_damage_before_them(self, written):
        content = written[0][:-300] + bytes(300)
        begin = offset_of(content, 7) + 20
        assert outcome(content[:begin] + b'\xff' * 4 + content[begin + 4:]) == CORRUPT


class TestDuration:
    """It is that of the messages which are there, or not known."""

    def test_is_not_known_of_a_chunk_that_was_cut(self, written):
        content, _ = written
        begin = offset_of(content, 5, 5)
        _, description = checked(content[:begin + 1500])
        assert (description.start_ns, description.duration_ns) == (START_NS, None)

    def test_is_known_where_all_chunks_are_whole(self, written, tmp_path):
        content, _ = written
        for place in (offset_of(content, 4, 14), offset_of(content, 5, 5)):
            (tmp_path / 'cut.bag').write_bytes(content[:place])
            reading = library.read(str(tmp_path / 'cut.bag'), TRUNCATED)
            assert checked(content[:place])[1].duration_ns == reading.duration_ns


class TestReadWhole:
    """All of the bag is compared with its index; what rosbags cannot read is no damage."""

    @pytest.mark.parametrize('fields', [
        {'message_definition': b'# gr\xfc\xdfe\nstring data'}, {'callerid': b'/n\xff'},
        {'latching': b'True'}, {'md5sum': None}, {'message_definition': None}],
        ids=lambda fields: '-'.join(f'{k}' for k in fields))
    def test_what_rosbags_refuses_is_read_without_it(self, tmp_path, fields):
        content = bag_with_connection(**fields)
        (tmp_path / 'x.bag').write_bytes(content)
        assert outcome(content) == VALID
        reading = library.read(str(tmp_path / 'x.bag'), VALID)
        assert (reading.outcome, reading.reason, reading.message_count) == (VALID, '', 2)

    @pytest.mark.parametrize(('op', 'name', 'new'), [
        (6, b'start_time=', struct.pack('<II', 1_600_000_000, 0)),
        (6, b'end_time=', struct.pack('<II', 1_900_000_000, 0))])
    def test_the_times_of_chunks_are_compared(self, written, tmp_path, op, name, new):
        content, _ = written
        place = content.index(name, offset_of(content, op, 2)) + len(name)
        assert read_whole(tmp_path, content[:place] + new + content[place + len(new):]) == CORRUPT

    @pytest.mark.parametrize('place', [0, 8])
    def test_the_entries_of_index_data_are_compared(self, written, tmp_path, place):
        content, _ = written
        begin = offset_of(content, 4, 2)
        begin += 8 + struct.unpack_from('<I', content, begin)[0] + place
        changed = bytearray(content)
        changed[begin] ^= 1
        assert read_whole(tmp_path, bytes(changed)) == CORRUPT

    def test_a_chunk_that_the_index_leaves_out_is_found(self, written, tmp_path):
        content = written[0]
        chunks = struct.unpack_from('<I', content, content.index(b'chunk_count=') + 12)[0]
        begin, end = offset_of(content, 6, 1), offset_of(content, 6, 2)
        content = (content[:begin] + content[end:]).replace(
            b'chunk_count=' + struct.pack('<I', chunks),
            b'chunk_count=' + struct.pack('<I', chunks - 1))
        assert outcome(content) == VALID
        assert read_whole(tmp_path, content) == CORRUPT

    def test_a_truncated_bag_says_each_thing_once(self, written, tmp_path):
        content = written[0][:offset_of(written[0], 7)]
        (tmp_path / 'x.bag').write_bytes(content)
        assert library.read(str(tmp_path / 'x.bag'), TRUNCATED).reason == (
            'it has 300 whole messages')


def read_whole(folder: Path, content: bytes) -> str:
    (folder / 'changed.bag').write_bytes(content)
    return library.read(str(folder / 'changed.bag'), VALID).outcome


def bag_with_connection(**changes: Optional[bytes]) -> bytes:
    """Return a bag of two messages, whose connection has other fields."""
    standard = {'topic': b'/t', 'type': b'std_msgs/String', 'md5sum': b'0' * 32,
                'message_definition': b'string data'}
    fields = {k: v for k, v in {**standard, **changes}.items() if v is not None}
    connection = bag_record(bag_record(**fields)[4:-4], op=b'\x07', conn=bytes(4), topic=b'/t')
    data, entries = connection, b''
    for n in range(2):
        entries += bag_time(START_NS + n) + struct.pack('<I', len(data))
        data += bag_record(b'hello', op=b'\x02', conn=bytes(4), time=bag_time(START_NS + n))
    one, two = struct.pack('<I', 1), struct.pack('<I', 2)
    begin = len(b'#ROSBAG V2.0\n') + len(bag_header(0, 1, 1))
    chunk = bag_record(data, op=b'\x05', compression=b'none', size=struct.pack('<I', len(data)))
    chunk += bag_record(entries, op=b'\x04', ver=one, conn=bytes(4), count=two)
    info = bag_record(bytes(4) + two, op=b'\x06', ver=one, chunk_pos=struct.pack('<Q', begin),
                      start_time=bag_time(START_NS), end_time=bag_time(START_NS + 1), count=one)
    return b'#ROSBAG V2.0\n' + bag_header(begin + len(chunk), 1, 1) + chunk + connection + info
