"""A log that arrives over the network: nobody sees it before all of it is on the disk."""
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, ExitStack, suppress
import errno
import logging
import os
from pathlib import Path
import secrets
import shutil
from typing import Optional, TypeVar, Union

from flightlog_bucket.errors import (
    ConfigurationError,
    FileTooLarge,
    InvalidRequest,
    LocalDiskFull,
    LocalDiskUnwritable,
    Unavailable,
)
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.new_file import NewFile, OPEN_FILES
from flightlog_bucket.storage.opening import MAY_PASS, open_log

T = TypeVar('T')

_log = logging.getLogger(__name__)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# Of file systems that are pickier than others.
_NO_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class Reception:
    """
    One log, block by block, in a file without a name. Not thread-safe.

    :param directory: on whose disk it goes; it is made, for this user alone
    :param max_file_size_bytes: a log must be smaller than this
    :param min_free_bytes: what must stay free on the disk
    :param length: bytes that are announced; None: not known
    :raises LocalDiskFull: if there is no room for these
    :raises LocalDiskUnwritable: if nothing can be written there
    :raises Unavailable: if the disk does not answer now
    """

    def __init__(self, directory: Path, *, max_file_size_bytes: int, min_free_bytes: int = 0,
                 length: Optional[int] = None) -> None:
        self._directory = directory
        self._max_file_size_bytes = max_file_size_bytes
        self._min_free_bytes = min_free_bytes
        self._published: Optional[Path] = None
        self._received = 0
        with disk_errors(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room(length or 0)
            self._file = NewFile(directory / 'log')

    def write(self, block: Union[bytes, memoryview]) -> None:
        """
        Write what has arrived.

        :raises FileTooLarge: at the first byte too many
        :raises LocalDiskFull: if the disk has no room, or must keep what it has
        """
        self._received += len(block)
        if self._received >= self._max_file_size_bytes:
            raise FileTooLarge(f'the log has {self._max_file_size_bytes} bytes or more; it must'
                               ' have fewer (max_file_size)')
        with disk_errors(self._directory):
            self._check_room(len(block))
            self._file.stream.write(block)

    def finish(self, filename: str, modified_s: Optional[float]) -> Path:
        """
        Give the file its name, once its content is on the disk, in a folder of its own.

        :param filename: one safe segment, see ``received_name()``
        :param modified_s: when it was written at its origin, seconds since 1970; None: not known
        """
        target = self._directory / secrets.token_hex(8) / filename
        with disk_errors(self._directory, filename):
            self._file.stream.flush()
            if modified_s is not None:
                modified_ns = int(modified_s * 1e9)
                os.utime(self._file.stream.fileno(), ns=(modified_ns, modified_ns))
            target.parent.mkdir(mode=0o700)
            self._published = target
            self._file.publish(overwrite=False, target=target)
            _sync_directory(self._directory)
            self._file.__exit__()
        return target

    def discard(self) -> None:
        """Leave nothing of it, whether it is finished or not; done where there is nothing."""
        with suppress(OSError):
            self._file.__exit__()
        if self._published is not None:
            with suppress(OSError):
                remove_received(self._published)

    def _check_room(self, count: int) -> None:
        free = shutil.disk_usage(self._directory).free
        if free - self._min_free_bytes < count:
            kept = (f', of which {self._min_free_bytes} must stay free'
                    if self._min_free_bytes else '')
            raise LocalDiskFull(f'there is no room for the log: the disk has {free} bytes'
                                f' left{kept}; nothing was kept')


def received_name(custom_filename: str, filename: str) -> str:
    """
    Return the name that a log gets which arrives over the network.

    :param custom_filename: that somebody gave for it; may be empty
    :param filename: its name where it comes from, maybe with a path before it; may be empty
    :raises InvalidRequest: if there is none, or it cannot be one
    """
    if custom_filename:
        return keys.check_filename(custom_filename)
    own = filename.replace('\\', '/').rpartition('/')[2]
    if not own:
        raise InvalidRequest('the file has no name; give one, or custom_filename')
    return keys.check_filename(keys.safe_filename(own))


def default_directory() -> Path:
    """
    Return where logs are received (XDG Base Directory Specification).

    :raises ConfigurationError: if this user has no such place
    """
    cache = os.environ.get('XDG_CACHE_HOME', '')
    try:
        above = Path(cache) if os.path.isabs(cache) else Path.home() / '.cache'
    except RuntimeError:
        raise ConfigurationError('there is no home directory to receive logs in; give'
                                 ' received_directory') from None
    return above / 'flightlog_bucket' / 'received'


@contextmanager
def without_name(path: Path) -> Iterator[Path]:
    """
    Take a file's name away while it is used: a process that is killed leaves nothing of it.

    :param path: as ``Reception.finish()`` returned it; afterwards there is no such file
    :returns: by which it can be opened meanwhile
    :raises LocalFileError: if it cannot be read
    """
    descriptor = open_log(path)
    try:
        if OPEN_FILES.is_dir():
            with suppress(OSError):
                remove_received(path)
            # With the number of the process: another one, that reads it whole, may be given it.
            yield Path(f'/proc/{os.getpid()}/fd/{descriptor}')
        else:
            yield path
    finally:
        os.close(descriptor)
        with suppress(OSError):
            remove_received(path)


def use_without_name(path: Path, pool: Executor, use: Callable[[Path], T]) -> 'Future[T]':
    """
    Take a file's name away, and let a pool use it when a thread is free; see ``without_name()``.

    :param use: is given by what it can be opened
    :raises Busy: if the pool takes no more; then there is no such file either
    """
    held = ExitStack()
    nameless = held.enter_context(without_name(path))
    try:
        work = pool.submit(use, nameless)
    except BaseException:
        held.close()
        raise
    work.add_done_callback(lambda _: held.close())  # also where it was cancelled, and never ran
    return work


def remove_received(path: Path) -> None:
    """
    Remove a file that was received, and its folder; done where there is nothing.

    :param path: as ``Reception.finish()`` returned it
    :raises OSError: if the file stays
    """
    try:
        path.unlink(missing_ok=True)
    finally:
        with suppress(OSError):
            path.parent.rmdir()


@contextmanager
def disk_errors(directory: Path, filename: str = '') -> Iterator[None]:
    """
    Turn what the disk says into what somebody far away can use, who does not know its folders.

    :param directory: where logs are received; only the log of this process names it
    :param filename: that is given to a file
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise LocalDiskFull('the disk that receives logs is full; nothing was kept') from None
        if filename and error.errno in _NO_NAME:
            raise InvalidRequest(f'no file here can have the name {filename!r}:'
                                 f' {error.strerror}') from None
        _log.warning('a log that arrives cannot be kept in %s: %s', directory, error.strerror)
        if error.errno in MAY_PASS:
            raise Unavailable('the disk that receives logs does not answer now:'
                              f' {error.strerror}; nothing was kept, try again') from error
        raise LocalDiskUnwritable('nothing can be written where logs are received:'
                                  f' {error.strerror}; nothing was kept') from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
