"""Whether a process of this computer has a file open for writing."""
import errno
import fcntl
import os
from pathlib import Path
import signal
import stat

_LEASE_REFUSED = (errno.EAGAIN, errno.EWOULDBLOCK)
_ACCESS_MODES = (os.O_WRONLY, os.O_RDWR)


def is_open_for_writing(path: Path) -> bool:
    """
    Tell whether somebody has the file open for writing, or mapped into memory so.

    The kernel is asked with a read lease, which it refuses where there is a writer (fcntl(2)).
    It takes that from the file's owner and from root only; for others, and on file systems
    without leases, the open files in ``/proc`` are looked through.

    Not seen: writers on another computer (NFS, SMB); and without a lease the processes of other
    users, and files that are only mapped. There only the time without changes tells.

    :raises OSError: if the file cannot be opened
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        try:
            return _is_lease_refused(fd)
        except OSError:
            return _is_in_proc(os.fstat(fd))
    finally:
        os.close(fd)


def _is_lease_refused(fd: int) -> bool:
    # Who opens the file for writing just now waits until the lease is gone, microseconds; this
    # process is sent a signal then, by default one that would end it. SIGURG ends nobody.
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno in _LEASE_REFUSED:
            return True
        raise
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _is_in_proc(file: os.stat_result) -> bool:
    for process in _numbers('/proc'):
        descriptors = f'/proc/{process}/fd'
        for descriptor in _numbers(descriptors):
            try:
                found = os.stat(f'{descriptors}/{descriptor}')
                is_it = stat.S_ISREG(found.st_mode) and os.path.samestat(found, file)
                if is_it and _is_writable(process, descriptor):
                    return True
            except OSError:  # closed meanwhile, or none of ours
                continue
    return False


def _is_writable(process: str, descriptor: str) -> bool:
    with open(f'/proc/{process}/fdinfo/{descriptor}', encoding='ascii') as stream:
        for line in stream:
            if line.startswith('flags:'):
                return int(line.split()[1], 8) & os.O_ACCMODE in _ACCESS_MODES
    return False


def _numbers(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.isdecimal()]
    except OSError:
        return []
