"""
Checks logs in a process of its own, so that one that hangs, crashes or takes all memory is seen.

As a program, it reads jobs as JSON from standard input, and writes a line before and after each.
"""
from collections.abc import Iterable
from dataclasses import asdict
import json
import os
from pathlib import Path
import resource
import signal
import subprocess
import sys
import tempfile
from typing import Any

from support.checking import check, Checked

_GIB = 1024 ** 3
_CPU_S = 10
_TIMEOUT_S = 110.0


def check_all(paths: Iterable[Path], level: str = 'structure') -> dict[Path, Checked]:
    """
    Check logs, one after the other.

    :param paths: of files and rosbag2 directories
    :param level: how deep
    """
    lines = run('support.checking_process', {'paths': [str(p) for p in paths], 'level': level})
    return {Path(line['path']): Checked(**line['checked']) for line in lines}


def assert_within_bounds(paths: list[Path]) -> dict[Path, Checked]:
    """Check the structure of logs in a process of its own, and look at its time and memory."""
    found = check_all(paths)
    assert len(found) == len(paths)
    assert not {path.name: checked.complaints() for path, checked in found.items()
                if checked.complaints()}
    return found


def run(module: str, task: object, timeout_s: float = _TIMEOUT_S) -> list[dict[str, Any]]:
    """
    Run a module that reads a task from standard input, and writes JSON, a line for each result.

    :param module: its name
    :param task: is given to it as JSON
    :param timeout_s: after which it is killed
    :raises AssertionError: if it fails, with the last that it wrote to standard error
    """
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryDirectory() as directory:
        child = subprocess.run([sys.executable, '-m', module], text=True, capture_output=True,
                               input=json.dumps(task), timeout=timeout_s, cwd=directory,
                               env=environment, check=False)
    assert child.returncode == 0, (child.returncode, child.stderr[-2000:])
    return [json.loads(line) for line in child.stdout.splitlines()]


def limit(level: str) -> None:
    """Let this process get no more memory than a GiB; a full check has limits of its own."""
    if level != 'full':
        resource.setrlimit(resource.RLIMIT_AS, (_GIB, _GIB))


def watch() -> None:
    """Let this process be ended if it takes far longer for the next log than it may."""
    signal.setitimer(signal.ITIMER_PROF, _CPU_S)


def main() -> None:
    """Check the logs that standard input names."""
    task = json.load(sys.stdin)
    limit(task['level'])
    for path in task['paths']:
        # The last line before it ends says which one it was.
        print(f'checking {path}', file=sys.stderr, flush=True)
        watch()
        checked = check(Path(path), task['level'])
        print(json.dumps({'path': path, 'checked': asdict(checked)}), flush=True)


if __name__ == '__main__':
    main()
