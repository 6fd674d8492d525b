"""How much room a disk has."""
import os
from pathlib import Path
import shutil

from flightlog_bucket.transfers.disk_space import space_of
import pytest
from support.small_disk import SmallDisk


def test_says_what_a_disk_has(tmp_path) -> None:
    with SmallDisk(tmp_path / 'disk', 1024 ** 2) as disk:
        before = space_of(disk.path)
        assert before.total_bytes == 1024 ** 2
        assert before.free_bytes == shutil.disk_usage(disk.path).free
        (disk.path / 'log').write_bytes(bytes(512 * 1024))
        assert before.free_bytes - space_of(disk.path).free_bytes == 512 * 1024
        disk.fill()
        assert space_of(disk.path).free_bytes == 0
        assert not space_of(disk.path).problem


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    space = space_of(tmp_path / 'gone')
    assert (space.directory, space.problem) == (tmp_path / 'gone', 'No such file or directory')


def test_one_that_will_be_made_is_on_the_disk_of_the_folder_above(tmp_path) -> None:
    space = space_of(tmp_path / 'not' / 'yet', is_made=True)
    assert space.directory == tmp_path / 'not' / 'yet'
    assert space.total_bytes == space_of(tmp_path).total_bytes
    assert not space.problem


@pytest.mark.parametrize('name', ['file/below', 'x' * 300])
def test_what_cannot_be_asked_is_a_problem(tmp_path: Path, name) -> None:
    (tmp_path / 'file').touch()
    expected = os.strerror(20) if '/' in name else os.strerror(36)
    assert space_of(tmp_path / name, is_made=True).problem == expected
