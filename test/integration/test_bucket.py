"""Upload, list, download and delete on an S3 server."""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import ObjectNotFound
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import Delay
from support.logs import write_dated_log
from support.objects import objects


def same_clock(directory: Path, count: int) -> list[Path]:
    """Write logs of one name and start whose contents differ."""
    paths = []
    for index in range(count):
        (directory / str(index)).mkdir()
        paths.append(write_dated_log(directory / str(index) / 'flight.ulg',
                                     duration_s=2.0 + index))
    return paths


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment and return their results."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result(60) for f in [pool.submit(run, call) for call in calls]]


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_there_and_back(name: str, request: pytest.FixtureRequest, bucket: FlightLogBucket,
                        admin: Any, tmp_path: Path) -> None:
    path: Path = request.getfixturevalue(name)
    stored = bucket.upload(path)
    assert not stored.already_stored
    assert stored.file_size == path.stat().st_size
    assert stored.s3_key.startswith(bucket.settings.machine_prefix)
    assert stored.s3_key.endswith(f'_{path.name}')

    [found] = bucket.list_files().files
    assert (found.key, found.size, found.url) == (
        stored.s3_key, stored.file_size, stored.file_url)
    assert found.last_modified.utcoffset().total_seconds() == 0

    got = bucket.download(stored.s3_key, tmp_path / 'back.ulg')
    assert (got.local_path, got.file_size) == (tmp_path / 'back.ulg', stored.file_size)
    assert got.local_path.read_bytes() == path.read_bytes()

    bucket.delete(stored.s3_key)
    assert objects(admin, bucket) == {}
    assert path.exists()


def test_the_key_says_machine_start_and_name(bucket: FlightLogBucket, machine: str,
                                             log: Path) -> None:
    assert bucket.upload(log).s3_key == f'flight_logs/{machine}/20250727_143022_flight.ulg'


def test_metadata(bucket: FlightLogBucket, admin: Any, log: Path, machine: str) -> None:
    stored = bucket.upload(log)
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)
    assert head['ContentType'] == stored.content_type == 'application/x-ulog'
    found = head['Metadata']
    assert json.loads(found.pop('log-description'))['start'] == '2025-07-27T14:30:22.000000Z'
    assert found == {'original-filename': 'flight.ulg', 'machine-id': machine,
                     'log-format': 'ulog', 'log-verdict': 'valid'}


def test_metadata_of_a_log_that_went_up_in_parts(bucket: FlightLogBucket, admin: Any,
                                                 big_log: Path, machine: str) -> None:
    stored = bucket.upload(big_log)
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)
    assert head['ContentType'] == 'application/x-ulog'
    found = head['Metadata']
    assert json.loads(found.pop('log-description'))['storage'] == 'ulog'
    assert found == {'original-filename': 'big.ulg', 'machine-id': machine,
                     'part-size': '5242880', 'log-format': 'ulog', 'log-verdict': 'valid'}


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_server_side_encryption(name: str, request: pytest.FixtureRequest,
                                connect: Callable[..., FlightLogBucket], admin: Any) -> None:
    path: Path = request.getfixturevalue(name)
    kms = admin_kms_key()
    bucket = connect(server_side_encryption='aws:kms', sse_kms_key_id=kms)
    stored = bucket.upload(path)
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)
    assert (head['ServerSideEncryption'], head['SSEKMSKeyId']) == ('aws:kms', kms)
    # Its ETag says nothing of its content, so that the checksum must.
    assert bucket.upload(path).already_stored


def admin_kms_key() -> str:
    """Return the ARN of a key; moto does not look for it."""
    return 'arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012'


def test_server_side_encryption_with_the_key_of_s3(
        connect: Callable[..., FlightLogBucket], admin: Any, log: Path) -> None:
    bucket = connect(server_side_encryption='AES256')
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=bucket.upload(log).s3_key)
    assert head['ServerSideEncryption'] == 'AES256'


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_what_is_there_is_not_sent_again(name: str, request: pytest.FixtureRequest,
                                         connect: Callable[..., FlightLogBucket],
                                         proxy: FaultProxy, admin: Any) -> None:
    path: Path = request.getfixturevalue(name)
    bucket = connect(endpoint_url=proxy.url)
    first = bucket.upload(path)
    sent = sum(e.body_bytes for e in proxy.exchanges)
    assert sent >= path.stat().st_size
    second = bucket.upload(path)
    assert second.already_stored
    assert second.s3_key == first.s3_key
    assert sum(e.body_bytes for e in proxy.exchanges) == sent
    assert list(objects(admin, bucket)) == [first.s3_key]


def test_other_content_gets_a_key_of_its_own(bucket: FlightLogBucket, admin: Any,
                                             tmp_path: Path) -> None:
    logs = same_clock(tmp_path, 3)
    keys = [bucket.upload(path).s3_key for path in logs]
    stem = f'{bucket.settings.machine_prefix}20250727_143022_flight'
    assert keys == [f'{stem}.ulg', f'{stem}_2.ulg', f'{stem}_3.ulg']
    assert objects(admin, bucket) == {
        key: path.stat().st_size for key, path in zip(keys, logs, strict=True)}
    again = [bucket.upload(path) for path in logs]
    assert [(s.s3_key, s.already_stored) for s in again] == [(key, True) for key in keys]


@pytest.mark.parametrize('connections', [1, 2])
def test_two_logs_race_for_one_key(connections: int, connect: Callable[..., FlightLogBucket],
                                   proxy: FaultProxy, admin: Any, tmp_path: Path) -> None:
    one, other = same_clock(tmp_path, 2)
    # Both find the key free; moto looks, and then writes, with time for another in between.
    proxy.fail(Delay(1.0), method='PUT')
    first = connect(endpoint_url=proxy.url)
    second = first if connections == 1 else connect(endpoint_url=proxy.url)
    stored = in_threads(lambda: first.upload(one), lambda: second.upload(other))
    assert not any(s.already_stored for s in stored)
    assert objects(admin, first) == {s.s3_key: s.file_size for s in stored}
    for log, path in zip(stored, (one, other), strict=True):
        body = admin.get_object(Bucket=first.settings.bucket_name, Key=log.s3_key)['Body']
        assert body.read() == path.read_bytes()


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_one_log_eight_times_at_once(name: str, request: pytest.FixtureRequest,
                                     connect: Callable[..., FlightLogBucket],
                                     admin: Any) -> None:
    path: Path = request.getfixturevalue(name)
    buckets = [connect(), connect()]
    stored = in_threads(*(lambda b=b: b.upload(path) for b in buckets * 4))
    assert len({s.s3_key for s in stored}) == 1
    assert objects(admin, buckets[0]) == {stored[0].s3_key: path.stat().st_size}
    # Of those of one connection only the first sends anything.
    assert sum(s.already_stored for s in stored) >= 6


def test_deleting_what_is_not_there(bucket: FlightLogBucket) -> None:
    key = f'{bucket.settings.machine_prefix}20250727_143022_flight.ulg'
    with failure(ObjectNotFound, 404, 'File not found', key, 'nothing was deleted'):
        bucket.delete(key)


def test_downloading_what_is_not_there(bucket: FlightLogBucket, tmp_path: Path) -> None:
    key = f'{bucket.settings.machine_prefix}20250727_143022_flight.ulg'
    with failure(ObjectNotFound, 404, 'File not found', key):
        bucket.download(key, tmp_path / 'new' / 'flight.ulg')
    assert list(tmp_path.iterdir()) == []
