"""Files that are a log only together with the others of a rosbag2 directory."""
from pathlib import Path

from flightlog_bucket.errors import FormatMismatch, InvalidExtension, LocalFileChanged
from flightlog_bucket.logs import inspect, LogFacts
from flightlog_bucket.logs.verdict import HEADER
import pytest
from support.logs import write_log

WAL = b'\x37\x7f\x06\x82' + bytes(28)


def facts(path: Path, **options: object) -> LogFacts:
    with open(path, 'rb', buffering=0) as stream:
        return inspect(path.name, path, stream, **options)


@pytest.mark.parametrize('content', [
    b'rosbag2_bagfile_information:\n  version: 9\n', b'rosbag2_bagfile_information: {}\n',
    b'---\nrosbag2_bagfile_information:\n', b'# made by hand\n\n--- \n# x\nrosbag2_bagfile_'
    b'information:\n', b'%YAML 1.2\n---\r\nrosbag2_bagfile_information:\r\n',
    b'#' * 3000 + b'\nrosbag2_bagfile_information:\n'])
def test_takes_metadata(tmp_path, content):
    path = tmp_path / 'metadata.yaml'
    path.write_bytes(content)
    found = facts(path, in_bag=True, level=HEADER)
    assert (found.format, found.extension, found.content_type, found.start) == (
        'rosbag2', '.yaml', 'application/yaml', None)
    with pytest.raises(InvalidExtension):
        facts(path)


@pytest.mark.parametrize('content', [
    b'x: 1\n', b'x:\n  rosbag2_bagfile_information:\n', b'rosbag2_bagfile\n', b'---\n',
    b'# rosbag2_bagfile_information:\n', b'x: 1\nrosbag2_bagfile_information:\n'])
def test_refuses_other_yaml(tmp_path, content):
    path = tmp_path / 'metadata.yaml'
    path.write_bytes(content)
    with pytest.raises(FormatMismatch):
        facts(path, in_bag=True)


@pytest.mark.parametrize('name', ['other.yaml', 'Metadata.yaml', 'metadata.yml', 'x.txt',
                                  '.db3-wal', 'x.db3-shm'])
def test_refuses_other_files(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b'rosbag2_bagfile_information:\n')
    with pytest.raises(InvalidExtension):
        facts(path, in_bag=True)


def test_takes_a_wal(tmp_path):
    path = tmp_path / 'x_0.db3-wal'
    path.write_bytes(WAL)
    found = facts(path, in_bag=True, level=HEADER)
    assert (found.format, found.extension, found.content_type, found.start) == (
        'sqlite3-wal', '.db3-wal', 'application/octet-stream', None)
    with pytest.raises(InvalidExtension):
        facts(path)
    with pytest.raises(InvalidExtension):
        facts(path, in_bag=True, allowed=('.mcap',))
    path.write_bytes(b'x' * 32)
    with pytest.raises(FormatMismatch):
        facts(path, in_bag=True)


def test_a_killed_recorder_merges_nothing_any_more(tmp_path):
    path = write_log(tmp_path / 'x_0.db3')
    (tmp_path / 'x_0.db3-wal').write_bytes(WAL)
    with pytest.raises(LocalFileChanged, match='not merged'):
        facts(path, in_bag=True)
    assert facts(path, is_closed=False).extension == '.db3'
    assert facts(path, in_bag=True, is_closed=False).format == 'sqlite3'
