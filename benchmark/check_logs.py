"""
Writes the logs that are checked, as a program: ``python -m benchmark.check_logs PATH BYTES``.

A program, as the libraries that write them take memory, and a process's peak of memory counts
from that of the one which starts it.
"""
from collections.abc import Callable
from pathlib import Path
import random
import shutil
import sys
from typing import Any

from benchmark.cases import MIB
from flightlog_bucket.demo import ulog

START_NS = 1_753_626_622 * 10**9
_STEP_NS = 1_000_000
_MESSAGE_BYTES = 4096
_POOL_BYTES = 4 * MIB
_TOPICS = 8
_SAMPLE_FIELDS = 20
_SAMPLES_AT_ONCE = 100_000


def main() -> None:
    """Write it, in the format that the name says."""
    path, size_bytes = Path(sys.argv[1]), int(sys.argv[2])
    name = path.name
    writers: dict[str, Callable[[Path, int], None]] = {
        '.ulg': _write_ulg, '.bag': _write_bag, '.mcap': _write_rosbag2, '.db3': _write_rosbag2,
        '.zstd': _write_rosbag2}
    writers[name[name.rindex('.'):]](path, size_bytes)


def _write_ulg(path: Path, size_bytes: int) -> None:
    """Write samples of 96 bytes, as those of an autopilot are on average."""
    import numpy
    fields = 'uint64_t timestamp;' + f'float[{_SAMPLE_FIELDS}] values;'
    sample = numpy.dtype([('length', '<u2'), ('kind', 'u1'), ('topic', '<u2'),
                          ('timestamp', '<u8'), ('values', '<f4', (_SAMPLE_FIELDS,))])
    samples = numpy.zeros(_SAMPLES_AT_ONCE, sample)
    samples['length'], samples['kind'] = sample.itemsize - 3, ord('D')
    samples['topic'] = numpy.arange(_SAMPLES_AT_ONCE) % _TOPICS
    with open(path, 'wb') as stream:
        ulog.write_definitions(stream, 0, {f'topic_{n}': fields for n in range(_TOPICS)})
        count = (size_bytes - stream.tell()) // sample.itemsize
        for first in range(0, count, _SAMPLES_AT_ONCE):
            some = samples[:count - first]
            some['timestamp'] = numpy.arange(first, first + len(some)) * 100
            stream.write(some.tobytes())


def _write_bag(path: Path, size_bytes: int) -> None:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import get_typestore, Stores
    with Writer(path) as writer:
        _write_messages(writer, get_typestore(Stores.ROS1_NOETIC), size_bytes)


def _write_rosbag2(path: Path, size_bytes: int) -> None:
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import get_typestore, Stores
    directory = path.with_name(f'{path.name}.rosbag2')
    storage = StoragePlugin.MCAP if '.mcap' in path.name else StoragePlugin.SQLITE3
    writer = Writer(directory, version=9, storage_plugin=storage)
    if path.suffix == '.zstd':
        writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        _write_messages(writer, get_typestore(Stores.ROS2_HUMBLE), size_bytes)
    next(p for p in directory.iterdir() if p.name != 'metadata.yaml').rename(path)
    shutil.rmtree(directory)


def _write_messages(writer: Any, store: Any, size_bytes: int) -> None:
    pool = random.Random(0).randbytes(_POOL_BYTES)  # noqa: S311 - the same in every run
    topics = [writer.add_connection(f'/topic_{n}', 'sensor_msgs/msg/PointCloud2', typestore=store)
              for n in range(_TOPICS)]
    for index in range(size_bytes // _MESSAGE_BYTES):
        # A step that is prime to the length of the pool, so that no two nearby are alike.
        begin = index * 1_000_003 % (_POOL_BYTES - _MESSAGE_BYTES)
        writer.write(topics[index % _TOPICS], START_NS + index * _STEP_NS,
                     pool[begin:begin + _MESSAGE_BYTES])


if __name__ == '__main__':
    main()
