"""
How much a process that reads all of a log may take.

A library may take memory in proportion to the file (pyulog holds all of it), and what a file
claims may make it take any amount. The limits leave room for every log of a flight on a computer
that is large enough; where they are hit, the log is not the worse for it.
"""
from dataclasses import dataclass
import os

_MIB = 1024 * 1024

BASE_MEMORY_BYTES = 512 * _MIB
"""The interpreter and the libraries take about 60 MiB, a chunk with its messages the most."""
MEMORY_PER_FILE_BYTE = 3
"""pyulog holds the file once, and its messages as arrays beside it."""
MEMORY_SHARE = 0.25
"""Of the computer's RAM; the rest is for what flies it."""

BASE_CPU_S = 60
CPU_S_PER_MIB = 1
"""The libraries read 10 to 50 MiB in a second on a desk computer, a tenth on a small one."""
WALL_PER_CPU = 4
"""How much longer than the processor's work it may take: the disk is slow, others go first."""

MAX_UNPACKED_BYTES = 4096 * _MIB
"""Of a compressed log, which is unpacked into a temporary file to be read."""
FREE_DISK_SHARE = 0.25
_UNPACKED = frozenset(('mcap.zstd', 'sqlite3.zstd'))


@dataclass(frozen=True)
class Limits:
    """
    What a process may take.

    :param memory_bytes: of its own data (``RLIMIT_DATA``): heap and private mappings; what a
        library merely maps, such as code and the log itself, does not count
    :param cpu_s: seconds of processor time
    :param wall_s: seconds from its start to its end
    :param file_bytes: size of a temporary file; 0: it writes none
    """

    memory_bytes: int
    cpu_s: int
    wall_s: float
    file_bytes: int


def limits_for(storage: str, size_bytes: int) -> Limits:
    """
    Return the limits for reading a log.

    :param storage: the name of its format, e.g. ``mcap``
    :param size_bytes: of the log
    """
    memory_bytes = min(BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * size_bytes,
                       int(MEMORY_SHARE * _ram_bytes()))
    cpu_s = BASE_CPU_S + CPU_S_PER_MIB * (size_bytes // _MIB)
    return Limits(memory_bytes, cpu_s, float(WALL_PER_CPU * cpu_s),
                  _unpacked_bytes() if storage in _UNPACKED else 0)


def _ram_bytes() -> int:
    return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')


def _unpacked_bytes() -> int:
    import tempfile  # it takes milliseconds that a command line tool has not
    try:
        disk = os.statvfs(tempfile.gettempdir())
    except OSError:
        return 0
    return min(MAX_UNPACKED_BYTES, int(FREE_DISK_SHARE * disk.f_bavail * disk.f_frsize))
