"""
One check of a log, as a program: ``python -m benchmark.check_process PATH WHAT``.

``WHAT`` is a level of ours, or ``peer``: what the library of the format does. On standard output,
as JSON: how long it took, the work of this process and of those that it started, and by how much
the memory grew above what was resident before.
"""
from collections.abc import Callable
import json
from pathlib import Path
import re
import resource
import sys
import time

_KIB = 1024


def main() -> None:
    """Do it."""
    path, what = Path(sys.argv[1]), sys.argv[2]
    check = _peer(path) if what == 'peer' else _ours(path, what)
    # From here on, the peak is that of the check.
    # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    Path('/proc/self/clear_refs').write_text('5')
    idle_bytes, cpu_s, begin = _peak_bytes(), _cpu_s(), time.monotonic()
    check()
    wall_s = time.monotonic() - begin
    print(json.dumps({'wall_s': wall_s, 'cpu_s': _cpu_s() - cpu_s, 'startup_cpu_s': cpu_s,
                      'idle_bytes': idle_bytes,
                      'peak_bytes': max(_peak_bytes(), _peak_bytes_of_children())}))


def _ours(path: Path, level: str) -> Callable[[], None]:
    from flightlog_bucket.logs import inspect

    def check() -> None:
        with open(path, 'rb') as stream:
            verdict = inspect(path.name, path, stream, level=level).verdict
        if verdict.outcome != 'valid' or (verdict.reason and level == 'full'):
            sys.exit(f'it is {verdict.outcome}: {verdict.reason}')
    return check


def _peer(path: Path) -> Callable[[], object]:
    """Import the library first, as ours is."""
    return {'.ulg': _pyulog, '.bag': _rosbags, '.mcap': _mcap, '.db3': _sqlite3,
            '.zstd': _zstandard}[path.suffix](path)


def _pyulog(path: Path) -> Callable[[], object]:
    from pyulog import ULog
    return lambda: ULog(str(path))


def _rosbags(path: Path) -> Callable[[], object]:
    from rosbags.rosbag1 import Reader
    return lambda: Reader(path).open()


def _mcap(path: Path) -> Callable[[], object]:
    from mcap.reader import make_reader

    def read() -> object:
        with open(path, 'rb') as stream:
            return make_reader(stream).get_summary()
    return read


def _sqlite3(path: Path) -> Callable[[], object]:
    import sqlite3

    def read() -> object:
        database = sqlite3.connect(f'file:{path}?mode=ro&immutable=1', uri=True)
        try:
            return database.execute('PRAGMA quick_check').fetchall()
        finally:
            database.close()
    return read


def _zstandard(path: Path) -> Callable[[], object]:
    import zstandard

    def read() -> None:
        with open(path, 'rb') as packed:
            stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
            while stream.read(_KIB * _KIB):
                pass
    return read


def _cpu_s() -> float:
    """Return the work of this process and of the children that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in (
        resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def _peak_bytes() -> int:
    found = re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())
    return int(found[1]) * _KIB if found else 0


def _peak_bytes_of_children() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIB


if __name__ == '__main__':
    main()
