"""The chunk at which a log is cut, with damage in it: what comes before can be used."""
import io
from pathlib import Path
import struct

from flightlog_bucket.logs.mcap import Mcap
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag1 import Rosbag1
import made_logs
import pytest


def bag(compression: bytes, data: bytes = bytes(100)) -> bytes:
    whole = made_logs.bag_record(data * 100, op=b'\x05', compression=compression,
                                 size=struct.pack('<I', 200_000))
    return made_logs.bag(index=whole, index_pos=0)[:-50 * len(data)]


def mcap(compression: bytes, data: bytes = bytes(100)) -> bytes:
    chunk = struct.pack('<QQQII', 1, 2, 200_000, 0, len(compression)) + compression + struct.pack(
        '<Q', 100 * len(data)) + data * 100
    content = made_logs.mcap_record(0x01, bytes(8)) + made_logs.mcap_record(0x06, chunk)
    return made_logs.MCAP_MAGIC + content[:-50 * len(data)]


@pytest.mark.parametrize('compression', [b'lz4', b'zstd', b'bz2', b'lz5', b'', b'\xff\x00'])
@pytest.mark.parametrize(('log_format', 'made'), [(Rosbag1, bag), (Mcap, mcap)])
def test_is_truncated_whatever_is_in_the_chunk(log_format, made, compression):
    log = log_format(LogReader(Path('x'), io.BytesIO(made(compression))))
    verdict = log.check('structure')
    assert verdict.outcome == 'truncated'
    assert 'never closed' in verdict.reason
