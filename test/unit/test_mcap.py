"""What the summary of an MCAP file tells of it, and where it does not agree with the file."""
import io
from pathlib import Path
import struct
import zlib

import corpus
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.library import mcap as library
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.mcap import Mcap
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.verdict import CORRUPT, STRUCTURE, TRUNCATED, VALID, Verdict
from made_logs import MCAP_MAGIC, mcap_record, START_NS
from mcap.reader import make_reader, NonSeekingReader
from mcap.writer import CompressionType, IndexType, Writer
import pytest

FILES = [f for f in corpus.files() if f.format == 'mcap' and f.path.suffix == '.mcap']
VALID_FILES = [f for f in FILES if f.status == 'valid']
DAMAGED_INSIDE = ('mcap_nul_page_middle.mcap',)
"""Zeros among the data of the second chunk: only reading it all finds them."""
COMPRESSIONS = {'none': CompressionType.NONE, 'lz4': CompressionType.LZ4,
                'zstd': CompressionType.ZSTD}


def checked(content: bytes) -> tuple[Verdict, Description]:
    log = Mcap(LogReader(Path('x.mcap'), io.BytesIO(content)))
    return log.check(STRUCTURE), log.describe()


def outcome(content: bytes) -> str:
    return checked(content)[0].outcome


def fully_read(path: Path, structure: str) -> str:
    """Return the outcome of reading it all; what a library raises is damage, as in the child."""
    try:
        return library.read(str(path), structure).outcome
    except Exception:
        return CORRUPT


def make_mcap(compression: str = 'none', messages: int = 300, *, attachment: bool = True,
              **options: object) -> bytes:
    """Return a file of several chunks with two topics, one of them with two publishers."""
    stream = io.BytesIO()
    writer = Writer(stream, chunk_size=4096, compression=COMPRESSIONS[compression], **options)
    writer.start(profile='ros2', library='test')
    schema = writer.register_schema('std_msgs/msg/String', 'ros2msg', b'string data\n')
    channels = [writer.register_channel(topic, 'cdr', schema) for topic in ('/a', '/b')]
    channels.append(writer.register_channel('/a', 'cdr', schema, {'publisher': 'two'}))
    for n in range(messages):
        writer.add_message(channels[n % 3], START_NS + n * 1000,
                           bytes((n * k) % 256 for k in range(40)), START_NS)
    if attachment:
        writer.add_attachment(START_NS, START_NS, 'map.txt', 'text/plain', b'here be dragons')
        writer.add_metadata('vehicle', {'id': '7'})
    writer.finish()
    return stream.getvalue()


@pytest.fixture(params=['none', 'lz4', 'zstd'])
def made(request):
    return make_mcap(request.param), request.param


def offset_of(content: bytes, opcode: int, nth: int = 0) -> int:
    """Return where the n-th record of a kind begins, of those that are in no chunk."""
    offset, found = 8, -1
    while True:
        found += content[offset] == opcode
        if found == nth:
            return offset
        offset += 9 + struct.unpack_from('<Q', content, offset + 1)[0]


def with_change(content: bytes, place: int, new: bytes) -> bytes:
    """Return the file with other bytes in a place, and a right checksum of the summary."""
    changed = content[:place] + new + content[place + len(new):]
    start, = struct.unpack_from('<Q', changed, len(changed) - 28)
    crc = zlib.crc32(changed[start:-12])
    return changed[:-12] + struct.pack('<I', crc) + MCAP_MAGIC


