"""Bytes that change on the way, and answers that are not those of the S3 of AWS."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import ChecksumMismatch, NotS3, StorageError, Unavailable
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure, failure_of_every_call
from support.fault_proxy import FaultProxy
from support.faults import flip, LOG_IN_PAGE, NOT_IMPLEMENTED, Page, Reply, Tap
from support.objects import objects

Connect = Callable[..., FlightLogBucket]
MOVED = [Page(status, b'<html>Moved</html>', headers=('Location: http://portal.example/',))
         for status in (301, 302, 307)]


# moto stores whatever comes, so that here the client alone notices.
@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_bytes_changed_on_the_way_up(name: str, request: pytest.FixtureRequest,
                                     connect: Connect, proxy: FaultProxy) -> None:
    proxy.fail(Tap(request=flip(1000)), None, method='PUT')
    bucket = connect(endpoint_url=proxy.url, request_timeout_s=10)
    with failure(ChecksumMismatch, 502, 'what is there is not the file', within_s=20):
        bucket.upload(request.getfixturevalue(name))


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_bytes_changed_on_the_way_down(name: str, request: pytest.FixtureRequest,
                                       bucket: FlightLogBucket, patient: FlightLogBucket,
                                       proxy: FaultProxy, tmp_path: Path) -> None:
    key = bucket.upload(request.getfixturevalue(name)).s3_key
    proxy.fail(Tap(answer=flip(1000)), None, method='GET')
    target = tmp_path / 'down' / 'x.ulg'
    with failure(ChecksumMismatch, 502, 'is not what S3 stores', within_s=20):
        patient.download(key, target)
    assert list(target.parent.iterdir()) == []


def test_an_object_replaced_in_mid_download(
        bucket: FlightLogBucket, connect: Connect, proxy: FaultProxy, admin: Any,
        big_log: Path, tmp_path: Path) -> None:
    key = bucket.upload(big_log).s3_key
    # It waits for the answer for as long as the replacement takes.
    reader = connect(endpoint_url=proxy.url, request_timeout_s=20)

    def replace(offset: int, block: bytes) -> bytes:
        if offset < MIB:
            return block
        admin.put_object(Bucket=bucket.settings.bucket_name, Key=key,
                         Body=b'x' * big_log.stat().st_size)
        raise ConnectionError('cut')

    proxy.fail(Tap(answer=replace), method='GET')
    with failure(ChecksumMismatch, 502, key, 'was replaced while it was read', within_s=30):
        reader.download(key, tmp_path / 'x.ulg')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('page', [LOG_IN_PAGE, Page(200, b'<html><body>Log in</body></html>'),
                                  Page(200, b''), *MOVED])
@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_captive_portal(page: Page, name: str, request: pytest.FixtureRequest,
                        patient: FlightLogBucket, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.fail(page, None)
    failure_of_every_call(patient, request.getfixturevalue(name), tmp_path / 'x', NotS3,
                          502, 'is not S3', 'whether the network asks for a log-in')


@pytest.mark.parametrize('page', [LOG_IN_PAGE, Page(200, b'<html><body>Log in</body></html>'),
                                  Page(200, b'')])
@pytest.mark.parametrize(('name', 'method', 'kind'), [
    ('log', 'PUT', ''), ('big_log', 'POST', 'uploads'), ('big_log', 'PUT', 'uploadId'),
    ('big_log', 'POST', 'uploadId')])
def test_captive_portal_from_some_request_on(
        page: Page, name: str, method: str, kind: str, request: pytest.FixtureRequest,
        patient: FlightLogBucket, proxy: FaultProxy, admin: Any) -> None:
    proxy.fail(page, None, method=method, kind=kind)
    with pytest.raises((StorageError, Unavailable)) as caught:
        patient.upload(request.getfixturevalue(name))
    assert caught.value.retryable
    assert list(objects(admin, patient)) == []


@pytest.mark.parametrize('name', ['log', 'big_log'])
@pytest.mark.parametrize('headers', [('if-none-match',), ('x-amz-checksum-crc32',),
                                     ('x-amz-checksum-algorithm',),
                                     ('if-none-match', 'x-amz-checksum-crc32')])
def test_a_server_without_some_features(name: str, headers: tuple[str, ...],
                                        request: pytest.FixtureRequest, connect: Connect,
                                        proxy: FaultProxy, tmp_path: Path) -> None:
    bucket = connect(endpoint_url=proxy.url)
    for header in headers:
        proxy.fail(NOT_IMPLEMENTED, None, header=header)
    path: Path = request.getfixturevalue(name)
    first = bucket.upload(path)
    assert not first.already_stored
    got = bucket.download(first.s3_key, tmp_path / 'x.ulg')
    assert got.local_path.read_bytes() == path.read_bytes()
    assert bucket.upload(path).already_stored
    # What is missing was found out once, and is not asked for again.
    refused = proxy.count()
    bucket.upload(path, custom_filename='again.ulg')
    assert proxy.count() - refused <= 2 + (6 if name == 'big_log' else 1)


def test_a_refusal_that_stays(patient: FlightLogBucket, proxy: FaultProxy, log: Path) -> None:
    proxy.fail(Reply(400, 'MalformedXML', 'two\nlines'), None, method='PUT')
    with failure(StorageError, 502, 'MalformedXML: two lines'):
        patient.upload(log)
