"""Files of a rosbag2 directory in their folder; what proves that a log may be deleted here."""
from collections.abc import Callable
import os
from pathlib import Path
from typing import Any
import zlib

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    AccessDenied,
    InvalidExtension,
    InvalidRequest,
    LocalFileNotFound,
    NotAllowed,
)
from flightlog_bucket.storage.local_file import Fingerprint
import pytest
from support.logs import METADATA, write_log

Connect = Callable[..., FlightLogBucket]

FOLDER = '20250727_143022_flight'


def write_bag_files(directory: Path, duration_s: float = 2.0) -> list[Path]:
    directory.mkdir()
    first = write_log(directory / 'flight_0.mcap', duration_s=duration_s)
    metadata = directory / 'metadata.yaml'
    metadata.write_text(METADATA)
    return [first, metadata]


def test_the_files_of_a_bag_go_into_its_folder(bucket: FlightLogBucket, tmp_path: Path) -> None:
    prefix = bucket.settings.machine_prefix
    for number, name in enumerate(('a', 'b'), 1):
        first, metadata = write_bag_files(tmp_path / name, float(number))
        stored = [bucket.upload(path, folder=FOLDER) for path in (first, metadata)]
        end = '' if number == 1 else '_2'
        assert stored[0].s3_key == f'{prefix}{FOLDER}/flight_0{end}.mcap'
        assert stored[1].s3_key == f'{prefix}{FOLDER}/metadata.yaml'
        assert [s.already_stored for s in stored] == [False, number == 2]
        assert stored[0].crc32 == zlib.crc32(first.read_bytes())
        assert stored[1].content_type == 'application/yaml'
    assert len(bucket.list_files(prefix=f'{FOLDER}/').files) == 3
    with pytest.raises(InvalidExtension):
        bucket.upload(metadata)


@pytest.mark.parametrize('folder', ['..', '.', 'a/b', '../drone-2', '.x', 'a\nb', 'a\\b'])
def test_a_folder_is_one_safe_segment(folder: str, bucket: FlightLogBucket, log: Path) -> None:
    with pytest.raises(InvalidRequest):
        bucket.upload(log, folder=folder)


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_holds(name: str, request: pytest.FixtureRequest, bucket: FlightLogBucket,
               tmp_path: Path) -> None:
    log = tmp_path / 'x.ulg'
    log.write_bytes(request.getfixturevalue(name).read_bytes())
    stored = bucket.upload(log)
    assert stored.etag
    assert bucket.holds(log, stored.s3_key) == Fingerprint.of(log.stat())
    then = log.stat().st_mtime_ns
    with open(log, 'r+b') as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b'?')
    os.utime(log, ns=(then, then))
    assert bucket.holds(log, stored.s3_key) is None
    with open(log, 'ab') as stream:
        stream.write(b'more')
    assert bucket.holds(log, stored.s3_key) is None
    assert bucket.holds(log, f'{bucket.settings.machine_prefix}not-there.ulg') is None
    log.unlink()
    with pytest.raises(LocalFileNotFound):
        bucket.holds(log, stored.s3_key)


def test_own_keys_only(bucket: FlightLogBucket, log: Path) -> None:
    with pytest.raises(AccessDenied):
        bucket.holds(log, 'flight_logs/another/x.ulg')
    with pytest.raises(AccessDenied):
        bucket.abort('flight_logs/another/x.ulg', 'id')


def test_an_abort_that_the_policy_forbids(bucket: FlightLogBucket, admin: Any) -> None:
    key = f'{bucket.settings.machine_prefix}x.ulg'
    upload_id = admin.create_multipart_upload(
        Bucket=bucket.settings.bucket_name, Key=key)['UploadId']
    with pytest.raises(NotAllowed):
        bucket.abort(key, upload_id)
