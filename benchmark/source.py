"""The file that goes up and down: a ULog that every check of ours takes, of random content."""
from pathlib import Path
import random
import struct

from flightlog_bucket.demo import ulog

_TOPIC = {'payload': 'uint64_t timestamp;uint8_t[16384] content;'}
_CONTENT_BYTES = 16384
_POOL_BYTES = 4 * 1024 * 1024
_BATCH = 64


def write_log(path: Path, size_bytes: int) -> None:
    """
    Write a ULog of exactly this size.

    :param size_bytes: 1 MiB or more
    """
    pool = random.Random(0).randbytes(_POOL_BYTES)  # noqa: S311 - the same in every run
    with open(path, 'wb') as stream:
        ulog.write_definitions(stream, 0, _TOPIC)
        empty = len(ulog.logged_text(0, ''))
        sample = len(ulog.data(0, bytes(8 + _CONTENT_BYTES)))
        count = (size_bytes - stream.tell() - empty) // sample
        for first in range(0, count, _BATCH):
            stream.write(b''.join(_sample(pool, index)
                                  for index in range(first, min(first + _BATCH, count))))
        stream.write(ulog.logged_text(count, 'x' * (size_bytes - stream.tell() - empty)))


def _sample(pool: bytes, index: int) -> bytes:
    # A step that is prime to the length of the pool, so that no two samples nearby are alike.
    begin = index * 1_000_003 % (len(pool) - _CONTENT_BYTES)
    return ulog.data(0, struct.pack('<Q', index) + pool[begin:begin + _CONTENT_BYTES])
