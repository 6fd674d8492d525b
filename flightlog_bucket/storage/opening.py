"""Opening a local log, and what the operating system may say to that."""
import errno
import os
from pathlib import Path
import stat

from flightlog_bucket.errors import (
    Busy,
    FlightlogError,
    InvalidRequest,
    LocalDiskFault,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)

# Of network file systems, and of disks on a cable; EIO is of either.
_MAY_COME_BACK = frozenset((
    errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNRESET, errno.ECONNREFUSED, errno.EREMOTEIO))

_TOO_MANY = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))
MAY_PASS = _MAY_COME_BACK | _TOO_MANY
"""Errors of the operating system that are over after a while, without anybody doing anything."""


def open_log(path: Path) -> int:
    """
    Open a file to be read; a symbolic link is followed.

    :raises LocalFileNotFound: if there is none
    :raises LocalFileError: if the operating system refuses
    :raises InvalidRequest: if it is no file
    """
    name = shown(path)
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise LocalFileNotFound(f'there is no {name}') from None
    except PermissionError:
        raise LocalFileUnreadable(f'no permission to read {name}; give the user of this process'
                                  ' read access to it') from None
    except ValueError:
        raise InvalidRequest(f'{name} is not a path') from None
    except OSError as error:
        raise _open_error(name, error) from error


def check_is_regular(path: Path, status: os.stat_result) -> None:
    """
    Refuse what only looks like a file.

    :raises InvalidRequest: if it is a directory, a device, a pipe or a socket
    """
    if stat.S_ISDIR(status.st_mode):
        raise InvalidRequest(f'{shown(path)} is a directory; give the file of the log')
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f'{shown(path)} is not a regular file')


def read_error(name: str, offset: int, error: OSError) -> LocalFileUnreadable:
    """
    Return the error for bytes that the disk does not give.

    :param name: of the file, as it is shown
    :param offset: of the bytes
    :param error: what the operating system says
    """
    kind = LocalDiskFault if error.errno in _MAY_COME_BACK else LocalFileUnreadable
    return kind(f'cannot read {name} at byte {offset}: {error.strerror}')


def shown(path: Path) -> str:
    """Return the path in quotes, with whatever cannot be printed escaped."""
    return repr(os.fspath(path))


def _open_error(name: str, error: OSError) -> FlightlogError:
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return LocalFileNotFound(f'there is no {name}: {error.strerror}')
    if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket; a device that is not there
        return InvalidRequest(f'{name} is not a regular file')
    if error.errno in _TOO_MANY:  # no fault of the log
        return Busy(f'cannot open {name} now: {error.strerror}')
    if error.errno in _MAY_COME_BACK:
        return LocalDiskFault(f'cannot open {name} now: {error.strerror}')
    return LocalFileError(f'cannot open {name}: {error.strerror}')
