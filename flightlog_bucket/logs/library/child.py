"""
A process that reads all of a log, with limits.

What the libraries of the formats do with a damaged log is not in their hands: they may take
memory without end, never come back, or crash. So they run in a process that is ended when it
takes too much. That, or a crash, is no verdict on the log: a larger computer or another version
of the library may well read it, and a log is refused only for damage that was seen.
"""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
import json
import logging
import os
from pathlib import Path
import select
import signal
import sys
import threading
import time
from typing import Optional, TYPE_CHECKING

import flightlog_bucket
from flightlog_bucket.errors import Cancelled
from flightlog_bucket.logs.library import answer
from flightlog_bucket.logs.library.limits import Limits, limits_for
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import LogReader

if TYPE_CHECKING:
    import subprocess

_log = logging.getLogger(__name__)

READERS = {storage: f'flightlog_bucket.logs.library.{module}' for storage, module in (
    ('ulog', 'ulog'), ('rosbag1', 'rosbag1'), ('mcap', 'mcap'), ('sqlite3', 'sqlite3_bag'),
    ('mcap.zstd', 'zstd'), ('sqlite3.zstd', 'zstd'))}
"""The modules that read a format: ``read(path, structure) -> Reading``."""

_LOOK_EVERY_S = 0.1  # for the caller's wish to stop
_LAST_WORD_S = 10.0  # from its last word to its end: it is nice, and others may be busy
_REAP_S = 2.0
_BLOCK_BYTES = 65536
_MIB = 1024 * 1024

# Memory and processor are shared with what flies the robot, and one log is read at a time.
_turn = threading.Semaphore(1)

# Neither credentials nor what bends Python is of use to the process. One thread for numpy: each
# more would cost memory of its own.
_KEPT = ('PATH', 'LD_LIBRARY_PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR')
_SET = {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}


@dataclass(frozen=True)
class _Ended:
    """
    How the process ended.

    :param output: what it wrote
    :param exit_code: the negative number of a signal if one ended it
    """

    output: bytes
    exit_code: Optional[int]


class _Unfinished(Exception):
    """The process was given up; says why."""


def read_whole(storage: str, log: LogReader, structure: str,
               cancel: Optional[threading.Event] = None, *,
               readers: Mapping[str, str] = READERS,
               limits: Optional[Limits] = None) -> Reading:
    """
    Read all of a log.

    A format without a reader has the outcome of its structure, as has a log that the limits do
    not allow to read to its end; then the reason says so.

    :param storage: the name of its format, e.g. ``mcap``
    :param log: reads it; its stream has a ``fileno()``
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    :param cancel: once set, the process is ended
    :param readers: the module that reads a format, by its name
    :param limits: of the process; None: by the size of the log
    :raises Cancelled: if it was
    :raises ConfigurationError: if the library of the format is not installed
    :raises LocalFileChanged: if the log became shorter
    :raises OSError: if the disk does not give the log
    """
    if storage not in readers:
        return Reading(structure)
    cancel = cancel or threading.Event()
    limits = limits or limits_for(storage, log.size)
    try:
        with _one_at_a_time(cancel, log.path):
            ended = _run(log.stream.fileno(), readers[storage], structure, cancel, limits)
    except _Unfinished as error:
        return answer.unfinished(structure, str(error))
    try:
        return answer.parse(ended.output, structure, _what_limits_say(limits))
    except answer.NoAnswer:
        return answer.unfinished(structure, _how_it_ended(ended.exit_code, limits))


@contextmanager
def _one_at_a_time(cancel: threading.Event, path: Path) -> Iterator[None]:
    _check(cancel)
    if not _turn.acquire(blocking=False):
        _log.info('%r waits: another log is read whole', os.fspath(path))
        while not _turn.acquire(timeout=_LOOK_EVERY_S):
            _check(cancel)
    try:
        yield
    finally:
        _turn.release()


def _check(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Cancelled('the check of the log was stopped')


def _run(fd: int, module: str, structure: str, cancel: threading.Event,
         limits: Limits) -> _Ended:
    task = {'fd': fd, 'module': module, 'structure': structure, 'limits': asdict(limits),
            'sys_path': _search_path()}
    process = _start(json.dumps(task), fd)
    try:
        return _wait(process, cancel, limits.wall_s)
    finally:
        _end(process)


def _start(task: str, fd: int) -> 'subprocess.Popen[bytes]':
    # Only a full check needs it, and a short command line tool starts faster without.
    import subprocess
    try:
        # Isolated: neither the working directory nor the environment has a say in what is
        # imported. That stdin closes tells the process that this one has ended.
        return subprocess.Popen(
            [sys.executable, '-I', '-S', '-B', str(Path(__file__).with_name('__main__.py')), task],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=(fd,), env=_environment(), cwd='/', start_new_session=True)
    except OSError as error:
        raise _Unfinished(f'its process cannot be started ({error.strerror})') from error


def _wait(process: 'subprocess.Popen[bytes]', cancel: threading.Event, wall_s: float) -> _Ended:
    from subprocess import TimeoutExpired
    output = _output(process, cancel, time.monotonic() + wall_s, wall_s)
    end_s = time.monotonic() + _LAST_WORD_S
    while process.poll() is None and time.monotonic() < end_s:
        _check(cancel)
        with suppress(TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
    return _Ended(output, process.returncode)


def _output(process: 'subprocess.Popen[bytes]', cancel: threading.Event, end_s: float,
            wall_s: float) -> bytes:
    assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
    fd, output, poll = process.stdout.fileno(), bytearray(), select.poll()
    poll.register(fd, select.POLLIN)
    while len(output) <= answer.MAX_BYTES:
        _check(cancel)
        if time.monotonic() > end_s:
            raise _Unfinished(f'it takes more than {wall_s:.0f} s')
        if poll.poll(_LOOK_EVERY_S * 1000):
            block = os.read(fd, _BLOCK_BYTES)
            if not block:
                return bytes(output)
            output += block
    raise _Unfinished('what it found is too long')


def _end(process: 'subprocess.Popen[bytes]') -> None:
    from subprocess import TimeoutExpired
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    # A process that hangs in a dead disk ends later; subprocess reaps it when it starts another.
    with suppress(TimeoutExpired):
        process.wait(_REAP_S)


def _search_path() -> list[str]:
    """Return where this process imports from, without its working directory."""
    path = [entry for entry in sys.path if os.path.isabs(entry)]
    with suppress(FileNotFoundError):  # a working directory can be gone
        if path and path[0] == sys.path[0] == os.getcwd():  # of "python -m"
            del path[0]
    package_root = str(Path(os.path.abspath(flightlog_bucket.__file__)).parent.parent)
    return path if package_root in path else [*path, package_root]


def _environment() -> dict[str, str]:
    return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, **_SET}


def _what_limits_say(limits: Limits) -> dict[str, str]:
    return {'memory': f'it needs more than {limits.memory_bytes // _MIB} MiB of memory',
            'file': f'it needs more than {limits.file_bytes // _MIB} MiB of disk space',
            'open files': 'it needs too many open files'}


def _how_it_ended(exit_code: Optional[int], limits: Limits) -> str:
    if exit_code is None or exit_code >= 0:
        return f'its process gave no answer (exit code {exit_code})'
    if exit_code == -signal.SIGXCPU:
        return f'it needs more than {limits.cpu_s} s of processor time'
    if exit_code == -signal.SIGKILL:
        return 'the system ended its process, as it does when memory runs out'
    return f'its process crashed ({signal.strsignal(-exit_code)})'
