"""The processes that a process has started, and the files that it holds open."""
from collections import Counter
import os
from pathlib import Path


def children_of(pid: int) -> set[int]:
    """Return the processes that a process has started and not yet reaped."""
    found = set()
    for directory in Path('/proc').glob('[0-9]*'):
        try:
            fields = (directory / 'stat').read_text().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.add(int(directory.name))
    return found


class OwnChildren:
    """The processes that this one has started since; not e.g. the servers of other tests."""

    def __init__(self) -> None:
        self._others = children_of(os.getpid())

    def now(self) -> set[int]:
        """Return those that are not reaped yet."""
        return children_of(os.getpid()) - self._others


def is_running(pid: int) -> bool:
    """Tell whether there is such a process, and it is no zombie."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def nothing_more_open(before: list[str]) -> bool:
    """
    Tell whether this process holds no more open than it did.

    Less is no leak: a server of an earlier test may have closed its last connection meanwhile.
    """
    return not Counter(open_files()) - Counter(before)


def open_files() -> list[str]:
    """Return what this process holds open."""
    held = []
    for fd in os.listdir('/proc/self/fd'):
        try:
            held.append(os.readlink(f'/proc/self/fd/{fd}'))
        except FileNotFoundError:  # that of the listing itself
            continue
    return sorted(held)
