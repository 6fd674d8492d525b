"""Nothing outside of the watched folders is ever deleted, whatever lies in the way."""
from collections.abc import Callable
import os
from pathlib import Path
import socket
from typing import Any

from flightlog_bucket.errors import (
    FlightlogError,
    InvalidRequest,
    LocalFileChanged,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.removal import remove_directory, WatchedFile
import pytest
from support.children import nothing_more_open, open_files
from support.expect import wait_until
from support.guarded import Guarded

HOSTILE_NAMES = ['a b.ulg', '-rf.ulg', '*.ulg', 'a\nb.ulg', '$(reboot).ulg', '~.ulg', '...ulg',
                 '\u202egpj.ulg', os.fsdecode(b'\xff\xfe.ulg'), '%s%n.ulg', 'x' * 251 + '.ulg',
                 '\U0001f681.ulg', '\\..\\.ulg']


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder that is not watched, with a file as the tests store it."""
    folder = tmp_path / 'outside'
    folder.mkdir()
    (folder / 'flight.ulg').write_bytes(b'a flight')
    return folder


@pytest.mark.parametrize('name', HOSTILE_NAMES)
def test_a_hostile_name_is_a_name(place: Guarded, name: str) -> None:
    place.watched.joinpath('b.ulg').write_bytes(b'a flight')
    path = place.stored(f'day/{name}')
    place.guardian().run_once()
    assert not path.exists()
    assert place.deletions() == [(path, 'it is stored')]
    assert (place.watched / 'b.ulg').exists()


def test_a_link_to_a_stored_log_stays_and_so_does_the_log(place: Guarded, outside: Path) -> None:
    link = place.watched / 'flight.ulg'
    link.symlink_to(outside / 'flight.ulg')
    place.store(link)
    place.guardian().run_once()
    assert link.is_symlink()
    assert (outside / 'flight.ulg').exists()


@pytest.mark.parametrize('target', ['outside', 'inside'])
def test_a_linked_directory_on_the_way_is_not_gone_through(place: Guarded, outside: Path,
                                                           target: str) -> None:
    if target == 'inside':
        outside = outside.rename(place.watched / 'real')
    (place.watched / 'day').symlink_to(outside, target_is_directory=True)
    place.store(place.watched / 'day' / 'flight.ulg')
    place.guardian().run_once()
    assert (outside / 'flight.ulg').exists()


def test_a_watched_folder_may_be_a_link_itself(place: Guarded, tmp_path: Path) -> None:
    real = place.watched.rename(tmp_path / 'disk')
    place.watched.symlink_to(real, target_is_directory=True)
    as_given = place.stored('day/flight.ulg')
    resolved = real / 'day' / 'other.ulg'
    resolved.write_bytes(b'a flight')
    place.store(resolved)
    place.guardian().run_once()
    assert list((real / 'day').iterdir()) == []
    assert {path for path, _ in place.deletions()} == {as_given, resolved}


def test_a_path_with_dots_is_refused(place: Guarded, outside: Path) -> None:
    path = place.watched / '..' / 'outside' / 'flight.ulg'
    place.store(path)
    place.guardian().run_once()
    assert path.exists()
    with pytest.raises(InvalidRequest):
        WatchedFile(place.watched, path)
    with pytest.raises(InvalidRequest):
        WatchedFile(place.watched, place.watched / 'day' / '..' / 'flight.ulg')


def test_a_folder_whose_name_begins_alike_is_another_one(place: Guarded, tmp_path: Path) -> None:
    other = tmp_path / 'watched2'
    other.mkdir()
    path = other / 'flight.ulg'
    path.write_bytes(b'a flight')
    place.store(path)
    place.guardian().run_once()
    assert path.exists()


@pytest.mark.parametrize('path', ['', '/', '/etc/passwd', 'flight.ulg', '/etc/../etc/passwd'])
def test_what_is_elsewhere_is_refused(place: Guarded, path: str) -> None:
    with pytest.raises(InvalidRequest):
        WatchedFile(place.watched, Path(path))
    with pytest.raises(InvalidRequest):
        WatchedFile(place.watched, place.watched)


def test_a_hard_link_is_a_file_of_its_own(place: Guarded, outside: Path) -> None:
    path = place.watched / 'flight.ulg'
    path.hardlink_to(outside / 'flight.ulg')
    place.store(path)
    place.guardian().run_once()
    assert not path.exists()
    assert (outside / 'flight.ulg').read_bytes() == b'a flight'


def swap_for_link(path: Path, outside: Path) -> None:
    path.unlink()
    path.symlink_to(outside / 'flight.ulg')


def swap_for_file(path: Path, outside: Path) -> None:
    times = path.stat()
    new = path.with_name('new')
    new.write_bytes(b'b flight')  # as long, as old, in its place: only the inode differs
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    new.replace(path)


def swap_for_link_to_itself(path: Path, outside: Path) -> None:
    path.rename(outside / 'moved.ulg')
    path.symlink_to(outside / 'moved.ulg')


def swap_directory_for_link(path: Path, outside: Path) -> None:
    path.parent.rename(path.parent.with_name('moved'))
    path.parent.symlink_to(outside, target_is_directory=True)


def swap_directory_for_hard_link(path: Path, outside: Path) -> None:
    """Let the same file lie outside, reached through a link: not even its inode differs."""
    (outside / 'flight.ulg').unlink()
    os.link(path, outside / 'flight.ulg')
    swap_directory_for_link(path, outside)


def swap_for_directory(path: Path, outside: Path) -> None:
    path.unlink()
    path.mkdir()


def move_directory_away(path: Path, outside: Path) -> None:
    path.parent.rename(outside / 'day')


SWAPS = [swap_for_link, swap_for_link_to_itself, swap_for_file, swap_directory_for_link,
         swap_directory_for_hard_link, swap_for_directory, move_directory_away]


@pytest.mark.parametrize('swap', SWAPS)
@pytest.mark.parametrize('moment', ['before S3 is asked', 'after S3 was asked', 'at last'])
def test_what_takes_the_place_of_a_log_is_not_deleted(
        place: Guarded, outside: Path, swap: Callable[[Path, Path], None], moment: str) -> None:
    path = place.stored('day/flight.ulg')
    looks = []

    def holds(path: Path, key: str) -> Any:
        if moment == 'before S3 is asked':
            swap(path, outside)
        try:
            return place.bucket.holds(path, key)
        except OSError as error:
            raise LocalFileUnreadable(str(error)) from error
        finally:
            if moment == 'after S3 was asked':
                swap(path, outside)

    def is_open_for_writing(path: Path) -> bool:
        looks.append(path)
        if moment == 'at last' and len(looks) == 2:  # the last one before it is deleted
            swap(path, outside)
        return False

    before = {file: file.read_bytes() for file in outside.rglob('*') if file.is_file()}
    place.guardian(holds=holds, is_open_for_writing=is_open_for_writing).run_once()
    assert len(looks) >= 1
    assert place.deletions() in ([], [(path, 'it was not there any more')])
    for file, content in before.items():
        assert file.read_bytes() == content
    if swap is swap_for_file:
        assert path.read_bytes() == b'b flight'
    if swap is move_directory_away:
        assert (outside / 'day' / 'flight.ulg').exists()


def test_a_file_that_is_replaced_after_it_was_opened_stays(place: Guarded, outside: Path) -> None:
    path = place.write('flight.ulg')
    for swap in (swap_for_file, swap_for_link_to_itself):
        with WatchedFile(place.watched, path) as file:
            expected = file.fingerprint
            swap(path, outside)
            with pytest.raises(LocalFileChanged):
                file.remove(expected)
        assert path.read_bytes() == b'b flight'


def test_a_file_that_vanishes_after_it_was_opened_is_not_there(place: Guarded) -> None:
    path = place.write('flight.ulg')
    with WatchedFile(place.watched, path) as file:
        path.unlink()
        with pytest.raises(LocalFileNotFound):
            file.remove(file.fingerprint)


@pytest.mark.parametrize('kind', ['directory', 'pipe', 'socket', 'dangling link', 'loop'])
def test_what_is_no_regular_file_is_refused(place: Guarded, kind: str,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.watched / 'x.ulg'
    if kind == 'directory':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'socket':
        monkeypatch.chdir(place.watched)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind('x.ulg')
    else:
        path.symlink_to('x.ulg' if kind == 'loop' else 'nowhere')
    with pytest.raises(LocalFileError, match='not a regular file'):
        WatchedFile(place.watched, path)
    assert os.path.lexists(path)


@pytest.mark.parametrize('path', ['none.ulg', 'none/none.ulg', 'file/none.ulg', 'nul\0.ulg',
                                  'x' * 256])
def test_what_cannot_be_there_is_told_in_words(place: Guarded, path: str) -> None:
    place.write('file')
    with pytest.raises(FlightlogError):
        WatchedFile(place.watched, place.watched / path)


def test_a_path_that_came_from_elsewhere_leaks_no_descriptor(place: Guarded) -> None:
    place.write('day/file')
    before = open_files()
    for path in ('none.ulg', 'none/none.ulg', 'day/file/none.ulg', 'day', 'day/none.ulg'):
        with pytest.raises(FlightlogError):
            WatchedFile(place.watched, place.watched / path)
    with WatchedFile(place.watched, place.watched / 'day' / 'file') as file:
        file.remove(Fingerprint.of((place.watched / 'day' / 'file').stat()))
    wait_until(lambda: nothing_more_open(before))


def test_only_an_empty_directory_below_the_folder_is_removed(place: Guarded,
                                                            outside: Path) -> None:
    empty, full = place.watched / 'empty', place.write('full/flight.ulg').parent
    empty.mkdir()
    link = place.watched / 'link'
    link.symlink_to(outside, target_is_directory=True)
    (outside / 'empty').mkdir()
    assert remove_directory(place.watched, empty)
    for kept in (place.watched, full, link, link / 'empty', outside, outside / 'empty',
                 place.watched / 'none' / 'none', place.watched / '..'):
        assert not remove_directory(place.watched, kept)
    assert full.is_dir()
    assert link.is_symlink()
    assert (outside / 'empty').is_dir()
