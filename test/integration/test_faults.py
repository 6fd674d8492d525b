"""An S3 server, or the way to it, that fails."""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import socket
import threading
import time
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import BucketNotFound, NotAllowed, Unavailable
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
import pytest
from support.expect import (
    ENDS_WITHIN_S,
    failure,
    failure_of_every_call,
    give_token,
    TIMEOUT_S,
)
from support.fault_proxy import FaultProxy
from support.faults import (
    CutAnswer,
    Fault,
    INTERNAL_ERROR,
    LoseAnswer,
    Page,
    ResetUpload,
    SLOW_DOWN,
    Swallow,
    Tap,
)
from support.http_client import kept_port
from support.objects import objects

Connect = Callable[..., FlightLogBucket]

HALF_A_PART = 5 * MIB // 2


def test_no_such_bucket(connect: Connect, session_of_role: Callable[..., Any], log: Path,
                        tmp_path: Path) -> None:
    bucket = connect(bucket_name='not-there', session_token_url=session_of_role('s3:*').url)
    for call in (bucket.list_files, lambda: bucket.upload(log),
                 lambda: bucket.download(f'{bucket.settings.machine_prefix}x', tmp_path / 'x'),
                 lambda: bucket.delete(f'{bucket.settings.machine_prefix}x')):
        with failure(BucketNotFound, 404, "no bucket 'not-there'", 'check bucket_name'):
            call()


def test_access_denied(connect: Connect, session_of_role: Callable[..., Any], log: Path,
                       tmp_path: Path) -> None:
    bucket = connect(session_token_url=session_of_role('s3:ListAllMyBuckets').url)
    failure_of_every_call(bucket, log, tmp_path / 'x', NotAllowed, 403, 'Access denied',
                          'does not allow', 'policy')


def test_nobody_there(connect: Connect, log: Path, tmp_path: Path) -> None:
    with kept_port() as port:
        bucket = give_token(connect(endpoint_url=f'http://127.0.0.1:{port}',
                                    request_timeout_s=TIMEOUT_S))
        failure_of_every_call(bucket, log, tmp_path / 'x', Unavailable, 503, 'cannot be reached',
                              'check the network and endpoint_url')


def test_black_hole(hurried: FlightLogBucket, proxy: FaultProxy, log: Path,
                    tmp_path: Path) -> None:
    proxy.black_hole()
    failure_of_every_call(hurried, log, tmp_path / 'x', Unavailable, 503,
                          'S3 did not answer in time', 'check the network and endpoint_url')


def test_both_services_are_black_holes(sandbox: Sandbox, connect: Connect, proxy: FaultProxy,
                                       log: Path, tmp_path: Path) -> None:
    proxy.black_hole()
    bucket = connect(endpoint_url=proxy.url, session_token_url=f'{proxy.url}/session-token',
                     request_timeout_s=TIMEOUT_S)
    failure_of_every_call(bucket, log, tmp_path / 'x', Unavailable, 503,
                          'session-token service', 'did not answer within 1 s')


def test_stalled_calls_hold_up_nobody(connect: Connect, proxy: FaultProxy, big_log: Path,
                                      log: Path) -> None:
    # So long that all are stalled at once, on a computer that is busy with other tests.
    patient, other = connect(endpoint_url=proxy.url, request_timeout_s=20), connect()
    for bucket in (patient, other):
        bucket.fetch_credentials()
    proxy.fail(Swallow(), None, method='PUT')
    with ThreadPoolExecutor(4) as pool:
        # Of one log under four names, in parts.
        stalled = [pool.submit(patient.upload, big_log, custom_filename=f'{i}.ulg')
                   for i in range(4)]
        proxy.wait_until(lambda e: sum(x.method == 'PUT' for x in e) >= 16)
        began = time.monotonic()
        assert not other.upload(log).already_stored
        assert [f.size for f in patient.list_files().files] == [log.stat().st_size]
        assert patient.credential_status().state == 'valid'
        assert not any(s.done() for s in stalled)
        for upload in stalled:
            with failure(Unavailable, 503, 'check the network and endpoint_url'):
                upload.result()
        assert time.monotonic() - began < 20 + ENDS_WITHIN_S


def _silence_at_half(proxy: FaultProxy) -> Callable[[int, bytes], bytes]:
    def pass_on(offset: int, block: bytes) -> bytes:
        if offset >= HALF_A_PART:
            proxy.black_hole()
        return block
    return pass_on


def test_black_hole_in_mid_upload(hurried: FlightLogBucket, proxy: FaultProxy, big_log: Path,
                                  admin: Any) -> None:
    proxy.fail(Tap(request=_silence_at_half(proxy)), method='PUT')
    with failure(Unavailable, 503, 'check the network and endpoint_url', within_s=ENDS_WITHIN_S):
        hurried.upload(big_log)
    assert list(objects(admin, hurried)) == []


