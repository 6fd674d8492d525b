"""Runs one client as a process, and measures it from outside."""
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path
import re
import select
import signal
import subprocess
import tempfile
import time
from typing import TextIO

_SHOWN_CHARACTERS = 400
_PATH = re.compile(r'(?<![\w:/])/[^\s\'":]+')


class ClientFailed(Exception):
    """A client that did not do what it was told; the text says what it said."""


@dataclass(frozen=True)
class Usage:
    """
    What a process took, from its start to its end, its own children included.

    :param wall_s: seconds
    :param cpu_s: seconds of all cores, user and system
    :param peak_bytes: the most memory that was resident at once; never less than this process
        has itself, as the system counts from before the program was loaded
    :param said: its standard output
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    said: str


def run(command: Sequence[str], environment: Mapping[str, str], directory: Path,
        timeout_s: float) -> Usage:
    """
    Run a program to its end.

    :param command: the program and its arguments
    :param environment: all of it
    :param directory: to work in
    :param timeout_s: after which it is killed
    :raises ClientFailed: if it fails, or takes too long
    """
    with tempfile.TemporaryFile('w+') as said, tempfile.TemporaryFile('w+') as complained:
        begin = time.monotonic()
        process = subprocess.Popen(command, env=dict(environment), cwd=directory,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=complained,
                                   start_new_session=True)
        try:
            is_over = _wait(process.pid, timeout_s)
            wall_s = time.monotonic() - begin
        finally:
            # Whatever it started as well; nothing is left of its group where it ended by itself.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if not is_over:
            raise ClientFailed(f'it was not ready within {timeout_s:.0f} s')
        if process.returncode:
            raise ClientFailed(f'it ended with {process.returncode}: {_end_of(complained)}')
        said.seek(0)
        return Usage(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said.read())


def _wait(pid: int, timeout_s: float) -> bool:
    """Wait until the process is over, without taking its status; tell whether it is."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))
    finally:
        os.close(descriptor)


def _end_of(stream: TextIO) -> str:
    stream.seek(0)
    lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
    # Where things are on this computer is nobody's business who reads the report.
    return _PATH.sub('...', ' '.join(lines[-1:]))[-_SHOWN_CHARACTERS:] or 'it said nothing'
