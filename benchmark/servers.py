"""The servers that the clients talk to, each a process of its own on loopback."""
import base64
from collections.abc import Sequence
from contextlib import suppress
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Optional, TypeVar
import uuid

from benchmark.cases import MIB
from benchmark.certificate import Certificate
from benchmark.files import are_same, crc32
from benchmark.sink.records import Record, Records
from benchmark.sink.requests import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from flightlog_bucket.sandbox import tied

BUCKET = 'flight-logs'
_START_TIMEOUT_S = 30.0
_LOOK_S = 0.02
_URL = re.compile(r'(https?://127\.0\.0\.1:\d+)[/\s]')
_ROOT = Path(__file__).resolve().parents[1]
_PART_BYTES = 8 * MIB


class ServerFailed(Exception):
    """A server that does not start, or does not hold what it was sent."""


Started = TypeVar('Started', bound='Process')


class Process:
    """
    A server that says where it listens.

    :param command: program and arguments
    :param log: file that gets what it says
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.url = ''

    def __enter__(self: 'Started') -> 'Started':
        with open(self._log, 'wb') as log:
            self._process = subprocess.Popen(
                tied.command(*self._command), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=_ROOT, start_new_session=True)
        try:
            self.url = self._wait_for_url(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and whatever it started."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait_for_url(self, process: 'subprocess.Popen[bytes]') -> str:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            if found := _URL.search(self._log.read_text(errors='replace')):
                return found.group(1)
            time.sleep(_LOOK_S)
        raise ServerFailed(f'{Path(self._command[0]).name} did not start:'
                           f' {self._log.read_text(errors="replace")[-500:]}')


class Sink(Process):
    """
    The sink.

    :param root: an existing directory, for its notes
    :param certificate: for TLS; None: without
    """

    def __init__(self, root: Path, certificate: Optional[Certificate]) -> None:
        self._notes = root / 'notes'
        self._notes.mkdir()
        tls = [str(certificate.certificate), str(certificate.key)] if certificate else []
        super().__init__([sys.executable, '-m', 'benchmark.sink', str(self._notes), *tls],
                         root / 'log')
        self._records = Records(self._notes)

    def place(self, key: str, path: Path) -> None:
        """Give it an object to download."""
        self._records.put(key, seed_record(path))

    def clear(self) -> None:
        """Forget what it was sent."""
        for key, record in self._records.all().items():
            if not record.path:
                self._records.remove(key)

    def take_upload(self, source: Path) -> None:
        """Check the size of the one object that it was sent."""
        sizes = {key: record.size for key, record in self._records.all().items()
                 if not record.path}
        wanted = source.stat().st_size
        if list(sizes.values()) != [wanted]:
            raise ServerFailed(f'the sink was sent {sizes}, and not one object of {wanted} bytes')


class Rclone(Process):
    """
    ``rclone serve s3`` on a directory.

    :param program: rclone
    :param root: an existing directory, on the file system of the files that are placed
    :param certificate: for TLS; None: without
    """

    def __init__(self, program: str, root: Path, certificate: Optional[Certificate]) -> None:
        self._bucket = root / 'buckets' / BUCKET
        self._bucket.mkdir(parents=True)
        tls = (['--cert', str(certificate.certificate), '--key', str(certificate.key)]
               if certificate else [])
        super().__init__(
            [program, 'serve', 's3', '--auth-key', f'{ACCESS_KEY_ID},{SECRET_ACCESS_KEY}',
             '--addr', '127.0.0.1:0', '--config', '', *tls, str(self._bucket.parent)],
            root / 'log')
        self._placed: set[Path] = set()

    def place(self, key: str, path: Path) -> None:
        """Give it an object to download; before it starts, as it remembers its directories."""
        target = self._bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
        self._placed.add(target)

    def clear(self) -> None:
        """Remove what it was sent."""
        for path in self._objects():
            path.unlink(missing_ok=True)

    def take_upload(self, source: Path) -> None:
        """Check the content of the one object that it was sent."""
        found = self._objects()
        if len(found) != 1 or not are_same(source, found[0]):
            raise ServerFailed(f'rclone was sent {len(found)} objects, and not one that is the'
                               ' file')

    def _objects(self) -> list[Path]:
        return [path for path in self._bucket.rglob('*')
                if path.is_file() and path not in self._placed]


def seed_record(path: Path) -> Record:
    """Return what S3 knows of a file that went up in parts, with a checksum of all of it."""
    size = path.stat().st_size
    return Record(
        size, f'{uuid.uuid4().hex}-{max(1, -(-size // _PART_BYTES))}',
        {'content-type': 'application/octet-stream'},
        {'x-amz-checksum-crc32': base64.b64encode(crc32(path).to_bytes(4, 'big')).decode(),
         'x-amz-checksum-type': 'FULL_OBJECT'}, str(path))
