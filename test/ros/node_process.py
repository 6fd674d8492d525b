"""The node as its user sees it: a process with parameters, a log and an exit code."""
from collections.abc import Mapping, Sequence
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Optional

WAIT_S = 30.0
SERVING = 'serving: '
MODULE = ('-m', 'flightlog_bucket.ros.main')


class NodeProcess:
    """
    One node.

    :param directory: for its parameter file, its log files, and as its home
    :param parameters: of the node
    :param environment: on top of that of the tests
    :param arguments: more of the command line, ahead of ``--ros-args``
    :param ros_arguments: more of it, behind
    :param program: of the Python interpreter
    """

    def __init__(self, directory: Path, parameters: Mapping[str, Any], *,
                 environment: Optional[Mapping[str, str]] = None, arguments: Sequence[str] = (),
                 ros_arguments: Sequence[str] = (), program: Sequence[str] = MODULE) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / 'parameters.yaml'
        content = json.dumps({'/**': {'ros__parameters': dict(parameters)}})
        file.write_text(content.replace('NaN', '.nan'))  # JSON is YAML, but for this
        given = ('--params-file', str(file)) if parameters else ()
        self.began_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, *program, *arguments, '--ros-args', *given, *ros_arguments],
            cwd=directory, env=_environment(directory, environment or {}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        with self._changed:
            return '\n'.join(self._lines)

    def is_running(self) -> bool:
        """Tell whether it is alive."""
        return self._process.poll() is None

    def wait_for(self, words: str, count: int = 1) -> None:
        """Wait until that many lines of its log hold these words."""
        def is_there() -> bool:
            return sum(words in line for line in self._lines) >= count or self._has_ended
        with self._changed:
            in_time = self._changed.wait_for(is_there, WAIT_S)
            lines = list(self._lines)
        assert in_time, (words, lines)
        assert sum(words in line for line in lines) >= count, (words, lines)

    def serving(self) -> 'NodeProcess':
        """Wait until it serves."""
        self.wait_for(SERVING)
        return self

    def age_s(self) -> float:
        """Return how long it has run, without the time in which other processes had the CPU."""
        ran_s = time.monotonic() - self.began_s
        waited_ns = int(Path(f'/proc/{self.pid}/schedstat').read_text().split()[1])
        return ran_s - waited_ns / 1e9

    def wait_for_handlers(self) -> None:
        """Wait until its own signal handlers are installed, SIGTERM's being the last."""
        deadline_s = time.monotonic() + WAIT_S
        while not _catches(self.pid, signal.SIGTERM):
            assert time.monotonic() < deadline_s
            time.sleep(0.0005)

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Wait for its end and return the exit code."""
        code = self._process.wait(timeout_s)
        self._reader.join(WAIT_S)
        return code

    def stop(self) -> None:
        """End it, if it runs, by force if need be."""
        if self.is_running():
            self.send(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(WAIT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.decode('utf-8', 'replace').rstrip('\n'))
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


def _environment(directory: Path, more: Mapping[str, str]) -> dict[str, str]:
    # An installed node has its byte code, so this one keeps it as well.
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('AWS_', 'ROBOT_', 'RCUTILS_', 'ROS_LOG_DIR', 'ROS_HOME',
                                    'PYTHONDONTWRITEBYTECODE'))}
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, kept.get('PYTHONPATH', '')]))
    whole = {**kept, 'PYTHONPATH': path, 'HOME': str(directory), 'PYTHONUNBUFFERED': '1',
             'RCUTILS_COLORIZED_OUTPUT': '0', **more}
    return {name: value for name, value in whole.items() if value is not None}


def _catches(pid: int, number: int) -> bool:
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except FileNotFoundError:
        return False
    caught = next((line.split()[1] for line in status.splitlines()
                   if line.startswith('SigCgt:')), '0')
    return bool(int(caught, 16) >> (number - 1) & 1)
