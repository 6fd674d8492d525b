"""The command ``flightlog`` as its user meets it: with pipes, or in a pseudo-terminal."""
from collections.abc import Mapping, Sequence
import fcntl
import os
from pathlib import Path
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from typing import Any, Optional

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.process import package_environment
from flightlog_bucket.srv import Upload
from in_process import run_here, wait_until_forgotten
from ros_client import RosClient

WAIT_S = 60.0
KNOWN = {'FLIGHTLOG_NODE': '/flightlog_bucket'}
"""So that a command need not wait for whether there is another node."""
PREFIX = 'flight_logs/'
_OVER_ROS = ('upload', 'list', 'download', 'delete', 'info', 'queue', 'retry', 'pause', 'resume',
             'watch')
_PROGRAM = 'import sys; from flightlog_bucket.cli.main import main; sys.exit(main())'
_IN_TERMINAL = ('import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);'
                'os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])')
_ESCAPES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]')


def begin(*arguments: object, environment: Optional[Mapping[str, str]] = None, code: str = '',
          **options: Any) -> 'subprocess.Popen[str]':
    """Start the command with pipes; ``code`` runs before it."""
    return subprocess.Popen(
        [sys.executable, '-c', f'{code}\n{_PROGRAM}', *_texts(arguments)], text=True,
        env={**package_environment(), **KNOWN, **(environment or {})},
        **{'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE,
           **options})


def run(*arguments: object, cwd: Optional[Path] = None, **options: Any) -> tuple[int, str, str]:
    """
    Run the command with pipes; return its exit code, its output and its complaints.

    It runs in this process where nothing else is asked for by options, as it is faster.
    """
    if not options:
        return run_here(_texts(arguments), KNOWN, cwd)
    with begin(*arguments, cwd=cwd, **options) as command:
        out, err = command.communicate(timeout=WAIT_S)
    return command.returncode, out, err


def parameters_of_own(parameters: Mapping[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has; the next node is the only one."""
    wait_until_forgotten(KNOWN['FLIGHTLOG_NODE'])
    name = ''.join(c if c.isalnum() else '-' for c in tmp_path.name)
    return {**parameters, 'robot_instance_id': name}


def folder_of(parameters: Mapping[str, Any]) -> str:
    """Return the folder of a robot in the bucket."""
    return f'{PREFIX}{parameters["robot_instance_id"]}/'


def stored(ros: RosClient, path: Path) -> str:
    """Store a log without the command; return its key."""
    answer = ros.call(Upload, file_path=str(path))
    assert answer.success, answer.error
    return str(answer.s3_key)


def objects(sandbox: Sandbox, folder: str) -> list[str]:
    """Return the keys in a folder."""
    page = sandbox.admin_client().list_objects_v2(Bucket=sandbox.bucket_name, Prefix=folder)
    return [one['Key'] for one in page.get('Contents', ())]


def uploads_in_parts(sandbox: Sandbox, folder: str) -> list[str]:
    """Return the keys of the multipart uploads that were begun, and not ended, in a folder."""
    page = sandbox.admin_client().list_multipart_uploads(
        Bucket=sandbox.bucket_name, Prefix=folder)
    return [one['Key'] for one in page.get('Uploads', ())]


class Terminal:
    """
    The command in a pseudo-terminal of its own; it is ended with the ``with``.

    :param arguments: of the command
    :param columns: how wide the terminal is
    :param environment: besides that of the tests
    :param directory: where it is started
    """

    def __init__(self, *arguments: object, columns: int = 100,
                 environment: Optional[Mapping[str, str]] = None,
                 directory: Optional[Path] = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 30, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, '-c', _IN_TERMINAL, _PROGRAM, *_texts(arguments)],
            stdin=slave, stdout=slave, stderr=slave, cwd=directory, start_new_session=True,
            env={**_plain(package_environment()), **KNOWN, 'TERM': 'xterm-256color',
                 **(environment or {})})
        os.close(slave)
        self._changed = threading.Condition()
        self._raw = b''
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> 'Terminal':
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(WAIT_S)
        os.close(self._master)

    @property
    def raw(self) -> str:
        """All that came to the terminal."""
        with self._changed:
            return self._raw.decode('utf-8', 'replace')

    @property
    def text(self) -> str:
        """The same without what moves the cursor or colours; what is drawn anew is a line."""
        return _ESCAPES.sub('', self.raw).replace('\r\n', '\n').replace('\r', '\n')

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_for(self, words: str, within_s: float = WAIT_S) -> None:
        """Wait until these words were shown."""
        with self._changed:
            self._changed.wait_for(
                lambda: words in self.text or self._has_ended, within_s)
        assert words in self.text, self.text

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._master, text.encode())

    def wait(self) -> int:
        """Wait for the end of the command; return its exit code."""
        code = self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # the other end is closed
                data = b''
            with self._changed:
                self._raw += data
                self._has_ended = not data
                self._changed.notify_all()
            if not data:
                return


def _texts(arguments: Sequence[object]) -> list[str]:
    texts = [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments]
    # A busy computer finds a node late.
    is_patient = bool(texts) and texts[0] in _OVER_ROS and '--timeout' not in texts
    return [*texts, '--timeout', str(WAIT_S / 2)] if is_patient else texts


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items()
            if name not in ('NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE', 'COLUMNS', 'LINES')}
