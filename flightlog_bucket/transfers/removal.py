"""Deleting a file under a watched folder, and nothing else: no link is followed on the way."""
from collections.abc import Iterator
from contextlib import contextmanager, suppress
import errno
import os
from pathlib import Path
import stat
from types import TracebackType
from typing import Optional

from flightlog_bucket.errors import (
    FlightlogError,
    InvalidRequest,
    LocalFileChanged,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)
from flightlog_bucket.storage.local_file import Fingerprint

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own are


class WatchedFile:
    """
    A regular file under a watched folder, reached from the folder itself, name by name.

    The folder may be a symbolic link, as a person gave it; nothing below it may. Directory and
    file stay open, so that neither can become another one under its number.

    :param root: the watched folder
    :param path: of the file, under ``root`` as it is written
    :raises LocalFileNotFound: if there is none
    :raises LocalFileError: if it is no regular file, or the way there leads through a link
    :raises InvalidRequest: if it is not under ``root``
    """

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path
        self._name = _names(root, path)[-1]
        self._directory = _walk(root, path.parent)
        try:
            self.device = os.fstat(self._directory).st_dev
            self._fd = _open_file(self._directory, path)
        except BaseException:
            os.close(self._directory)
            raise

    def __enter__(self) -> 'WatchedFile':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        os.close(self._fd)
        os.close(self._directory)

    @property
    def fingerprint(self) -> Fingerprint:
        """As it is now."""
        return Fingerprint.of(os.fstat(self._fd))

    def neighbours(self) -> dict[str, int]:
        """Return what else is in its directory, and itself: names and sizes in bytes."""
        with _named(self.path), os.scandir(self._directory) as entries:
            return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}

    def remove(self, expected: Fingerprint) -> int:
        """
        Delete it; the disk has forgotten it when this returns.

        :param expected: what it must be, and what its name must stand for, at this moment
        :returns: bytes of the disk that become free, at most
        :raises LocalFileChanged: if it is not that; it is left alone
        :raises LocalFileError: if the operating system refuses
        """
        with _named(self.path):
            # The last look: POSIX cannot delete a file on condition of what it is. Until here
            # whatever took its place is noticed; from here to the next line nothing can be.
            now = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
            if not stat.S_ISREG(now.st_mode) or Fingerprint.of(now) != expected:
                raise LocalFileChanged(f'{self.path} was changed or replaced; it is kept')
            os.unlink(self._name, dir_fd=self._directory)
        with suppress(OSError):  # some file systems cannot; then the disk decides when
            os.fsync(self._directory)
        return now.st_blocks * _BLOCK_BYTES if now.st_nlink == 1 else 0


def remove_directory(root: Path, path: Path) -> bool:
    """
    Delete a directory under a watched folder if nothing is in it; never the folder itself.

    :param root: the watched folder
    :param path: of the directory
    :returns: whether it is gone
    """
    if path == root:
        return False
    try:
        directory = _walk(root, path.parent)
    except FlightlogError:
        return False
    try:
        os.rmdir(path.name, dir_fd=directory)
    except OSError:  # something is in it, it is a link, or it is not ours
        return False
    finally:
        os.close(directory)
    return True


def _names(root: Path, path: Path) -> tuple[str, ...]:
    """Return the way from the folder to the path; no name on it leads up."""
    try:
        names = path.relative_to(root).parts
    except ValueError:
        names = ()
    if not names or '..' in names:
        raise InvalidRequest(f'{os.fspath(path)!r} is not under {os.fspath(root)!r}')
    return names


def _walk(root: Path, directory: Path) -> int:
    """Open a directory under the folder, or the folder itself, as a file descriptor."""
    names = () if directory == root else _names(root, directory)
    with _named(directory):
        fd = os.open(root, _DIRECTORY)
        for name in names:
            try:
                below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd


def _open_file(directory: int, path: Path) -> int:
    with _named(path):
        # O_PATH: without reading, so that neither a pipe nor a device is woken; of a symbolic
        # link it opens the link.
        fd = os.open(path.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise LocalFileError(f'{os.fspath(path)!r} is not a regular file, so it is not deleted')


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say in the words of this package what the operating system refuses."""
    shown = repr(os.fspath(path))
    try:
        yield
    except FileNotFoundError:
        raise LocalFileNotFound(f'there is no {shown}') from None
    except ValueError:
        raise InvalidRequest(f'{shown} is not a path') from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise LocalFileError(f'the way to {shown} leads through a symbolic link or a file, so'
                                 ' nothing there is deleted') from None
        raise LocalFileUnreadable(f'{shown}: {error.strerror}') from error
