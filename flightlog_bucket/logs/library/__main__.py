"""
The process that reads all of a log; ``child`` starts it.

It takes its limits before anything else, so that this file imports nothing but Python's own
modules at its top. Linux only, as ROS 2 robots are.
"""
import fcntl
import importlib
import json
import os
import resource
import select
import signal
import sys
from typing import Any, NoReturn

_OPEN_FILES = 64
_NICE = 10
_GRACE_S = 2  # between SIGXCPU and SIGKILL


def main() -> NoReturn:
    """Read the log that the command line names, and write what was found as JSON."""
    task = json.loads(sys.argv[1])
    _end_with_parent(sys.stdin.fileno())
    _step_back()
    _set_limits(task['limits'])
    answers = _take_stdout()
    sys.path[:] = task['sys_path']
    _write(answers, _answer(task))
    # Whatever the library still holds is given back faster by the kernel.
    os._exit(0)


def _end_with_parent(pipe: int) -> None:
    """
    Have the kernel kill this process when the other end of the pipe closes.

    PR_SET_PDEATHSIG would take the end of the thread that started this process for the parent's.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # it had closed before
        os._exit(1)


def _step_back() -> None:
    """Let every other process go first, and the kernel take this one when memory runs out."""
    os.nice(_NICE)
    os.umask(0o077)
    try:
        with open('/proc/self/oom_score_adj', 'w', encoding='ascii') as file:
            file.write('1000')
    except OSError:  # a container may not allow it
        pass


def _set_limits(limits: dict[str, Any]) -> None:
    _lower(resource.RLIMIT_DATA, limits['memory_bytes'])
    _lower(resource.RLIMIT_CPU, limits['cpu_s'], _GRACE_S)
    _lower(resource.RLIMIT_FSIZE, limits['file_bytes'])
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # With 0, a program that the kernel pipes cores to would still be started.
    # https://man7.org/linux/man-pages/man5/core.5.html
    _lower(resource.RLIMIT_CORE, 1)


def _lower(limit: int, value: int, grace: int = 0) -> None:
    """Set a limit, unless a lower one is set already."""
    hard = resource.getrlimit(limit)[1]
    ceiling = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
    resource.setrlimit(limit, (min(value, ceiling), ceiling))


def _take_stdout() -> int:
    """Return a file descriptor for the answer alone; what libraries print goes nowhere."""
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _answer(task: dict[str, Any]) -> bytes:
    from flightlog_bucket.logs.library import answer
    path = f'/proc/self/fd/{task["fd"]}'
    try:
        reader = importlib.import_module(task['module'])
    except MemoryError:
        return answer.OUT_OF_MEMORY
    except ImportError as error:
        return answer.of_import_error(error)
    try:
        found = reader.read(path, task['structure'])
    except MemoryError:
        return answer.OUT_OF_MEMORY
    # The libraries raise what they like for a log that they cannot read: AssertionError,
    # KeyError, struct.error, UnicodeDecodeError, and of Rust code what is no Exception even.
    except BaseException as error:
        return answer.of_error(error, path)
    return answer.of_reading(found)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data):]


if __name__ == '__main__':
    main()
