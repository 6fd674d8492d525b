"""Other processes: what they take, and how to hold them still."""
from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import signal

from support.expect import wait_until


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that the process has used, in user mode and in the kernel."""
    fields = _stat(Path(f'/proc/{pid}'))
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def resident_bytes(pid: int, name: str = 'VmRSS') -> int:
    """
    Return the memory of a process that is in RAM.

    :param name: ``VmRSS``: now; ``VmHWM``: the most so far
    """
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{name}:'))


@contextmanager
def held_still(pid: int) -> Iterator[None]:
    """Stop all threads of the process for a while; what it has written so far can be copied."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: _are_stopped(Path(f'/proc/{pid}/task')))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _are_stopped(tasks: Path) -> bool:
    try:
        return all(_stat(task)[0] == 'T' for task in tasks.iterdir())
    except (FileNotFoundError, ProcessLookupError):  # a thread has ended while they were listed
        return False


def _stat(directory: Path) -> list[str]:
    """Return the fields behind the name, which itself may have spaces."""
    return (directory / 'stat').read_text().rpartition(')')[2].split()
