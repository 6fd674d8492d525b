"""Answers that look like those of S3, and are not; and a name server that is silent."""
from collections.abc import Callable
import json
from pathlib import Path
import socket
import threading
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    ConfigurationError,
    NotS3,
    StorageError,
    TokenRefused,
    Unavailable,
)
from flightlog_bucket.storage.connecting import own_connections
import pytest
from support.expect import failure, failure_of_every_call, give_token, TIMEOUT_S
from support.fault_proxy import FaultProxy
from support.faults import Page, Reply
from support.session_service import ScriptedSessionService

Connect = Callable[..., FlightLogBucket]

REQUEST_ID = 'x-amz-request-id: 1'
LISTING = (b'<ListBucketResult><Name>flight-logs</Name><Contents><Key>flight_logs/d/x.ulg</Key>'
           b'<Size>1</Size><LastModified>when</LastModified></Contents></ListBucketResult>')


@pytest.mark.parametrize('status', [200, 204])
@pytest.mark.parametrize('body', [b'', b'<html>Log in</html>', LISTING.replace(b'when', b'')])
def test_a_captive_portal_with_an_etag(status: int, body: bytes, patient: FlightLogBucket,
                                       proxy: FaultProxy, log: Path, tmp_path: Path) -> None:
    proxy.fail(Page(status, b'' if status == 204 else body, headers=('ETag: "5e-1"',)), None)
    failure_of_every_call(patient, log, tmp_path / 'x', NotS3, 502, 'is not S3')


@pytest.mark.parametrize('status', [201, 202, 206])
def test_a_deletion_that_is_none(status: int, patient: FlightLogBucket, proxy: FaultProxy,
                                 log: Path) -> None:
    key = patient.upload(log).s3_key
    proxy.fail(Page(status, b'', headers=(REQUEST_ID,)), None, method='DELETE')
    with failure(NotS3, 502, 'what answered delete_object is not S3'):
        patient.delete(key)


def test_a_deletion_that_is_answered_with_200(patient: FlightLogBucket, proxy: FaultProxy,
                                              log: Path) -> None:
    key = patient.upload(log).s3_key
    proxy.fail(Page(200, b'', headers=(REQUEST_ID,)), None, method='DELETE')
    patient.delete(key)


@pytest.mark.parametrize('header', ['Last-Modified: yesterday', 'x-amz-mp-parts-count: abc',
                                    'x-amz-missing-meta: z'])
def test_headers_that_make_no_sense(header: str, patient: FlightLogBucket, proxy: FaultProxy,
                                    log: Path) -> None:
    page = Page(200, b'', headers=(REQUEST_ID, 'ETag: "5e-1"', header))
    proxy.fail(page, None, method='HEAD')
    with failure(NotS3, 502, 'what answered head_object is not S3'):
        patient.upload(log)


@pytest.mark.parametrize('body', [LISTING, LISTING.replace(b'<Size>1', b'<Size>one')])
def test_a_listing_that_makes_no_sense(body: bytes, patient: FlightLogBucket,
                                       proxy: FaultProxy) -> None:
    proxy.fail(Page(200, body, 'application/xml', (REQUEST_ID,)), None)
    with failure(NotS3, 502, 'what answered list_objects_v2 is not S3'):
        patient.list_files()


def test_a_body_that_a_reverse_proxy_does_not_take(patient: FlightLogBucket, proxy: FaultProxy,
                                                   log: Path) -> None:
    proxy.fail(Page(413, b'<html>Request Entity Too Large</html>'), None, method='PUT')
    with failure(StorageError, 502, 'HTTP 413'):
        patient.upload(log)


def test_a_setting_that_s3_refuses_is_no_fault_of_the_log(patient: FlightLogBucket,
                                                          proxy: FaultProxy, log: Path) -> None:
    proxy.fail(Reply(400, 'InvalidArgument', 'Unsupported KMS key'), None, method='PUT')
    with failure(StorageError, 502, 'InvalidArgument: Unsupported KMS key'):
        patient.upload(log)


def test_secrets_that_a_server_says_back(connect: Connect, proxy: FaultProxy,
                                         session_of_role: Callable[..., ScriptedSessionService],
                                         ) -> None:
    service = session_of_role('s3:*')
    token = json.loads(service.default.body)
    bucket = connect(endpoint_url=proxy.url, session_token_url=service.url)
    said = f'{token["AccessKeyId"]} {token["SecretAccessKey"]} {token["SessionToken"]}.'
    proxy.fail(Reply(400, 'InvalidToken', said), None)
    with failure(TokenRefused, 401, 'InvalidToken: *** *** ***.'):
        bucket.list_files()


def test_an_endpoint_that_boto3_does_not_take_is_not_shown(connect: Connect) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(endpoint_url='http://hunter2_.example')
    assert 'check endpoint_url' in str(caught.value)
    assert 'hunter2' not in str(caught.value)


def test_a_silent_name_server(connect: Connect, log: Path, tmp_path: Path,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    look_up = socket.getaddrinfo

    def silent(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == 's3.example':
            over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, 'getaddrinfo', silent)
    bucket = give_token(connect(endpoint_url='http://s3.example', addressing_style='path',
                                request_timeout_s=TIMEOUT_S))
    try:
        failure_of_every_call(bucket, log, tmp_path / 'x', Unavailable, 503,
                              'no connection to s3.example in time', 'check the network')
    finally:
        over.set()


def test_a_connection_that_comes_late_is_closed() -> None:
    ours, theirs = socket.socketpair()
    goes_on = threading.Event()

    class Late:
        host = 's3.example'
        timeout = 0.01

        def _new_conn(self) -> socket.socket:
            goes_on.wait(20)
            return ours

    class Pool:
        ConnectionCls = Late

    classes: dict[str, Any] = {'http': Pool}
    own_connections(classes)
    with theirs:
        theirs.settimeout(20)
        with pytest.raises(Unavailable, match=r's3\.example in time'):
            classes['http'].ConnectionCls()._new_conn()
        goes_on.set()
        assert theirs.recv(1) == b''
