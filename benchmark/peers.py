"""The clients that are measured beside each other, and how each is run."""
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
import json
from pathlib import Path
import shutil
import subprocess
import sys

from benchmark.cases import MIB
from benchmark.clients.measured import Job
from benchmark.summary import BASELINE

_TIMEOUT_S = 60.0
_VERSION = ('import importlib.metadata as m; import {module};'
            ' print(", ".join("%s %s" % (p, m.version(p)) for p in {packages!r}))')


@dataclass(frozen=True)
class Peer:
    """
    One client.

    :param name: in the report and in ``--only``
    :param command: what runs a job
    :param version_command: what says its version, and fails where it is missing
    :param is_tool: it is a program that does not tell when it is ready; what it takes for a file
        of one byte then counts as its start-up
    :param remarks: what a reader has to know to compare it
    """

    name: str
    command: Callable[[Job], list[str]]
    version_command: tuple[str, ...]
    is_tool: bool
    remarks: str

    def version(self) -> str:
        """
        Return its version; empty where it is missing.

        It runs in an environment that this does not share, so that it is asked, not imported.
        """
        try:
            ran = subprocess.run(self.version_command, stdin=subprocess.DEVNULL, text=True,
                                 capture_output=True, timeout=_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            return ''
        if ran.returncode:
            return ''
        # Some go on with what the computer is.
        return (ran.stdout or ran.stderr).strip().splitlines()[0].partition(' Python/')[0]


def all_peers(native_environment: Path, concurrency: int) -> list[Peer]:
    """
    Return every client there is, whether it is installed or not.

    :param native_environment: the virtual environment of awscrt and obstore, the presence of
        which changes what boto3 does
    :param concurrency: of requests, for the remarks
    """
    native = native_environment / 'bin' / 'python'
    here = Path(sys.executable)
    at_once = f'8 MiB × {concurrency}'
    return [
        _library('ours', here, 'ours', 'boto3', ['boto3', 'botocore', 'urllib3'],
                 f'`FlightLogBucket` at {at_once} (4 is its default). Upload: CRC-32 of every part'
                 ' and of the whole, which the server must prove; over HTTP SHA-256 as well.'
                 ' Download: one stream, the whole checked by CRC-32 or MD5, `fsync`'),
        _library(BASELINE, here, 'boto3_transfer', 'boto3', ['boto3', 's3transfer'],
                 '`upload_file` and `download_file` with their defaults, 8 MiB × 10. Upload:'
                 ' CRC-32 of every part; over HTTP SHA-256 as well. Download: ranges, unchecked'),
        _library('boto3-same', here, 'boto3_transfer', 'boto3', ['boto3', 's3transfer'],
                 f'the same at {at_once}', 'same'),
        Peer('aws', _aws_command, (_program('aws'), '--version'), True,
             '`aws s3 cp` with its defaults, 8 MiB × 10; checks as boto3'),
        Peer('rclone', _rclone_command, (_program('rclone'), 'version'), True,
             f'`rclone copyto` at {at_once}. Upload: MD5 of the whole and of every part. Download:'
             f' {concurrency} streams of files that are larger than 256 MiB; MD5 where the server'
             ' tells it'),
        _library('obstore', native, 'obstore_transfer', 'obstore', ['obstore'],
                 f'`put` and `get` at {at_once}. Upload: SHA-256 of every part, no other checksum.'
                 ' Download: one stream, unchecked'),
        _library('awscrt', native, 'awscrt_transfer', 'awscrt', ['awscrt', 's3transfer'],
                 'by the CRT manager of s3transfer; 8 MiB, it chooses its own concurrency. Upload:'
                 ' CRC-32 of every part, never SHA-256; it does not understand how rclone answers'
                 ' to the beginning of an upload in parts. Download: ranges'),
    ]


def _library(name: str, python: Path, module: str, imports: str, packages: Sequence[str],
             remarks: str, *arguments: str) -> Peer:
    def command(job: Job) -> list[str]:
        return [str(python), '-m', f'benchmark.clients.{module}', json.dumps(asdict(job)),
                *arguments]

    code = _VERSION.format(module=imports, packages=list(packages))
    return Peer(name, command, (str(python), '-c', code), False, remarks)


def _program(name: str) -> str:
    """Return the path of a program of this environment; where it has none, one that fails."""
    directory = Path(sys.executable).parent
    return shutil.which(name, path=str(directory)) or str(directory / name)


def rclone_program() -> str:
    """Return the path of rclone, client and server."""
    return _program('rclone')


def _aws_command(job: Job) -> list[str]:
    remote = f's3://{job.bucket}/{job.key}'
    ends = [job.path, remote] if job.is_upload else [remote, job.path]
    return [_program('aws'), 's3', 'cp', *ends, '--endpoint-url', job.endpoint_url,
            '--only-show-errors']


def _rclone_command(job: Job) -> list[str]:
    remote = f'bench:{job.bucket}/{job.key}'
    ends = [job.path, remote] if job.is_upload else [remote, job.path]
    return [rclone_program(), 'copyto', *ends, '--config', '',
            '--s3-chunk-size', f'{job.part_size_bytes // MIB}Mi',
            '--s3-upload-cutoff', f'{2 * job.part_size_bytes // MIB}Mi',
            '--s3-upload-concurrency', str(job.concurrency),
            '--multi-thread-streams', str(job.concurrency),
            *(['--ca-cert', job.ca_file] if job.ca_file else [])]


def environment(job: Job, root: Path, home: Path, access_key: tuple[str, str], *,
                is_plain: bool) -> dict[str, str]:
    """
    Return the environment that a client runs in: nothing of whoever runs the benchmark.

    :param job: that it does
    :param root: of the checkout
    :param home: an empty directory
    :param access_key: the access key and its secret
    :param is_plain: the server refuses checksums that come after the content
    """
    variables = {
        'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': str(home), 'LC_ALL': 'C.UTF-8',
        'PYTHONPATH': str(root), 'TMPDIR': str(home),
        'AWS_ACCESS_KEY_ID': access_key[0], 'AWS_SECRET_ACCESS_KEY': access_key[1],
        'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_EC2_METADATA_DISABLED': 'true',
        'RCLONE_CONFIG_BENCH_TYPE': 's3', 'RCLONE_CONFIG_BENCH_PROVIDER': 'Other',
        'RCLONE_CONFIG_BENCH_ENV_AUTH': 'true', 'RCLONE_CONFIG_BENCH_REGION': 'us-east-1',
        'RCLONE_CONFIG_BENCH_ENDPOINT': job.endpoint_url,
    }
    if job.ca_file:
        variables['AWS_CA_BUNDLE'] = job.ca_file
    if is_plain:
        variables['AWS_REQUEST_CHECKSUM_CALCULATION'] = 'when_required'
    return variables