class TestCorpus:

    @pytest.mark.parametrize('log', corpus.params(FILES))
    def test_has_the_verdict_of_the_manifest(self, log):
        verdict = outcome(log.path.read_bytes())
        if log.status == 'hostile':
            assert verdict != VALID
        elif log.path.name in DAMAGED_INSIDE:
            assert (log.status, verdict) == (CORRUPT, VALID)
        else:
            assert verdict == log.status

    @pytest.mark.parametrize('log', corpus.params([f for f in FILES if f.status != 'hostile']))
    def test_has_the_verdict_of_the_manifest_when_all_is_read(self, log):
        structure = outcome(log.path.read_bytes())
        if structure == CORRUPT:
            assert log.status == CORRUPT
        else:
            assert fully_read(log.path, structure) == log.status

    @pytest.mark.parametrize('log', corpus.params(VALID_FILES))
    def test_the_mcap_library_finds_the_same(self, log):
        verdict, description = checked(log.path.read_bytes())
        assert verdict == Verdict(VALID)
        messages, topics = [], {}
        with open(log.path, 'rb') as stream:
            for schema, channel, message in NonSeekingReader(stream).iter_messages():
                messages.append(message.log_time)
                topic = channel.topic, schema.name if schema else ''
                topics[topic] = topics.get(topic, 0) + 1
        assert description.message_count == len(messages)
        assert description.start_ns == min(messages, default=None)
        if messages:
            assert description.duration_ns == max(messages) - min(messages)
        assert {(t.name, t.type): t.message_count
                for t in description.topics if t.message_count} == topics

    @pytest.mark.parametrize('log', corpus.params(VALID_FILES))
    def test_the_summary_that_the_mcap_library_reads_is_the_same(self, log):
        with open(log.path, 'rb') as stream:
            summary = make_reader(stream).get_summary()
        description = checked(log.path.read_bytes())[1]
        if summary is not None and summary.channels:
            assert {t.name for t in description.topics} == {
                channel.topic for channel in summary.channels.values()}
        if summary is not None and summary.statistics is not None:
            assert description.message_count == summary.statistics.message_count

    @pytest.mark.parametrize('log', corpus.params(VALID_FILES))
    def test_reading_it_all_counts_what_the_summary_counts(self, log):
        description = checked(log.path.read_bytes())[1]
        reading = library.read(str(log.path), VALID)
        assert (reading.start_ns, reading.duration_ns, reading.message_count) == (
            description.start_ns, description.duration_ns, description.message_count)
        assert (reading.topics or ()) == description.topics

    @pytest.mark.parametrize('log', corpus.params(VALID_FILES))
    def test_is_truncated_wherever_it_is_cut(self, log):
        content = log.path.read_bytes()
        places = {*range(8, 60), *range(len(content) - 60, len(content)),
                  *range(60, len(content), len(content) // 40 + 1)}
        assert {outcome(content[:place]) for place in places} == {TRUNCATED}


class TestMade:

    def test_is_described(self, made):
        content, compression = made
        assert checked(content) == (Verdict(VALID), Description(
            'mcap', START_NS, 299_000, 300,
            (Topic('/a', 'std_msgs/msg/String', 200), Topic('/b', 'std_msgs/msg/String', 100)),
            compression))

    @pytest.mark.parametrize('options', [
        {'use_statistics': False}, {'index_types': IndexType.NONE},
        {'index_types': IndexType.MESSAGE}, {'index_types': IndexType.CHUNK},
        {'use_chunking': False}, {'enable_data_crcs': True}, {'enable_crcs': False},
        {'repeat_channels': False}, {'repeat_schemas': False}, {'use_summary_offsets': False},
        {'use_statistics': False, 'repeat_channels': False, 'repeat_schemas': False,
         'index_types': IndexType.NONE, 'attachment': False},
        {'use_statistics': False, 'repeat_channels': False, 'repeat_schemas': False,
         'use_summary_offsets': False, 'index_types': IndexType.NONE, 'attachment': False},
        {'use_statistics': False, 'repeat_channels': False, 'repeat_schemas': False,
         'use_summary_offsets': False, 'index_types': IndexType.NONE, 'attachment': False,
         'use_chunking': False}],
        ids=lambda options: '-'.join(options))
    def test_is_described_alike_whatever_its_writer_leaves_out(self, options, tmp_path):
        content = make_mcap(messages=90, **options)
        (tmp_path / 'x.mcap').write_bytes(content)
        verdict, description = checked(content)
        assert verdict == Verdict(VALID)
        assert description == Description(
            'mcap', START_NS, 89_000, 90,
            (Topic('/a', 'std_msgs/msg/String', 60), Topic('/b', 'std_msgs/msg/String', 30)),
            'none')
        reading = library.read(str(tmp_path / 'x.mcap'), VALID)
        assert (reading.outcome, reading.message_count, reading.topics) == (
            VALID, 90, description.topics)

    def test_messages_are_counted_by_their_indexes_where_there_are_no_statistics(self):
        verdict, description = checked(make_mcap('zstd', 3000, use_statistics=False))
        assert verdict == Verdict(VALID)
        assert (description.message_count, description.topics[1].message_count) == (3000, 1000)
        assert (description.start_ns, description.duration_ns) == (START_NS, 2_999_000)

    def test_is_truncated_wherever_it_is_cut(self, made, tmp_path):
        content, _ = made
        for place in range(8, len(content), len(content) // 80):
            (tmp_path / 'cut.mcap').write_bytes(content[:place])
            assert outcome(content[:place]) == TRUNCATED, place
            assert fully_read(tmp_path / 'cut.mcap', TRUNCATED) == TRUNCATED, place

    def test_is_described_though_it_was_cut(self, made, tmp_path):
        content, compression = made
        cut = content[:offset_of(content, 0x0F)]
        verdict, description = checked(cut)
        assert verdict == Verdict(TRUNCATED, 'the file was never closed; it ends after the record'
                                             f' that ends at byte {len(cut)}')
        assert description == Description(
            'mcap', START_NS, 299_000, None,
            (Topic('/a', 'std_msgs/msg/String'), Topic('/b', 'std_msgs/msg/String')), compression)
        (tmp_path / 'cut.mcap').write_bytes(cut)
        reading = library.read(str(tmp_path / 'cut.mcap'), TRUNCATED)
        assert (reading.outcome, reading.message_count) == (TRUNCATED, 300)

    def test_damage_before_the_cut_is_found_by_reading_it_all(self, made, tmp_path):
        cut = bytearray(made[0][:offset_of(made[0], 0x0F)])
        begin = offset_of(cut, 0x06, 4)
        cut[begin + 300:begin + 400] = bytes(100)
        (tmp_path / 'damaged.mcap').write_bytes(cut)
        assert outcome(bytes(cut)) == TRUNCATED
        assert fully_read(tmp_path / 'damaged.mcap', TRUNCATED) == CORRUPT

    def test_zeros_at_the_end_are_damage(self, made):
        content, _ = made
        cut = content[:offset_of(content, 0x06, 2)]
        assert outcome(cut + bytes(5000)) == CORRUPT
        assert outcome(content + bytes(5000)) == CORRUPT

    @pytest.mark.parametrize(('opcode', 'place', 'new'), [
        pytest.param(0x02, 9, b'\xff' * 8, id='summary after the end'),
        pytest.param(0x02, 17, struct.pack('<Q', 8), id='summary offsets before the summary'),
        pytest.param(0x0F, 0, b'\x0c', id='no DataEnd'),
        pytest.param(0x08, 9 + 16, b'\x09', id='chunk elsewhere'),
        pytest.param(0x08, 9 + 24, bytes(8), id='chunk of no length'),
        pytest.param(0x08, 9, bytes(8), id='other times than in the chunk'),
        pytest.param(0x08, 1, b'\xff' * 8, id='record of 2^64 bytes'),
        pytest.param(0x08, 0, b'\x05', id='message in the summary'),
        pytest.param(0x08, 0, b'\x00', id='no opcode'),
        pytest.param(0x04, 9 + 4, b'\xff' * 4, id='topic of 4 GiB'),
        pytest.param(0x0B, 9, b'\x01', id='other messages than of the channels'),
        pytest.param(0x0B, 9 + 22, b'\x01', id='other chunks than indexed'),
        pytest.param(0x0B, 9 + 14, b'\x05', id='other attachments than indexed'),
        pytest.param(0x0A, 9, b'\x09', id='attachment elsewhere'),
        pytest.param(0x0D, 9, b'\xff' * 8, id='metadata after the end'),
        pytest.param(0x06, 9 + 16, b'\x01', id='unpacks to more than it says'),
        pytest.param(0x06, 9 + 32, b'\xff', id='unknown compression'),
        pytest.param(0x01, 0, b'\x03', id='no header'),
        pytest.param(0x01, 9, b'\xff' * 4, id='profile of 4 GiB'),
    ])
    def test_damage_is_found(self, made, opcode, place, new):
        content, _ = made
        begin = offset_of(content, opcode)
        assert outcome(with_change(content, begin + place, new)) == CORRUPT

    def test_the_checksum_of_the_summary_is_compared(self, made):
        content = bytearray(made[0])
        content[offset_of(content, 0x0B) + 9 + 30] ^= 1  # the start, which nothing else knows
        assert checked(bytes(content))[0] == Verdict(
            CORRUPT, 'the checksum of the summary is wrong')

    @pytest.mark.parametrize(('opcode', 'place'), [(0x06, 9 + 200), (0x09, 9 + 60)])
    def test_checksums_are_compared_when_all_is_read(self, tmp_path, opcode, place):
        content = bytearray(make_mcap())
        content[offset_of(content, opcode, 0) + place] ^= 1
        (tmp_path / 'x.mcap').write_bytes(content)
        assert outcome(bytes(content)) == VALID
        reading = library.read(str(tmp_path / 'x.mcap'), VALID)
        assert (reading.outcome, 'checksum' in reading.reason) == (CORRUPT, True)


class TestOdd:

    @pytest.mark.parametrize(('content', 'expected'), [
        (MCAP_MAGIC, TRUNCATED), (MCAP_MAGIC + b'\x01', TRUNCATED),
        (MCAP_MAGIC + mcap_record(1, bytes(8)), TRUNCATED),
        (MCAP_MAGIC + mcap_record(1, bytes(8))[:-1], TRUNCATED),
        (MCAP_MAGIC + MCAP_MAGIC, CORRUPT), (MCAP_MAGIC + bytes(100), CORRUPT),
        (MCAP_MAGIC + mcap_record(1, bytes(8)) + struct.pack('<BQ', 5, 2**63), CORRUPT),
        (MCAP_MAGIC + mcap_record(1, bytes(8)) + MCAP_MAGIC, CORRUPT)])
    def test_beginnings(self, content, expected):
        assert outcome(content) == expected

    def test_records_of_later_versions_are_passed_over(self):
        content = make_mcap()
        begin = offset_of(content, 0x06)
        unknown = mcap_record(0x90, b'private') + mcap_record(0x40, b'')
        cut = content[:begin] + unknown + content[begin:offset_of(content, 0x0F)]
        assert outcome(cut) == TRUNCATED

    def test_names_are_not_trusted(self):
        stream = io.BytesIO()
        writer = Writer(stream)
        writer.start()
        writer.register_channel('/' + 'x' * 100_000, 'cdr', 0)
        writer.register_channel('/a\n', 'cdr', 0)
        writer.finish()
        content = with_change(stream.getvalue().replace(b'/a\n', b'/\xff\n'), 0, MCAP_MAGIC)
        log = Mcap(LogReader(Path('x.mcap'), io.BytesIO(content)))
        assert log.check(STRUCTURE) == Verdict(VALID)
        names = [t.name for t in log.describe().topics]
        assert names == ['/' + 'x' * 299, '/\ufffd\n']

    def test_much_without_a_summary_is_not_all_looked_at(self):
        content = make_mcap(messages=60_000, use_chunking=False, use_statistics=False,
                            index_types=IndexType.NONE, attachment=False)
        verdict, description = checked(content)
        assert (verdict.outcome, 'not all' in verdict.reason) == (VALID, True)
        assert (description.start_ns, description.duration_ns, description.message_count) == (
            START_NS, None, None)
        verdict, description = checked(content[:-1])
        assert (verdict.outcome, description.duration_ns) == (TRUNCATED, None)

    def test_chunks_are_looked_at_evenly_where_there_are_many(self, monkeypatch):
        monkeypatch.setattr('flightlog_bucket.logs.mcap_summary._MAX_CHUNKS', 2)
        content = make_mcap()
        chunks = struct.unpack_from('<I', content, offset_of(content, 0x0B) + 9 + 22)[0]
        verdict, description = checked(content)
        assert verdict == Verdict(VALID, f'2 of its {chunks} chunks were looked at')
        assert description.message_count == 300


class TestDuration:
    """It is that of the messages which are there, or not known."""

    def test_is_not_known_of_a_chunk_that_was_cut(self, made):
        content, _ = made
        cut = content[:offset_of(content, 0x06, 3) + 200]
        description = checked(cut)[1]
        assert (description.start_ns, description.duration_ns) == (START_NS, None)

    def test_is_known_where_all_chunks_are_whole(self, made, tmp_path):
        content, _ = made
        cut = content[:offset_of(content, 0x06, 3)]
        (tmp_path / 'cut.mcap').write_bytes(cut)
        reading = library.read(str(tmp_path / 'cut.mcap'), TRUNCATED)
        assert 0 < reading.duration_ns == checked(cut)[1].duration_ns < 299_000
        assert reading.reason == f'it has {reading.message_count} whole messages'


class TestReadWhole:
    """All of the file is compared with its summary; names that are no UTF-8 are no damage."""

    @pytest.mark.parametrize(('old', 'new'), [
        pytest.param(b'/a', b'/\xb0', id='topic'),
        pytest.param(b'std_msgs/msg/String', b'std_msgs/msg/Strin\xb0', id='schema'),
        pytest.param(b'publisher', b'p\xb0blisher', id='metadata of a channel'),
        pytest.param(b'map.txt', b'm\xb0p.txt', id='attachment'),
        pytest.param(b'vehicle', b'v\xb0hicle', id='metadata'),
        pytest.param(b'test', b't\xb0st', id='library')])
    def test_names_may_be_anything(self, tmp_path, old, new):
        content = make_mcap(enable_crcs=False).replace(old, new)
        crc = offset_of(content, 0x09 + 3) - 4  # of the attachment, before the metadata
        content = content[:crc] + bytes(4) + content[crc + 4:]
        assert new in content
        assert outcome(content) == VALID
        reading = read_whole(tmp_path, content)
        assert (reading.outcome, reading.reason, reading.message_count) == (VALID, '', 300)
        assert reading.topics == checked(content)[1].topics

    @pytest.mark.parametrize('compression', [b'', b'lz4', b'zstd'])
    def test_a_chunk_may_be_empty(self, tmp_path, compression):
        content = make_mcap(use_chunking=False)
        begin = offset_of(content, 0x0F)
        for times in (bytes(16), struct.pack('<QQ', 2**64 - 1, 0)):
            chunk = mcap_record(0x06, times + bytes(12) + struct.pack('<I', len(compression))
                                + compression + bytes(8))
            closed = (content[:begin] + chunk + mcap_record(0x0F, bytes(4))
                      + mcap_record(0x02, bytes(20)) + MCAP_MAGIC)
            assert checked(closed)[0] == Verdict(VALID)
            assert read_whole(tmp_path, closed).outcome == VALID

    @pytest.mark.parametrize(('opcode', 'nth', 'place', 'new'), [
        pytest.param(0x0B, 0, 9 + 26, b'\x01', id='start of the statistics'),
        pytest.param(0x0B, 0, 9 + 34, b'\x01', id='end of the statistics'),
        pytest.param(0x0B, 0, 9 + 46, struct.pack('<HQHQHQ', 1, 101, 2, 99, 3, 100),
                     id='counts of the statistics'),
        pytest.param(0x0B, 0, 9 + 10, bytes(4), id='fewer channels than have messages'),
        pytest.param(0x08, 2, 9 + 38, b'\x01', id='place of a message index'),
        pytest.param(0x08, 2, 9 + 36, struct.pack('<H', 2), id='channel of a message index'),
        pytest.param(0x08, 2, 9 + 36 + 30, bytes(8), id='bytes of the message indexes'),
        pytest.param(0x04, 0, 9 + 8, b'/z', id='topic of a channel'),
        pytest.param(0x07, 2, 9 + 6, b'\x01', id='time in a message index'),
        pytest.param(0x07, 2, 9 + 14, b'\x01', id='offset in a message index'),
        pytest.param(0x07, 2, 9, struct.pack('<H', 9), id='unknown channel in a message index'),
        pytest.param(0x0E, 0, 10, b'\x01', id='start of a group'),
        pytest.param(0x0E, 1, 18, bytes(2) + b'\x01', id='length of a group'),
        pytest.param(0x0A, 0, 9 + 40 + 4, b'M', id='name of an attachment'),
        pytest.param(0x0F, 0, 9, b'\x01\x02\x03\x04', id='checksum of the data')])
    def test_what_does_not_agree_is_found(self, made, tmp_path, opcode, nth, place, new):
        content, _ = made
        changed = with_change(content, offset_of(content, opcode, nth) + place, new)
        assert changed != content
        assert read_whole(tmp_path, content).outcome == VALID
        assert outcome(changed) == VALID
        assert read_whole(tmp_path, changed).outcome == CORRUPT

    def test_the_times_of_a_chunk_are_those_of_its_messages(self, made, tmp_path):
        content = made[0]
        for opcode in (0x06, 0x08):
            content = with_change(content, offset_of(content, opcode, 1) + 9, bytes(8))
        assert outcome(content) == VALID
        assert read_whole(tmp_path, content).outcome == CORRUPT

    def test_the_place_of_the_summary_offsets_is_compared(self, made, tmp_path):
        content = made[0]
        start = struct.unpack_from('<Q', content, len(content) - 28)[0]
        changed = with_change(content, len(content) - 20, struct.pack('<Q', start + 3))
        assert outcome(changed) == VALID
        assert read_whole(tmp_path, changed).outcome == CORRUPT

    def test_a_chunk_that_the_summary_leaves_out_is_found(self, tmp_path):
        content = make_mcap(use_summary_offsets=False, use_statistics=False)
        begin, end = offset_of(content, 0x08, 1), offset_of(content, 0x08, 2)
        content = with_change(content[:begin] + content[end:], 0, MCAP_MAGIC)
        assert outcome(content) == VALID
        assert read_whole(tmp_path, content).outcome == CORRUPT

    def test_the_first_and_the_last_message_may_be_given_for_the_times(self, tmp_path):
        stream = io.BytesIO()
        writer = Writer(stream, compression=CompressionType.NONE)
        writer.start()
        channel = writer.register_channel('/a', 'cdr', 0)
        for n in (5, 1, 9, 7):
            writer.add_message(channel, START_NS + n, b'x', START_NS)
        writer.finish()
        content = stream.getvalue()
        times = struct.pack('<QQ', START_NS + 5, START_NS + 7)
        for opcode, place in ((0x06, 9), (0x08, 9), (0x0B, 9 + 26)):
            content = with_change(content, offset_of(content, opcode) + place, times)
        # As the Python library did until August 2022.
        assert read_whole(tmp_path, content).outcome == VALID


def read_whole(folder: Path, content: bytes) -> Reading:
    (folder / 'whole.mcap').write_bytes(content)
    return library.read(str(folder / 'whole.mcap'), VALID)