def test_black_hole_in_mid_download(bucket: FlightLogBucket, hurried: FlightLogBucket,
                                    proxy: FaultProxy, big_log: Path, tmp_path: Path) -> None:
    key = bucket.upload(big_log).s3_key

    proxy.fail(Tap(answer=_silence_at_half(proxy)), method='GET')
    with failure(Unavailable, 503, 'in time', within_s=ENDS_WITHIN_S):
        hurried.download(key, tmp_path / 'x.ulg')
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_stalls_every_answer(bucket: FlightLogBucket, hurried: FlightLogBucket,
                                           proxy: FaultProxy, log: Path, tmp_path: Path) -> None:
    key = bucket.upload(log).s3_key
    proxy.fail(Tap(answer=lambda offset, block: block[:10] if offset == 0 else b''), None,
               method='GET')
    with failure(Unavailable, 503, within_s=ENDS_WITHIN_S):
        hurried.download(key, tmp_path / 'x.ulg')
    assert not (tmp_path / 'x.ulg').exists()


def test_a_slow_link(connect: Connect, proxy: FaultProxy, big_log: Path) -> None:
    # 0.5 MB/s a connection, so that the buffers of the system would take longer than a call may
    # take without an answer.
    def pace(offset: int, block: bytes) -> bytes:
        threading.Event().wait(len(block) / 5e5)
        return block

    assert proxy._listener is not None
    proxy._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    proxy.fail(Tap(request=pace), None, method='PUT')
    bucket = connect(endpoint_url=proxy.url, request_timeout_s=4 * TIMEOUT_S)
    assert bucket.upload(big_log).file_size == big_log.stat().st_size
    assert proxy.count('PUT') == 4


PASSING: list[tuple[Fault, str, str, int]] = [
    (SLOW_DOWN, 'HEAD', '', 2),
    (SLOW_DOWN, 'POST', 'uploads', 2),
    (SLOW_DOWN, 'PUT', 'uploadId', 4),
    (INTERNAL_ERROR, 'PUT', 'uploadId', 4),
    (INTERNAL_ERROR, 'POST', 'uploadId', 2),
    (ResetUpload(HALF_A_PART), 'PUT', 'uploadId', 2),
    (LoseAnswer(), 'PUT', 'uploadId', 2),
    (LoseAnswer(), 'POST', 'uploads', 1),
    (LoseAnswer(), 'POST', 'uploadId', 1),
]


@pytest.mark.parametrize(('fault', 'method', 'kind', 'times'), PASSING)
def test_faults_that_pass_in_a_multipart_upload(
        fault: Fault, method: str, kind: str, times: int, connect: Connect, proxy: FaultProxy,
        big_log: Path, admin: Any) -> None:
    bucket = connect(endpoint_url=proxy.url)
    proxy.fail(fault, times, method=method, kind=kind)
    stored = bucket.upload(big_log)
    assert list(objects(admin, bucket)) == [stored.s3_key]
    body = admin.get_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)['Body']
    assert body.read() == big_log.read_bytes()


@pytest.mark.parametrize('fault', [SLOW_DOWN, INTERNAL_ERROR, ResetUpload(1000), LoseAnswer()])
def test_faults_that_pass_in_a_small_upload(fault: Fault, connect: Connect, proxy: FaultProxy,
                                            log: Path, admin: Any) -> None:
    bucket = connect(endpoint_url=proxy.url)
    proxy.fail(fault, 2, method='PUT')
    stored = bucket.upload(log)
    assert list(objects(admin, bucket)) == [stored.s3_key]


@pytest.mark.parametrize(('fault', 'words'), [
    (SLOW_DOWN, 'SlowDown: Please reduce your request rate.'),
    (INTERNAL_ERROR, 'InternalError'),
    (Page(502, b'<html>Bad Gateway</html>'), '502'),
    (ResetUpload(1000), 'the connection broke')])
@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_faults_that_stay(fault: Fault, words: str, name: str, request: pytest.FixtureRequest,
                          connect: Connect, proxy: FaultProxy, admin: Any) -> None:
    # So patient that each try ends by the fault, on a computer that is busy with other tests.
    bucket = give_token(connect(endpoint_url=proxy.url, request_timeout_s=2 * TIMEOUT_S))
    proxy.fail(fault, None, method='PUT')
    with failure(Unavailable, 503, words, within_s=TIMEOUT_S + ENDS_WITHIN_S):
        bucket.upload(request.getfixturevalue(name))
    assert list(objects(admin, bucket)) == []


def test_a_download_goes_on_where_it_broke(connect: Connect, proxy: FaultProxy, big_log: Path,
                                           tmp_path: Path) -> None:
    bucket = connect(endpoint_url=proxy.url)
    key = bucket.upload(big_log).s3_key
    before = len(proxy.exchanges)
    for megabytes in (4, 1, 0):
        proxy.fail(CutAnswer(megabytes * MIB), method='GET')
    got = bucket.download(key, tmp_path / 'x.ulg')
    assert got.local_path.read_bytes() == big_log.read_bytes()
    sent = [e.answer_bytes for e in proxy.exchanges[before:]]
    assert len(sent) == 4
    # What the client had not yet read when the connection broke comes again; no more than that.
    assert sum(sent) < big_log.stat().st_size * 1.5
