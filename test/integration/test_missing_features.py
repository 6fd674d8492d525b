"""What a server says that it cannot do, and how long that is believed."""
from collections.abc import Callable
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket import BucketSettings, FlightLogBucket
from flightlog_bucket.errors import NotSupported
from flightlog_bucket.settings import MIB
from flightlog_bucket.storage import features
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.uploader import Uploader
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import NOT_IMPLEMENTED
from support.objects import objects

Connect = Callable[..., FlightLogBucket]


@pytest.fixture
def bucket(connect: Connect, proxy: FaultProxy) -> FlightLogBucket:
    """Give a connection through the proxy."""
    return connect(endpoint_url=proxy.url)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said as a warning; an earlier test may still have an abort under way."""
    return [r.getMessage() for r in caplog.records
            if r.levelname == 'WARNING' and r.name == features.__name__]


def uploader(bucket: FlightLogBucket, **options: Any) -> Uploader:
    """Return an uploader of its own for the bucket."""
    return Uploader(bucket._store, threshold_bytes=16 * MIB, part_size_bytes=5 * MIB,
                    max_concurrent_parts=2, attributes={}, **options)


def send(by: Uploader, bucket: FlightLogBucket, path: Path, name: str) -> None:
    """Send a log to the machine's folder."""
    with LocalFile(path, threading.Event()) as file:
        by.upload(file, f'{bucket.settings.machine_prefix}{name}', {})


@pytest.mark.parametrize(('name', 'method', 'kind'), [('log', 'PUT', ''),
                                                      ('big_log', 'POST', 'uploadId')])
def test_one_stray_refusal_is_not_believed(
        name: str, method: str, kind: str, request: pytest.FixtureRequest,
        bucket: FlightLogBucket, proxy: FaultProxy, caplog: pytest.LogCaptureFixture) -> None:
    path = request.getfixturevalue(name)
    proxy.fail(NOT_IMPLEMENTED, 1, method=method, kind=kind, header='if-none-match')
    bucket.upload(path)
    proxy.fail(NOT_IMPLEMENTED, None, header='if-none-match')
    before = proxy.count(method, kind)
    bucket.upload(path, custom_filename='other.ulg')
    # The writes are still conditional: this one is refused twice before it is not.
    assert proxy.count(method, kind) == before + 3
    assert len(warnings(caplog)) == 1


def test_what_is_missing_is_said_once_and_asked_for_again_after_an_hour(
        bucket: FlightLogBucket, proxy: FaultProxy, log: Path,
        caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    by = uploader(bucket, clock=lambda: now[0])
    proxy.fail(NOT_IMPLEMENTED, None, header='if-none-match')
    sent = []
    for time_s in (1000.0, 4599.0, 4600.0, 4601.0):
        now[0] = time_s
        before = proxy.count('PUT')
        send(by, bucket, log, f'{time_s}.ulg')
        sent.append(proxy.count('PUT') - before)
    assert sent == [3, 1, 3, 1]
    assert warnings(caplog) == ['this S3 server has no conditional put; uploads go on without']


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_nothing_is_written_without_a_condition_on_aws(
        name: str, request: pytest.FixtureRequest, bucket: FlightLogBucket, proxy: FaultProxy,
        admin: Any) -> None:
    proxy.fail(NOT_IMPLEMENTED, None, header='if-none-match')
    with failure(NotSupported, 502, 'NotImplemented'):
        send(uploader(bucket, is_aws=True), bucket, request.getfixturevalue(name), 'x.ulg')
    assert objects(admin, bucket) == {}


@pytest.mark.parametrize(('endpoint_url', 'demanded'), [('', 2), ('http://127.0.0.1:1', 0)])
def test_aws_is_where_no_endpoint_is_set(endpoint_url: str, demanded: int) -> None:
    bucket = FlightLogBucket(BucketSettings(
        session_token_url='http://127.0.0.1:1/t', bucket_name='flight-logs',
        robot_instance_id='drone-1', endpoint_url=endpoint_url))
    assert len(bucket._uploader.features.demanded) == demanded
