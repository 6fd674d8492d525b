"""Which files rosbag2 names how, and which directory is a bag."""
import os
from pathlib import Path

from flightlog_bucket.logs.rosbag2_directory import arrange, bag_of, BagFiles, split_number
from flightlog_bucket.settings import DEFAULT_EXTENSIONS
import pytest


@pytest.mark.parametrize('name', [
    'run_0.mcap', 'run_12.db3', 'run_0.mcap.zstd', 'run_0.db3.zstd', 'run_0.db3-wal'])
def test_rosbag2_names_files_after_their_directory(tmp_path: Path, name: str) -> None:
    assert bag_of(tmp_path / 'run' / name) == tmp_path / 'run'
    assert bag_of(tmp_path / 'other' / name) is None


@pytest.mark.parametrize('name', [
    'run.mcap', 'run_x.mcap', 'run_0.ulg', 'run_0.bag', 'run_0', 'run_0.txt', 'metadata.yaml'])
def test_other_names_make_no_bag(tmp_path: Path, name: str) -> None:
    assert bag_of(tmp_path / 'run' / name) is None


def test_metadata_makes_a_bag(tmp_path: Path) -> None:
    metadata = tmp_path / 'metadata.yaml'
    metadata.write_text('rosbag2_bagfile_information:\n')
    assert bag_of(tmp_path / 'any.mcap') == tmp_path
    assert bag_of(metadata) == tmp_path
    assert bag_of(tmp_path / 'any.ulg') is None
    metadata.write_text('title: other\n')
    assert bag_of(tmp_path / 'any.mcap') is None


def test_metadata_that_is_a_link_or_a_pipe_makes_none(tmp_path: Path) -> None:

    (tmp_path / 'real').write_text('rosbag2_bagfile_information:\n')
    (tmp_path / 'metadata.yaml').symlink_to('real')
    assert bag_of(tmp_path / 'any.mcap') is None
    (tmp_path / 'metadata.yaml').unlink()
    os.mkfifo(tmp_path / 'metadata.yaml')
    assert bag_of(tmp_path / 'any.mcap') is None


def test_files_are_in_the_order_of_their_recording() -> None:
    names = ['run_10.mcap', 'metadata.yaml', 'run_9.mcap', 'run_9.ulg', 'run_2.db3-wal',
             'run_2.db3', 'notes.txt', 'first.mcap', 'run_1.mcap.zstd']
    assert arrange(names, DEFAULT_EXTENSIONS) == BagFiles(
        ('first.mcap', 'run_1.mcap.zstd', 'run_2.db3', 'run_9.mcap', 'run_10.mcap'),
        ('run_2.db3-wal',), True)
    assert arrange(names, ('.mcap',)) == BagFiles(
        ('first.mcap', 'run_9.mcap', 'run_10.mcap'), (), True)


def test_numbers() -> None:
    assert [split_number(n) for n in ('a_0.mcap', 'a_b_17.db3.zstd', 'a.mcap', 'a_1.ulg')] == [
        0, 17, None, None]
