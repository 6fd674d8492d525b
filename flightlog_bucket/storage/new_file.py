"""A new local file: it appears whole under its name, or not at all."""
from collections.abc import Iterator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
import secrets
import shutil
from typing import BinaryIO, Optional

from flightlog_bucket.errors import (
    FlightlogError,
    InvalidRequest,
    LocalDiskFull,
    LocalFileError,
    LocalFileExists,
    LocalFileUnreadable,
)

OPEN_FILES = Path('/proc/self/fd')
"""Where the files that a process has open can be found, named or not."""
# What a file system, or an old kernel, answers that knows no files without a name.
_NO_NAMELESS_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class NewFile:
    """
    A file that has no name until it is published, so that nothing is left of it without that.

    Where the file system knows no files without a name, it has a temporary one beside its
    target, which only a process that is killed leaves behind.

    :param target: the name that it will get, in an existing folder
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._temporary: Optional[Path] = None
        self.stream = self._open()

    def __enter__(self) -> 'NewFile':
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stream.close()
        finally:
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)

    def publish(self, *, overwrite: bool, target: Optional[Path] = None) -> None:
        """
        Give the file its name, once its content is on the disk.

        :param overwrite: replace an existing file
        :param target: another name than was said, in a folder on the same disk
        :raises LocalFileExists: if there is one, and ``overwrite`` is not set
        """
        self._target = target or self._target
        self.stream.flush()
        os.fsync(self.stream.fileno())
        directory = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if overwrite:
                self._named(directory).replace(self._target)
            else:
                self._publish_as_new(directory)
            os.fsync(directory)
        finally:
            os.close(directory)

    def _publish_as_new(self, directory: int) -> None:
        try:
            self._link(self._target, directory)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise LocalFileExists(f'{self._target} was made by somebody else meanwhile; it was'
                                  ' left as it is') from None
        except OSError:
            if self._temporary is None:
                raise
            # FAT and exFAT, on every USB stick, have no links.
            check_target(self._target, overwrite=False)
            self._temporary.replace(self._target)

    def _open(self) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CLOEXEC
        if OPEN_FILES.is_dir():  # no other way leads from the file to a name
            try:
                return open(os.open(self._target.parent, flags | os.O_TMPFILE, 0o666), 'wb')
            except OSError as error:
                if error.errno not in _NO_NAMELESS_FILES:
                    raise
        temporary = self._name_at_random()
        descriptor = os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o666)
        self._temporary = temporary
        return open(descriptor, 'wb')

    def _named(self, directory: int) -> Path:
        if self._temporary is None:
            temporary = self._name_at_random()
            self._link(temporary, directory)
            self._temporary = temporary
        return self._temporary

    def _link(self, path: Path, directory: int) -> None:
        source = self._temporary or OPEN_FILES / str(self.stream.fileno())
        # os.link() follows the link in /proc only where it is given a directory.
        os.link(source, path.name, dst_dir_fd=directory, follow_symlinks=True)

    def _name_at_random(self) -> Path:
        return self._target.with_name(f'.flightlog-{secrets.token_hex(8)}.part')


def check_target(target: Path, overwrite: bool) -> None:
    """
    Tell whether a file can be made there.

    :param target: of the new file
    :param overwrite: an existing file is no obstacle
    :raises LocalFileExists: if there is one, and it is
    :raises InvalidRequest: if there is anything else
    """
    with file_errors(target):
        try:
            target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if not target.is_file():
            raise InvalidRequest(f'{target} is not a regular file; give another local_path')
        if not overwrite:
            raise LocalFileExists(f'there is {target} already; set overwrite, or give another'
                                  ' local_path')


def check_room(target: Path, size: int) -> None:
    """
    Tell whether the disk has room for a file.

    :param target: of the new file, in an existing folder
    :param size: bytes
    :raises LocalDiskFull: if it has not
    """
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise LocalDiskFull(f'{target} takes {size} bytes, and its disk has {free} left;'
                            ' make room')


@contextmanager
def file_errors(target: Path) -> Iterator[None]:
    """Turn what the operating system says of a file that is written into an error that helps."""
    try:
        yield
    except FlightlogError:
        raise
    except PermissionError:
        raise LocalFileUnreadable(f'no permission to write {target}; give the user of this'
                                  ' process write access to its folder') from None
    except ValueError:
        raise InvalidRequest(f'{str(target)!r} is not a path') from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LocalDiskFull(f'the disk of {target} is full; nothing was left there') from None
        raise LocalFileError(f'cannot write {target}: {error.strerror}') from error
