"""A robot without the libraries that unpack: logs are checked and taken all the same."""
from pathlib import Path
import sys

from flightlog_bucket.logs import inspect, LogFacts
from flightlog_bucket.logs.verdict import TRUNCATED, VALID
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import get_typestore, Stores
from support.damaged import write_cut
from support.logs import START_NS, write_log


def inspected(path: Path) -> LogFacts:
    with open(path, 'rb') as stream:
        return inspect(path.name, path, stream)


@pytest.mark.parametrize('name', ['x.mcap.zstd', 'x.db3.zstd'])
def test_a_compressed_log_is_looked_at_from_outside(name, tmp_path, monkeypatch):
    path, cut = write_log(tmp_path / name), write_cut(tmp_path / f'cut_{name}')
    monkeypatch.setitem(sys.modules, 'zstandard', None)
    whole = inspected(path)
    assert whole.verdict.outcome == VALID
    assert 'zstandard is not installed' in whole.verdict.reason
    assert whole.start is None
    assert inspected(cut).verdict.outcome == TRUNCATED


@pytest.mark.parametrize('compression', ['LZ4', 'BZ2'])
def test_packed_chunks_are_not_looked_into(compression, tmp_path, monkeypatch):
    path = tmp_path / 'x.bag'
    store = get_typestore(Stores.ROS1_NOETIC)
    writer = Writer(path)
    writer.set_compression(Writer.CompressionFormat[compression])
    with writer:
        topic = writer.add_connection('/said', 'std_msgs/msg/String', typestore=store)
        for number in range(100):
            writer.write(topic, START_NS + number, b'\x05\0\0\0hello')
    for name in ('zstandard', 'lz4.frame'):
        monkeypatch.setitem(sys.modules, name, None)
    facts = inspected(path)
    assert (facts.verdict.outcome, facts.verdict.reason) == (VALID, '')
    assert facts.description.start_ns == START_NS
    assert facts.description.compression == compression.lower()
    assert facts.description.message_count == 100
