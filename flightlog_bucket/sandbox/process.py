"""The sandbox as its user sees it: a context manager that keeps a process."""
from contextlib import suppress
from dataclasses import asdict
import json
import os
from pathlib import Path
import select
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, IO, Optional

import flightlog_bucket
from flightlog_bucket.sandbox.options import SandboxOptions

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 5.0
_MAX_REPORT_BYTES = 4096


class SandboxError(RuntimeError):
    """The sandbox did not start, or is gone."""


class Sandbox:
    """
    An S3 server with one bucket and its session-token service, on loopback, in a process.

    All that it holds is gone when it is stopped, and when the process that started it ends,
    however that ends. The arguments are those of ``SandboxOptions``.

    :raises SandboxError: from ``start`` and ``with``: what is missing, or which port is taken
    """

    def __init__(self, **options: Any) -> None:
        self.options = SandboxOptions(**options)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._report: Optional[IO[bytes]] = None
        self._facts: dict[str, str] = {}

    def __enter__(self) -> 'Sandbox':
        self.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f'Sandbox({self._facts.get("endpoint_url", "not running")})'

    @property
    def endpoint_url(self) -> str:
        """The URL of the S3 server (STS and IAM are there too)."""
        return self._facts['endpoint_url']

    @property
    def session_token_url(self) -> str:
        """The URL that gives a session token for a POST."""
        return self._facts['session_token_url']

    @property
    def bucket_name(self) -> str:
        """The bucket."""
        return self.options.bucket_name

    @property
    def region(self) -> str:
        """The region of the bucket."""
        return self.options.region

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        return self._running().pid

    def start(self) -> None:
        """Start the process and wait until it serves."""
        self._report = tempfile.TemporaryFile()  # noqa: SIM115 - stop() closes it
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'flightlog_bucket.sandbox.server'], env=_server_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._report,
            start_new_session=True)  # a Ctrl-C on the terminal is not for it
        try:
            self._facts = self._ask(asdict(self.options), _START_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process, if it runs, and forget all that it held."""
        process, self._process, self._facts = self._process, None, {}
        if process is not None:
            _end(process)
        if self._report is not None:
            self._report.close()

    def is_running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def end_tokens(self, code: str = 'ExpiredToken') -> None:
        """
        Make S3 refuse every session token issued so far.

        :param code: the error that S3 answers: ``ExpiredToken``, ``InvalidToken``,
            ``InvalidAccessKeyId`` or ``AccessDenied``
        """
        self._ask({'end_tokens': code}, _START_TIMEOUT_S)

    def admin_client(self, service: str = 's3') -> Any:
        """Return a boto3 client that may do everything; it is meant for tests."""
        import boto3
        from botocore.config import Config
        return boto3.client(
            service, region_name=self.region, endpoint_url=self.endpoint_url,
            aws_access_key_id=self._facts['admin_access_key_id'],
            aws_secret_access_key=self._facts['admin_secret_access_key'],
            config=Config(proxies={}, s3={'addressing_style': 'path'}))

    def node_parameters(self) -> dict[str, str]:
        """Return what the parameters of the node must be to use this sandbox."""
        return {
            'endpoint_url': self.endpoint_url,
            'session_token_url': self.session_token_url,
            'bucket_name': self.bucket_name,
            'region': self.region,
            'upload_prefix': self.options.upload_prefix,
            'robot_instance_id': self.options.robot_instance_id,
        }

    def _running(self) -> 'subprocess.Popen[bytes]':
        if self._process is None:
            raise SandboxError('the sandbox is not running')
        return self._process

    def _ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, str]:
        requests, answers = _pipes(self._running())
        try:
            requests.write(json.dumps(request).encode() + b'\n')
            requests.flush()
        except BrokenPipeError:
            raise SandboxError(f'the sandbox ended: {self._last_words()}') from None
        if not select.select([answers], [], [], timeout_s)[0]:
            raise SandboxError(f'the sandbox did not answer within {timeout_s:.0f} s')
        line = answers.readline()
        if not line:
            raise SandboxError(f'the sandbox ended: {self._last_words()}')
        answer: dict[str, str] = json.loads(line)
        if 'error' in answer:
            raise SandboxError(answer['error'])
        return answer

    def _last_words(self) -> str:
        if self._report is None:
            return 'it said nothing'
        size = self._report.seek(0, os.SEEK_END)
        self._report.seek(max(0, size - _MAX_REPORT_BYTES))
        return self._report.read().decode(errors='replace').strip() or 'it said nothing'


def package_environment() -> dict[str, str]:
    """Return this environment, so changed that a child finds this very package."""
    package_root = str(Path(flightlog_bucket.__file__).resolve().parent.parent)
    search = [package_root, *filter(None, [os.environ.get('PYTHONPATH')])]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(search)}


def _server_environment() -> dict[str, str]:
    """Return the environment less all that would bend boto3 or moto."""
    kept = {name: value for name, value in package_environment().items()
            if not name.startswith(('AWS_', 'MOTO_'))}
    return {**kept, 'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull,
            'AWS_EC2_METADATA_DISABLED': 'true'}


def _pipes(process: 'subprocess.Popen[bytes]') -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise SandboxError('the sandbox has no pipes')
    return process.stdin, process.stdout


def _end(process: 'subprocess.Popen[bytes]') -> None:
    requests, answers = _pipes(process)
    with suppress(BrokenPipeError):
        requests.close()  # the end of its input ends it
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        answers.close()
