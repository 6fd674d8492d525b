"""The structure of a ULog, and what it says of itself; ULogs made from the specification."""
import io
from pathlib import Path
import struct

from flightlog_bucket.demo import ulog as parts
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.ulog import EncryptedUlog, Ulog
from flightlog_bucket.logs.ulog_survey import HEAD_BYTES, WHOLE_BYTES
from flightlog_bucket.logs.verdict import Verdict
import made_ulog
from made_ulog import START_US, UTC_US
import pytest

TOPICS = (Topic('vehicle_attitude', 'vehicle_attitude', 100),
          Topic('vehicle_gps_position', 'vehicle_gps_position', 2))
FLAGS = len(made_ulog.flag_bits())


def opened(content: bytes, path: str = 'x.ulg') -> Ulog:
    return Ulog(LogReader(Path(path), io.BytesIO(content)))


def verdict(content: bytes) -> Verdict:
    return opened(content).check('structure')


def description(content: bytes, path: str = 'x.ulg') -> Description:
    return opened(content, path).describe()


def large(tail: bytes = b'') -> bytes:
    """Return a log that is too large to be walked through."""
    samples = WHOLE_BYTES // len(made_ulog.attitude(0)) + 50_000
    second = made_ulog.attitudes(1000)
    return made_ulog.log() + second * (samples // 1000) + tail


LARGE = large()
LARGE_END = made_ulog.attitudes(2000, START_US + 3600 * 10**6)


def test_a_whole_log_is_valid_and_described():
    log = opened(made_ulog.log(), 'log/2020-01-01/00_00_00.ulg')
    assert log.check('structure') == Verdict('valid')
    assert log.describe() == Description(
        storage='ulog', start_ns=UTC_US * 1000, duration_ns=990_000_000, message_count=102,
        topics=TOPICS, compression='none', vehicle_uuid='0006000000003535323734325116003d0021',
        hardware='PX4_FMU_V6C', firmware_version='v1.14.0',
        firmware_hash='94cb2012792b2ae89f0b147cfee53ee31ae550be', dropouts=2, dropout_ms=35)


def test_a_log_cut_anywhere_is_truncated_or_whole_and_still_described():
    content = made_ulog.log(20)
    ends = message_ends(content)
    for cut in range(8, len(content)):
        log = opened(content[:cut])
        assert log.check('structure').outcome == ('valid' if cut in ends else 'truncated'), cut
        assert (log.describe().message_count or 0) <= 22
    assert description(content[:-1]).message_count == 21
    assert description(content[:-1]).start_ns == UTC_US * 1000


def test_a_log_cut_in_a_message_of_a_kind_that_came_later_is_truncated():
    content = made_ulog.log() + parts.message(b'X', b'something new') + made_ulog.attitude(1)
    assert verdict(content).outcome == 'valid'
    assert verdict(content[:-len(made_ulog.attitude(1)) - 3]).outcome == 'truncated'


def message_ends(content: bytes) -> list[int]:
    position, ends = 16, [16]
    while position < len(content):
        position += 3 + struct.unpack_from('<H', content, position)[0]
        ends.append(position)
    return ends


@pytest.mark.parametrize('end', [
    pytest.param(bytes(100), id='zero bytes'),
    pytest.param(bytes(200_000), id='many zero bytes'),
    pytest.param(bytes(range(256)) * 4, id='other bytes'),
    pytest.param(b'\xff' * 1000, id='ones'),
    pytest.param(made_ulog.attitude(1)[:-1] + bytes(5000), id='zero bytes after a cut'),
])
@pytest.mark.parametrize('log', [made_ulog.log(), LARGE], ids=['small', 'large'])
def test_a_log_that_ends_with_no_messages_is_corrupt(log, end):
    assert verdict(log + end).outcome == 'corrupt'


def test_the_reason_says_where_the_messages_of_a_large_log_end():
    said = verdict(LARGE + made_ulog.attitudes(30) + bytes(5000)).reason
    end = len(LARGE + made_ulog.attitudes(30))
    assert said == f'it ends with zero bytes instead of messages (from byte {end})'


@pytest.mark.parametrize(('content', 'reason'), [
    (made_ulog.head(flags=made_ulog.flag_bits(b'\x02' + bytes(7))), 'incompatible flags'),
    (made_ulog.head(flags=made_ulog.flag_bits(bytes(7) + b'\x80')), 'incompatible flags'),
    (made_ulog.head(flags=parts.message(b'B', bytes(39))), 'the flag bits have 39 bytes'),
    (made_ulog.head() + parts.message(b'F', b'no_fields'), 'a format has no fields'),
    (made_ulog.head() + parts.topic_format('x', 'uint8_t'), "'uint8_t' is no field"),
    (made_ulog.head() + parts.topic_format('x', 'uint8_t[-1] a;'), 'is no field'),
    (made_ulog.head() + parts.subscription(0, 'nothing'), "'nothing' is not defined"),
    (made_ulog.head() + parts.message(b'I', b'\xffshort'), 'has no name'),
    (made_ulog.head() + parts.message(b'I', b''), 'has no name'),
    (made_ulog.head() + parts.information('float x', b'abc'), "'x' has 3 bytes instead of 4"),
    (made_ulog.head() + parts.message(b'P', b'\x09int32_t y' + bytes(5)),
     "'y' has 5 bytes instead of 4"),
    (made_ulog.head() + parts.message(b'A', b'abc'), 'has 3 bytes, not 4'),
    (made_ulog.head() + parts.message(b'\xc4', b'abc'), 'no message of the kind'),
    (made_ulog.log() + parts.data(99, bytes(20)), 'topic 99, which was never announced'),
    (made_ulog.log() + parts.data(0, bytes(24)), "of 'vehicle_attitude' has 24 bytes instead"),
    (made_ulog.log() + parts.data(0, bytes(29)), "of 'vehicle_attitude' has 29 bytes instead"),
    (made_ulog.log() + parts.message(b'D', b'\0'), 'a data message has no topic'),
])
def test_a_damaged_log_is_corrupt_and_the_reason_names_the_damage(content, reason):
    said = verdict(content + made_ulog.SYNC)
    assert said.outcome == 'corrupt'
    assert reason in said.reason


def test_padding_at_the_end_of_a_message_may_be_there_or_not():
    padded = parts.data(0, struct.pack('<Q', START_US + 10**7) + bytes(20))
    content = made_ulog.log() + padded
    assert verdict(content) == Verdict('valid')
    assert description(content).message_count == 103
    assert description(content).duration_ns == 10_000_000_000


class TestLarge:

    def test_is_checked_and_described_by_both_ends(self):
        log = opened(LARGE + LARGE_END)
        assert log.check('structure') == Verdict('valid')
        found = log.describe()
        assert found.start_ns == UTC_US * 1000
        assert found.duration_ns == 3_619_990_000_000
        assert [t.name for t in found.topics] == [t.name for t in TOPICS]
        assert {t.message_count for t in found.topics} == {None}
        assert found.message_count is found.dropouts is found.dropout_ms is None

    @pytest.mark.parametrize('cut', [1, 2, 25, 29, 3000, 64 * 1024, 64 * 1024 + 7])
    def test_cut_anywhere_is_truncated(self, cut):
        whole = len(made_ulog.attitude(0))
        content = (LARGE + made_ulog.attitudes(3000))[:-cut]
        assert verdict(content).outcome == ('valid' if cut % whole == 0 else 'truncated')

    def test_of_messages_as_long_as_they_can_be_is_valid_or_truncated(self):
        head = (made_ulog.log() + parts.topic_format('long', 'uint64_t timestamp;char[65000] x;')
                + parts.subscription(3, 'long'))
        content = head + parts.data(3, struct.pack('<Q', START_US) + b'D' * 65000) * 300
        assert verdict(content) == Verdict('valid')
        for cut in (1, 40_000, 65_012):
            assert verdict(content[:-cut]).outcome == 'truncated'

    def test_takes_the_start_from_a_fix_at_its_end(self):
        after_us = 2 * 3600 * 10**6
        content = (made_ulog.head() + made_ulog.topics() + LARGE[len(made_ulog.log()):]
                   + made_ulog.gps(START_US + after_us, UTC_US + after_us)
                   + made_ulog.attitudes(30, START_US + after_us))
        assert description(content).start_ns == UTC_US * 1000

    def test_with_a_topic_that_was_announced_where_nobody_looks_is_valid(self):
        late = (parts.topic_format('late', 'uint64_t timestamp;float x;')
                + parts.subscription(9, 'late'))
        assert len(LARGE) > 2 * HEAD_BYTES
        samples = parts.data(9, struct.pack('<Qf', START_US, 1)) * 10_000
        assert verdict(LARGE + late + samples).outcome == 'valid'
        assert verdict(LARGE + late + samples + made_ulog.attitude(1)[:-9]).outcome == 'truncated'


class TestAppended:
    """After a crash, what the autopilot had in memory is appended; the log before it is cut."""

    @staticmethod
    def content(log: bytes, appended: bytes) -> bytes:
        cut = log[:-5]
        flags = made_ulog.flag_bits(b'\x01' + bytes(7), (len(cut), 0, 0))
        return cut[:16] + flags + cut[16 + FLAGS:] + appended

    @pytest.mark.parametrize('log', [made_ulog.log(), LARGE], ids=['small', 'large'])
    def test_data_begin_where_the_flag_bits_say(self, log):
        appended = parts.logged_text(START_US, 'hard fault') * 3
        content = self.content(log, appended)
        assert verdict(content) == Verdict('valid')
        assert verdict(content[:-1]).outcome == 'truncated'
        assert verdict(content[:len(log) - 5]) == Verdict('valid')
        assert verdict(content[:len(log) - 100]).outcome == 'truncated'
        assert verdict(content + bytes(50)).outcome == 'corrupt'
        assert description(content).start_ns == UTC_US * 1000
        assert description(content).duration_ns == description(log[:-5]).duration_ns

    @pytest.mark.parametrize('offsets', [(1, 0, 0), (2**63, 0, 0), (2000, 1900, 0)])
    def test_at_impossible_places_is_damage(self, offsets):
        flags = made_ulog.flag_bits(b'\x01' + bytes(7), offsets)
        assert verdict(made_ulog.head(flags=flags) + made_ulog.topics()
                       + made_ulog.attitudes(100)).outcome == 'corrupt'


class TestStart:

    NAME_NS = 1_753_625_000 * 10**9  # 2025-07-27 14:03:20 UTC
    NAME = 'log/2025-07-27/14_03_20.ulg'

    @pytest.mark.parametrize('samples', [
        pytest.param(made_ulog.gps(START_US, UTC_US, 1), id='no fix'),
        pytest.param(made_ulog.gps(START_US, 0), id='no time'),
        pytest.param(made_ulog.gps(START_US, 315_964_800 * 10**6), id='1980'),
        pytest.param(made_ulog.gps(START_US, 2**64 - 1), id='far in the future'),
        pytest.param(made_ulog.gps(2**63, UTC_US), id='at a rogue timestamp'),
        pytest.param(b'', id='no samples'),
    ])
    def test_is_that_of_the_name_without_a_usable_fix(self, samples):
        content = made_ulog.head() + made_ulog.topics() + samples + made_ulog.attitudes(100)
        assert description(content, self.NAME).start_ns == self.NAME_NS
        assert description(content, 'log001.ulg').start_ns is None

    def test_is_that_of_the_first_usable_fix(self):
        content = (made_ulog.head() + made_ulog.topics() + made_ulog.attitudes(50)
                   + made_ulog.gps(START_US + 1, 0, 0)
                   + made_ulog.gps(START_US + 2_000_000, UTC_US + 2_000_000, 2)
                   + made_ulog.gps(START_US + 3_000_000, UTC_US + 9_000_000, 3))
        assert description(content, self.NAME).start_ns == UTC_US * 1000

    def test_is_that_of_any_topic_with_the_time_of_a_receiver(self):
        fields = 'sub[2] s;uint64_t time_utc_usec;uint64_t timestamp;'
        content = (made_ulog.head() + parts.topic_format('sensor_gps', fields)
                   + parts.topic_format('sub', 'uint16_t a;uint8_t b;')
                   + parts.subscription(1, 'sensor_gps')
                   + parts.data(1, struct.pack('<6xQQ', UTC_US + 7, START_US + 7)))
        assert description(content, self.NAME).start_ns == UTC_US * 1000

    def test_of_a_simulation_is_that_of_its_clock(self):
        assert description(made_ulog.log(start_us=UTC_US, fix_type=0)).start_ns == UTC_US * 1000

    def test_that_the_header_does_not_tell_is_that_of_the_first_data(self):
        content = parts.file_header(0) + made_ulog.log()[16:]
        assert description(content).start_ns == UTC_US * 1000
        assert description(content).duration_ns == 990_000_000


@pytest.mark.parametrize('rogue_us', [2**64 - 1, 2**63, START_US + 10**9, 0])
def test_a_rogue_timestamp_is_not_the_end(rogue_us):
    content = made_ulog.log() + made_ulog.attitude(rogue_us) + made_ulog.attitude(START_US)
    assert description(content).duration_ns == 990_000_000


def test_the_end_of_a_slow_log_is_its_last_message():
    minutes = b''.join(made_ulog.attitude(START_US + n * 300 * 10**6) for n in range(40))
    content = made_ulog.head() + made_ulog.topics() + minutes
    assert description(content).duration_ns == 39 * 300 * 10**9


def test_instances_of_a_topic_are_told_apart():
    second = parts.message(b'A', struct.pack('<BH', 1, 5) + b'vehicle_attitude')
    content = (made_ulog.log() + second + parts.data(5, made_ulog.attitude(START_US)[5:]) * 3
               + parts.subscription(5, 'vehicle_gps_position')
               + parts.data(5, made_ulog.gps(START_US, 0)[5:]) * 4)
    assert [(t.name, t.type, t.message_count) for t in description(content).topics] == [
        ('vehicle_attitude', 'vehicle_attitude', 100),
        ('vehicle_attitude[1]', 'vehicle_attitude', 3),
        ('vehicle_gps_position', 'vehicle_gps_position', 6)]


@pytest.mark.parametrize(('number', 'version'), [
    (0x010E00FF, 'v1.14.0'), (0x010F03C0, 'v1.15.3 (RC)'), (0x01100080, 'v1.16.0 (beta)'),
    (0x01110040, 'v1.17.0 (alpha)'), (0x0111003F, '')])
def test_a_version_is_as_px4_writes_it(number, version):
    content = parts.file_header(0) + parts.information('uint32_t ver_sw_release',
                                                       struct.pack('<I', number))
    assert description(content).firmware_version == version


def test_text_of_the_file_is_capped_and_never_fails():
    content = (parts.file_header(0) + parts.information('char[9] ver_hw', b'\xff\x00x' * 9999)
               + parts.information('float sys_uuid', b'1234')
               + parts.information('char[0] ver_sw_release', b''))
    found = description(content)
    assert len(found.hardware) == 200
    assert (found.vehicle_uuid, found.firmware_version) == ('', '')


def test_the_magic_of_the_document_is_all_that_is_checked_of_it():
    for level in ('structure', 'full'):
        log = opened(b'ULogData\0\0\0', 'log/2025-07-27/14_03_20.ulg')
        assert log.check(level).outcome == 'valid'
        assert 'only this was checked' in log.check(level).reason
        assert log.describe() == Description('ulog', TestStart.NAME_NS)


@pytest.mark.parametrize('level', ['header', 'structure', 'full'])
def test_an_encrypted_log_is_valid_and_unread(level):
    reader = LogReader(Path('log/2025-07-27/14_03_20.ulge'), io.BytesIO(b'ULogEnc' + bytes(50)))
    log: FlightLog = EncryptedUlog(reader)
    assert log.check(level).outcome == 'valid'
    assert 'encrypted' in log.check(level).reason
    assert log.describe().start_ns == TestStart.NAME_NS
