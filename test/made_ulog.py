"""ULogs made from the specification, right ones and wrong ones."""
from collections.abc import Sequence
import struct

from flightlog_bucket.demo import ulog

START_US = 20_000_000
"""Since the boot of the autopilot."""
UTC_US = 1_753_626_622_123_456
"""2025-07-27 14:30:22.123456 UTC, the start by a GPS receiver."""
ATTITUDE = 'uint64_t timestamp;float[4] q;uint8_t reset;uint8_t[3] _padding0;'
ATTITUDE_ID = 0
GPS = ('uint64_t timestamp;int32_t lat;uint8_t fix_type;uint8_t[3] _padding0;'
       'uint64_t time_utc_usec;')
GPS_ID = 7
SYNC = ulog.message(b'S', b'\x2f\x73\x13\x20\x25\x0c\xbb\x12')


def flag_bits(incompatible: bytes = bytes(8), offsets: Sequence[int] = (0, 0, 0)) -> bytes:
    """Return the message that must come first."""
    return ulog.message(b'B', bytes(8) + incompatible + struct.pack('<3Q', *offsets))


def head(start_us: int = START_US, flags: bytes = flag_bits()) -> bytes:
    """Return a header, and what an autopilot says of itself."""
    return (ulog.file_header(start_us) + flags + ulog.text_information('sys_name', 'PX4')
            + ulog.text_information('ver_hw', 'PX4_FMU_V6C')
            + ulog.text_information('ver_sw', '94cb2012792b2ae89f0b147cfee53ee31ae550be')
            + ulog.information('uint32_t ver_sw_release', struct.pack('<I', 0x010E00FF))
            + ulog.text_information('sys_uuid', '0006000000003535323734325116003d0021')
            + ulog.message(b'P', b'\x12int32_t SYS_HITL_X' + bytes(4)))


def topics() -> bytes:
    """Return the formats and announcements of an attitude and a GPS position."""
    return (ulog.topic_format('vehicle_attitude', ATTITUDE)
            + ulog.topic_format('vehicle_gps_position', GPS)
            + ulog.subscription(ATTITUDE_ID, 'vehicle_attitude')
            + ulog.subscription(GPS_ID, 'vehicle_gps_position'))


def attitude(timestamp_us: int) -> bytes:
    """Return one sample, without the padding at its end."""
    return ulog.data(ATTITUDE_ID, struct.pack('<Q4fB', timestamp_us, 1, 0, 0, 0, 0))


def gps(timestamp_us: int, utc_us: int, fix_type: int = 3) -> bytes:
    """Return one sample of a receiver."""
    return ulog.data(GPS_ID, struct.pack('<QiB3xQ', timestamp_us, 0, fix_type, utc_us))


def dropout(duration_ms: int) -> bytes:
    """Return what a recorder writes after it lost messages."""
    return ulog.message(b'O', struct.pack('<H', duration_ms))


def attitudes(count: int, start_us: int = START_US) -> bytes:
    """Return as many samples, one every 10 ms."""
    return b''.join(attitude(start_us + 10_000 * number) for number in range(count))


def log(samples: int = 100, *, start_us: int = START_US, fix_type: int = 3) -> bytes:
    """Return a whole log, with a GPS receiver that has a fix after 50 ms."""
    half = samples // 2
    after = start_us + 50_000
    return (head(start_us) + topics() + attitudes(half, start_us)
            + gps(start_us + 10, 0, 0) + gps(after, UTC_US + 50_000, fix_type) + SYNC
            + ulog.logged_text(after, 'Takeoff detected') + dropout(30) + dropout(5)
            + attitudes(samples - half, start_us + 10_000 * half))
