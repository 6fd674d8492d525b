"""Logs that arrive: nobody sees one before it is whole, and no byte too many is kept."""
import errno
import os
from pathlib import Path
import stat
import subprocess

from flightlog_bucket.errors import (
    FileTooLarge,
    FlightlogError,
    InvalidRequest,
    LocalDiskFull,
    LocalDiskUnwritable,
    LocalFileNotFound,
    Unavailable,
)
from flightlog_bucket.storage import new_file
from flightlog_bucket.storage import reception as reception_module
from flightlog_bucket.storage.reception import (
    disk_errors,
    received_name,
    Reception,
    remove_received,
    without_name,
)
import pytest
from support.expect import failure
from support.nobody import as_nobody, needs_root, public_directory
from support.small_disk import SmallDisk

LIMIT = 1000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give where logs go; it is not there yet."""
    return tmp_path / 'above' / 'received'


def begun(directory: Path, **options: int) -> Reception:
    return Reception(directory, **{'max_file_size_bytes': LIMIT, **options})


def entries(directory: Path) -> list[Path]:
    return sorted(directory.rglob('*'))


def test_it_has_no_name_before_it_is_whole(directory: Path) -> None:
    reception = begun(directory)
    reception.write(b'abc')
    reception.write(memoryview(b'-defg')[1:])
    assert entries(directory) == []
    path = reception.finish('x.ulg', 1_753_626_622.5)
    assert path.read_bytes() == b'abcdefg'
    assert (path.name, path.parent.parent) == ('x.ulg', directory)
    assert path.stat().st_mtime_ns == 1_753_626_622_500_000_000
    assert entries(directory) == [path.parent, path]


def test_nobody_else_can_look_into_it(directory: Path) -> None:
    path = begun(directory).finish('x.ulg', None)
    for folder in (directory, path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_two_of_one_name(directory: Path) -> None:
    one, other = begun(directory), begun(directory)
    assert one.finish('x.ulg', None) != other.finish('x.ulg', None)
    assert len(entries(directory)) == 4


def test_discarded(directory: Path) -> None:
    for finished in (False, True):
        reception = begun(directory)
        reception.write(b'abc')
        if finished:
            reception.finish('x.ulg', None)
        for _ in range(2):
            reception.discard()
            assert entries(directory) == []


def test_removed(directory: Path) -> None:
    path = begun(directory).finish('x.ulg', None)
    for _ in range(2):
        remove_received(path)
        assert entries(directory) == []


def test_where_files_cannot_be_without_a_name(directory: Path, monkeypatch: pytest.MonkeyPatch,
                                              ) -> None:
    monkeypatch.setattr(new_file, 'OPEN_FILES', directory / 'no proc')
    monkeypatch.setattr(reception_module, 'OPEN_FILES', directory / 'no proc')
    reception = begun(directory)
    reception.write(b'abc')
    assert [path.suffix for path in entries(directory)] == ['.part']
    path = reception.finish('x.ulg', None)
    assert entries(directory) == [path.parent, path]
    with without_name(path) as used:
        assert (used, used.read_bytes()) == (path, b'abc')
    begun(directory).discard()
    assert entries(directory) == []


def test_its_name_is_taken_away_while_it_is_used(directory: Path) -> None:
    reception = begun(directory)
    reception.write(b'abc')
    path = reception.finish('x.ulg', None)
    with without_name(path) as used:
        assert entries(directory) == []
        seen = subprocess.run(['cat', str(used)], capture_output=True, check=True)
        assert (used.read_bytes(), seen.stdout) == (b'abc', b'abc')
    assert not used.exists()
    with failure(LocalFileNotFound, 404, 'x.ulg'), without_name(path):
        pytest.fail('there is none')


def test_one_byte_too_many(directory: Path) -> None:
    reception = begun(directory)
    reception.write(bytes(LIMIT - 1))
    with failure(FileTooLarge, 413, f'the log has {LIMIT} bytes or more', 'max_file_size'):
        reception.write(b'x')
    reception.discard()
    assert entries(directory) == []


def test_no_room(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / 'small', 4_000_000) as small:
        disk = small.path
        with failure(LocalDiskFull, 507, 'there is no room for the log'):
            begun(disk, length=5_000_000)
        with failure(LocalDiskFull, 507, 'of which 3000000 must stay free'):
            begun(disk, length=2_000_000, min_free_bytes=3_000_000)
        reception = begun(disk, max_file_size_bytes=100_000_000, min_free_bytes=1_000_000)
        with failure(LocalDiskFull, 507, 'there is no room for the log'):
            for _ in range(100):
                reception.write(bytes(100_000))
        assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize >= 1_000_000
        reception.discard()
        assert entries(disk) == []


@needs_root
def test_no_permission() -> None:
    with (public_directory() as directory, as_nobody(),
          failure(LocalDiskUnwritable, 507, 'nothing can be written', 'Permission denied')):
        begun(directory / 'received')


@needs_root
def test_a_disk_that_turns_read_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SmallDisk(tmp_path / 'small', 4_000_000) as small:
        small.set_read_only(True)
        try:
            with pytest.raises(LocalDiskUnwritable) as caught:
                begun(small.path / 'received')
        finally:
            small.set_read_only(False)
    assert caught.value.status == 507
    assert str(tmp_path) not in str(caught.value)  # who sends a log knows no folder of this disk
    assert f'cannot be kept in {small.path}' in caplog.text


@pytest.mark.parametrize('number, kind, status', [
    (errno.EIO, Unavailable, 503), (errno.EMFILE, Unavailable, 503),
    (errno.EROFS, LocalDiskUnwritable, 507), (errno.ENOSPC, LocalDiskFull, 507)])
def test_what_the_disk_says(directory: Path, number: int, kind: type[FlightlogError],
                            status: int) -> None:
    with failure(kind, status, 'nothing was kept'), disk_errors(directory):
        raise OSError(number, os.strerror(number), str(directory))


def test_a_name_that_the_disk_does_not_take(directory: Path) -> None:
    reception = begun(directory)
    with failure(InvalidRequest, 400, 'no file here can have the name'):
        reception.finish('x' * 300, None)
    reception.discard()
    assert entries(directory) == []


def test_what_cannot_be_removed_is_not_taken_for_gone(directory: Path) -> None:
    path = directory / 'a' / 'folder.ulg'
    path.mkdir(parents=True)
    with pytest.raises(OSError):
        remove_received(path)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'')
    for path in (tmp_path / 'file', tmp_path / 'file' / 'received'):
        with failure(LocalDiskUnwritable, 507, 'nothing can be written'):
            begun(path)


@pytest.mark.parametrize('custom, filename, expected', [
    ('', 'x.ulg', 'x.ulg'), ('y.ulg', 'x.ulg', 'y.ulg'), ('', '../../x.ulg', 'x.ulg'),
    ('', 'C:\\a\\x.ulg', 'x.ulg'), ('', '.x.ulg', '_x.ulg'), ('', 'a\nb.ulg', 'a_b.ulg'),
    ('', 'a\udcffb.ulg', 'a_b.ulg'), ('y.ulg', '', 'y.ulg'), ('', '..', '_.')])
def test_names(custom: str, filename: str, expected: str) -> None:
    assert received_name(custom, filename) == expected


@pytest.mark.parametrize('custom, filename', [
    ('', ''), ('', 'a/'), ('', 'x' * 256), ('', 'ü' * 128), ('../x.ulg', 'x.ulg'),
    ('.x.ulg', 'x.ulg'), ('a\nb.ulg', 'x.ulg'), ('..', 'x.ulg'), ('\udcff.ulg', 'x.ulg')])
def test_no_names(custom: str, filename: str) -> None:
    with pytest.raises(InvalidRequest):
        received_name(custom, filename)
