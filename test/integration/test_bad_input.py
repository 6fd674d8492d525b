"""Files that cannot be stored: a clear error, and nothing in the bucket."""
from collections.abc import Callable, Iterator
import os
from pathlib import Path
import shutil
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    FileTooLarge,
    FlightlogError,
    FormatMismatch,
    InvalidExtension,
    InvalidRequest,
    LocalFileChanged,
    LocalFileNotFound,
    LocalFileUnreadable,
    ValidationFailed,
)
from flightlog_bucket.settings import MIB
import made_logs
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.logs import write_big_ulg
from support.nobody import as_nobody, needs_root, public_directory


@pytest.fixture(autouse=True)
def _nothing_is_stored(bucket: FlightLogBucket, admin: Any) -> Iterator[None]:
    yield
    where = {'Bucket': bucket.settings.bucket_name, 'Prefix': bucket.settings.machine_prefix}
    assert 'Contents' not in admin.list_objects_v2(**where)
    assert 'Uploads' not in admin.list_multipart_uploads(**where)


def test_missing(bucket: FlightLogBucket, tmp_path: Path) -> None:
    with failure(LocalFileNotFound, 404, 'File not found', str(tmp_path / 'x.ulg')):
        bucket.upload(tmp_path / 'x.ulg')


def test_below_a_file(bucket: FlightLogBucket, log: Path) -> None:
    with failure(LocalFileNotFound, 404, 'File not found', str(log / 'x.ulg')):
        bucket.upload(log / 'x.ulg')


def test_a_link_to_nothing(bucket: FlightLogBucket, tmp_path: Path) -> None:
    (tmp_path / 'x.ulg').symlink_to('nothing.ulg')
    with failure(LocalFileNotFound, 404, 'File not found'):
        bucket.upload(tmp_path / 'x.ulg')


@pytest.mark.parametrize('name', ['a\x00b.ulg', 'x' * 300 + '.ulg'])
def test_no_path_at_all(name: str, bucket: FlightLogBucket, tmp_path: Path) -> None:
    with pytest.raises(FlightlogError) as caught:
        bucket.upload(tmp_path / name)
    assert caught.value.status in (400, 404)


def test_directory(bucket: FlightLogBucket, tmp_path: Path) -> None:
    (tmp_path / 'x.ulg').mkdir()
    with failure(InvalidRequest, 400, 'is a directory', str(tmp_path / 'x.ulg')):
        bucket.upload(tmp_path / 'x.ulg')


def test_a_pipe_does_not_hang(bucket: FlightLogBucket, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'x.ulg')
    with failure(InvalidRequest, 400, 'is not a regular file', within_s=20):
        bucket.upload(tmp_path / 'x.ulg')


@needs_root
def test_unreadable(bucket: FlightLogBucket, log: Path) -> None:
    with public_directory() as directory:
        secret = directory / 'flight.ulg'
        shutil.copy(log, secret)
        secret.chmod(0o600)
        with as_nobody(), failure(LocalFileUnreadable, 403, 'no permission to read', str(secret)):
            bucket.upload(secret)


def test_empty(bucket: FlightLogBucket, tmp_path: Path) -> None:
    (tmp_path / 'x.ulg').touch()
    with failure(ValidationFailed, 400, 'File validation failed', 'is empty'):
        bucket.upload(tmp_path / 'x.ulg')


def test_too_large(connect: Callable[..., FlightLogBucket], log: Path) -> None:
    size = log.stat().st_size
    with failure(FileTooLarge, 413, 'File validation failed', f'has {size} bytes',
                 f'fewer than {size}'):
        connect(max_file_size_bytes=size).upload(log)
    bucket = connect(max_file_size_bytes=size + 1)
    bucket.delete(bucket.upload(log).s3_key)


@pytest.mark.parametrize('name', ['x.txt', 'ulg', '.ulg', 'x.ulg.bak', 'x', 'x.ulg '])
def test_wrong_extension(name: str, bucket: FlightLogBucket, log: Path) -> None:
    renamed = log.rename(log.with_name(name))
    with failure(InvalidExtension, 400, 'Invalid file extension', '.ulg', '.bag'):
        bucket.upload(renamed)


def test_an_extension_that_is_not_allowed_here(connect: Callable[..., FlightLogBucket],
                                               log: Path) -> None:
    with failure(InvalidExtension, 400, "Invalid file extension: 'flight.ulg'", '.bag'):
        connect(allowed_extensions=('.bag',)).upload(log)


@pytest.mark.parametrize('extension', ['ulg', 'bag', 'mcap', 'db3', 'mcap.zstd', 'db3.zstd'])
def test_wrong_content(extension: str, bucket: FlightLogBucket, tmp_path: Path) -> None:
    path = tmp_path / f'x.{extension}'
    path.write_bytes(b'these are no messages')
    with failure(FormatMismatch, 400, 'File validation failed', str(path),
                 'the content is not'):
        bucket.upload(path)


def test_the_name_that_the_object_gets_counts(bucket: FlightLogBucket, tmp_path: Path) -> None:
    path = tmp_path / 'x.bag'
    path.write_bytes(made_logs.bag())
    with failure(FormatMismatch, 400, 'File validation failed', "the name 'x.ulg' says ULog",
                 'the content is a ROS 1 bag', 'ends in .bag'):
        bucket.upload(path, custom_filename='x.ulg')


def _append(path: Path) -> None:
    with open(path, 'ab') as stream:
        stream.write(b'more')


def _shorten(path: Path) -> None:
    os.truncate(path, 64 * 1024)


def _write_over(path: Path) -> None:
    with open(path, 'r+b') as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b'z')
    os.utime(path)


@pytest.mark.parametrize('change', [_append, _shorten, _write_over])
@pytest.mark.parametrize(('size', 'kind'), [(15 * MIB, ''), (17 * MIB, 'uploadId')],
                         ids=['put', 'multipart'])
def test_changed_while_it_is_read(change: Callable[[Path], None], size: int, kind: str,
                                  connect: Callable[..., FlightLogBucket], proxy: FaultProxy,
                                  session_of_role: Callable[..., Any], tmp_path: Path) -> None:
    path = write_big_ulg(tmp_path / 'x.ulg', size)
    os.utime(path, (0, 0))

    def on_the_way(offset: int, block: bytes) -> bytes:
        change(path)
        return block

    # More than the sockets hold is still to be read when the first block arrives.
    proxy.fail(Tap(request=on_the_way), method='PUT', kind=kind)
    bucket = connect(endpoint_url=proxy.url, session_token_url=session_of_role('s3:*').url)
    with failure(LocalFileChanged, 409, str(path), 'while it was read'):
        bucket.upload(path)
