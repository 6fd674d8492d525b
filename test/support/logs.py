"""Flight logs for the tests: small ones in every format, and big ones."""
import os
from pathlib import Path
import random
import struct

from flightlog_bucket.demo import ulog
from flightlog_bucket.demo.recordings import (
    write_bag,
    write_db3,
    write_mcap,
    write_rosbag2,
    write_ulg,
)

START_NS = 1_753_626_622 * 10**9
"""2025-07-27 14:30:22 UTC, the start of every log written here."""

METADATA = f"""\
rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration:
    nanoseconds: 2000000000
  starting_time:
    nanoseconds_since_epoch: {START_NS}
  message_count: 0
  topics_with_message_count: []
  compression_format: ""
  compression_mode: ""
  relative_file_paths: []
  files: []
  custom_data: ~
  ros_distro: kilted
"""
"""A ``metadata.yaml`` of rosbag2."""

_BIG_TOPIC = {'payload': 'uint64_t timestamp;uint8_t[16384] content;'}
_BIG_CONTENT_BYTES = 16384
_BIG_POOL_BYTES = 4 * 1024 * 1024
_BIG_BATCH = 64


def write_log(path: Path, start_ns: int = START_NS, duration_s: float = 2.0) -> Path:
    """Write a valid log in the format that the name says, and return the path."""
    name = path.name.lower()
    for extension, write in (('.ulg', write_ulg), ('.bag', write_bag), ('.mcap', write_mcap),
                             ('.db3', write_db3), ('.zstd', _write_compressed)):
        if name.endswith(extension):
            write(path, start_ns, duration_s)
            return path
    raise ValueError(f'no flight log is called {path.name}')


def write_dated_log(path: Path, start_ns: int = START_NS, duration_s: float = 2.0) -> Path:
    """Write a valid log whose modification time is its start, which not every format tells."""
    write_log(path, start_ns, duration_s)
    os.utime(path, ns=(start_ns, start_ns))
    return path


def write_all(directory: Path, stem: str = 'flight') -> list[Path]:
    """Write one valid log of each format and return the paths."""
    extensions = ('.ulg', '.bag', '.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
    return [write_log(directory / f'{stem}{extension}') for extension in extensions]


def write_big_ulg(path: Path, size_bytes: int, seed: int = 0) -> Path:
    """
    Write a valid ULog of exactly this size, at some hundred MB a second.

    :param size_bytes: 40 KiB or more
    :param seed: the same seed gives the same bytes
    """
    pool = random.Random(seed).randbytes(_BIG_POOL_BYTES)
    with open(path, 'wb') as stream:
        ulog.write_definitions(stream, 0, _BIG_TOPIC)
        empty = len(ulog.logged_text(0, ''))
        sample = len(ulog.data(0, bytes(8 + _BIG_CONTENT_BYTES)))
        count = (size_bytes - stream.tell() - empty) // sample
        if count < 1:
            raise ValueError(f'{size_bytes} bytes are too few')
        for first in range(0, count, _BIG_BATCH):
            stream.write(b''.join(_big_sample(pool, index)
                                  for index in range(first, min(first + _BIG_BATCH, count))))
        stream.write(ulog.logged_text(count, 'x' * (size_bytes - stream.tell() - empty)))
    return path


def write_long_to_check(path: Path) -> Path:
    """Write a ULog of two million messages, 40 MB, of which reading all takes some seconds."""
    samples = b''.join(ulog.data(0, struct.pack('<QI', time_us, 0)) for time_us in range(20_000))
    with open(path, 'wb') as stream:
        ulog.write_definitions(stream, 0, {'count': 'uint64_t timestamp;uint32_t number;'})
        for _ in range(100):
            stream.write(samples)
    return path


def write_many_topics(path: Path, count: int) -> Path:
    """Write an MCAP file of many topics with one message each."""
    from mcap.writer import Writer
    with open(path, 'wb') as stream:
        writer = Writer(stream)
        writer.start('ros2')
        schema = writer.register_schema('std_msgs/msg/Empty', 'ros2msg', b'')
        for number in range(count):
            channel = writer.register_channel(f'/sensors/number_{number}/data', 'cdr', schema)
            writer.add_message(channel, START_NS + number, b'', START_NS + number)
        writer.finish()
    return path


def _big_sample(pool: bytes, index: int) -> bytes:
    # A step that is prime to the length of the pool, so that no two samples nearby are alike.
    begin = index * 1_000_003 % (len(pool) - _BIG_CONTENT_BYTES)
    return ulog.data(0, struct.pack('<Q', index) + pool[begin:begin + _BIG_CONTENT_BYTES])


def _write_compressed(path: Path, start_ns: int, duration_s: float) -> None:
    """Write as ``ros2 bag record --compression-mode file --compression-format zstd`` does."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
    is_mcap = path.name.lower().endswith('.mcap.zstd')
    directory = path.with_name(f'{path.name}.rosbag2')
    write_rosbag2(
        directory, start_ns, duration_s,
        StoragePlugin.MCAP if is_mcap else StoragePlugin.SQLITE3,
        lambda writer: writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD))
    next(directory.glob('*.zstd')).rename(path)
    (directory / 'metadata.yaml').unlink()
    directory.rmdir()
