"""What a server or a gateway says for a while costs no log, and nothing that is up."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import FlightlogError, NotS3
from flightlog_bucket.settings import MIB
from flightlog_bucket.storage.client import S3Client
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import Fault, Page, Reply, Tap
from support.interrupted import content, interrupt, open_uploads
from support.journals import MemoryJournal
from support.sent import sent_again, upload_ids

Connect = Callable[..., FlightLogBucket]

NO_BACKEND = Page(404, b'404 page not found', 'text/plain')
FORM_ONLY = Page(405, b'<html><body>Please log in</body></html>')
INVALID_ARGUMENT = Reply(400, 'InvalidArgument', 'part-number-marker')
METHOD_NOT_ALLOWED = Reply(405, 'MethodNotAllowed', 'not allowed against this resource')


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_a_gateway_without_its_server_rejects_no_log(
        name: str, request: pytest.FixtureRequest, reconnect: Callable[[], FlightLogBucket],
        proxy: FaultProxy) -> None:
    path, bucket = request.getfixturevalue(name), reconnect()
    proxy.fail(NO_BACKEND, None)
    with failure(NotS3, 502):
        bucket.upload(path, journal=MemoryJournal())
    assert NotS3.retryable
    proxy.heal()
    bucket.upload(path)


def test_what_is_up_outlasts_a_gateway_without_its_server(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, big_log: Path,
        admin: Any) -> None:
    journal = MemoryJournal()
    bucket = interrupt(reconnect, proxy, journal, big_log)
    for _ in range(4):
        proxy.fail(NO_BACKEND, None)
        with pytest.raises(NotS3):
            bucket.upload(big_log, journal=journal)
        proxy.heal()
    bucket.upload(big_log, journal=journal)
    assert sent_again(proxy.exchanges) == []
    assert len(upload_ids(proxy.exchanges)) == 1
    assert open_uploads(admin, bucket) == []


def test_a_refusal_now_and_then_costs_nothing_that_is_up(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, big_log: Path) -> None:
    journal, bucket = MemoryJournal(), reconnect()

    def portal(offset: int, block: bytes) -> bytes:
        # Its first part goes through, then the network asks for a log-in.
        if offset == 0:
            proxy.fail(FORM_ONLY, None, method='PUT')
        return block

    for up in (1, 2, 3):
        proxy.fail(Tap(request=portal), 1, method='PUT')
        with pytest.raises(FlightlogError):
            bucket.upload(big_log, journal=journal)
        proxy.heal()
        assert len(journal.numbers) == up
    bucket.upload(big_log, journal=journal)
    assert sent_again(proxy.exchanges) == []
    assert len(upload_ids(proxy.exchanges)) == 1


@pytest.mark.parametrize('fault', [INVALID_ARGUMENT, METHOD_NOT_ALLOWED])
def test_a_server_that_lists_no_parts(
        fault: Fault, reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, big_log: Path,
        admin: Any) -> None:
    journal = MemoryJournal()
    bucket = interrupt(reconnect, proxy, journal, big_log)
    proxy.fail(fault, None, method='GET')
    stored = bucket.upload(big_log, journal=journal)
    assert sent_again(proxy.exchanges) == []
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()


def test_an_sdk_that_does_not_know_the_type_of_a_checksum(
        bucket: FlightLogBucket, big_log: Path, admin: Any,
        monkeypatch: pytest.MonkeyPatch) -> None:
    # boto3 1.34 knows ChecksumAlgorithm. AWS takes checksums of parts only of an upload that was
    # begun with it ("Checksum Type mismatch occurred, expected checksum Type: null").
    knows = S3Client._knows
    monkeypatch.setattr(S3Client, '_knows', lambda self, operation, parameter: (
        parameter != 'ChecksumType' and knows(self, operation, parameter)))
    begun = []
    bucket._client._client.meta.events.register(
        'before-send.s3.CreateMultipartUpload', lambda request, **_: begun.append(request.headers))
    stored = bucket.upload(big_log)
    [headers] = begun
    assert headers['x-amz-checksum-algorithm'] == b'CRC32'
    assert headers['x-amz-checksum-type'] == b'FULL_OBJECT'
    assert b'x-amz-checksum-type' in headers['Authorization']
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key,
                             ChecksumMode='ENABLED')
    assert head['ContentLength'] == big_log.stat().st_size > 16 * MIB
