"""A session-token service that fails, and session tokens that S3 does not take."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
from typing import Any, Optional

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    AuthenticationFailed,
    FlightlogError,
    NotAllowed,
    SessionServiceError,
    TokenRefused,
    Unavailable,
)
from flightlog_bucket.sandbox import Sandbox
import pytest
from support import session_service as answers
from support.expect import ENDS_WITHIN_S, failure, failure_of_every_call, TIMEOUT_S
from support.fault_proxy import FaultProxy
from support.faults import ACCESS_DENIED, EXPIRED_TOKEN, Page, Reply, Tap
from support.http_client import kept_port
from support.session_service import Answer, ScriptedSessionService

Connect = Callable[..., FlightLogBucket]


@pytest.fixture
def service() -> Iterator[ScriptedSessionService]:
    with ScriptedSessionService() as running:
        yield running


@pytest.fixture
def session_proxy(sandbox: Sandbox) -> Iterator[FaultProxy]:
    """Give a proxy before the sandbox's session-token service, which counts."""
    with FaultProxy(sandbox.session_token_url) as running:
        yield running


def through(session_proxy: FaultProxy) -> str:
    return f'{session_proxy.url}{answers.PATH}'


@pytest.mark.parametrize(('answer', 'kind', 'status', 'words'), [
    (answers.error(500), Unavailable, 503, 'answered HTTP 500'),
    (answers.error(503), Unavailable, 503, 'answered HTTP 503'),
    (answers.error(429), Unavailable, 503, 'answered HTTP 429'),
    (answers.hang_up(), Unavailable, 503, 'cannot reach the session-token service'),
    (answers.slow(30), Unavailable, 503, 'did not answer within 1 s'),
    (answers.error(401), AuthenticationFailed, 401, 'refused the request with HTTP 401'),
    (answers.error(403), AuthenticationFailed, 401, 'refused the request with HTTP 403'),
    (answers.error(404), SessionServiceError, 502, 'answered HTTP 404; check session_token_url'),
    (answers.redirect('http://127.0.0.1:9/'), SessionServiceError, 502, 'redirect'),
    (answers.not_json(), SessionServiceError, 502, 'is not JSON'),
    (answers.empty(), SessionServiceError, 502, 'is not JSON'),
    (answers.json_answer(['accessKeyId']), SessionServiceError, 502, 'is not a JSON object'),
    (answers.without('accessKeyId'), SessionServiceError, 502, 'no usable accessKeyId'),
    (answers.without('secretAccessKey'), SessionServiceError, 502, 'no usable secretAccessKey'),
    (answers.without('sessionToken'), SessionServiceError, 502, 'no usable sessionToken'),
    (answers.token(session_token='a\nb'), SessionServiceError, 502, 'no usable sessionToken'),
    (answers.token(expiration='2001-01-01T00:00:00Z'), SessionServiceError, 502,
     'had already expired'),
    (answers.huge(), SessionServiceError, 502, 'larger than 65536 bytes'),
])
def test_no_token(answer: Answer, kind: type[FlightlogError], status: int, words: str,
                  service: ScriptedSessionService, connect: Connect) -> None:
    service.default = answer
    timeout_s = TIMEOUT_S if answer.delay_s else 3 * TIMEOUT_S  # a third of it is for a token
    bucket = connect(session_token_url=f'{service.url}?key=hidden', request_timeout_s=timeout_s)
    with failure(kind, status, words, within_s=timeout_s + 3):
        bucket.list_files()
    told = bucket.credential_status()
    assert told.state == 'failed'
    assert words in told.error
    assert 'hidden' not in told.error


def test_service_down(connect: Connect, log: Path, tmp_path: Path) -> None:
    words = 'cannot reach the session-token service', 'Connection refused'
    with kept_port() as port:
        bucket = connect(session_token_url=f'http://127.0.0.1:{port}/',
                         request_timeout_s=2 * TIMEOUT_S)
        with failure(Unavailable, 503, *words, within_s=ENDS_WITHIN_S):
            bucket.fetch_credentials()
        failure_of_every_call(bucket, log, tmp_path / 'x', Unavailable, 503, *words)


def test_a_fault_of_the_service_passes(sandbox: Sandbox, session_proxy: FaultProxy,
                                       connect: Connect, log: Path) -> None:
    # The service fails once; a call made while that is fresh asks it again by itself.
    session_proxy.fail(Reply(500, 'InternalError'))
    bucket = connect(session_token_url=through(session_proxy))
    assert not bucket.upload(log).already_stored
    assert bucket.credential_status().state == 'valid'


def test_one_token_for_all_who_wait(session_proxy: FaultProxy, connect: Connect) -> None:
    bucket = connect(session_token_url=through(session_proxy))
    with ThreadPoolExecutor(8) as pool:
        for listing in pool.map(lambda _: bucket.list_files(), range(16)):
            assert listing.files == ()
    assert session_proxy.count('POST') == 1


@pytest.mark.parametrize('code', ['ExpiredToken', 'InvalidToken', 'InvalidAccessKeyId',
                                  'AccessDenied'])
def test_a_token_that_ends_in_mid_upload(code: str, sandbox: Sandbox, proxy: FaultProxy,
                                         session_proxy: FaultProxy, connect: Connect,
                                         big_log: Path, tmp_path: Path) -> None:
    bucket = connect(endpoint_url=proxy.url, session_token_url=through(session_proxy))

    def end_tokens(offset: int, block: bytes) -> bytes:
        sandbox.end_tokens(code)
        return block

    # All parts that are sent first come with the old token.
    proxy.fail(Tap(answer=end_tokens), kind='uploads')
    stored = bucket.upload(big_log)
    assert session_proxy.count('POST') == 2
    assert proxy.count('POST', 'uploads') == 1
    got = bucket.download(stored.s3_key, tmp_path / 'back.ulg')
    assert got.local_path.read_bytes() == big_log.read_bytes()


@pytest.mark.parametrize('refusal', [Reply(400, 'ExpiredToken'), Reply(400, 'InvalidToken'),
                                     Page(403, b'', 'text/plain')])
@pytest.mark.parametrize('kind', ['', 'uploads', 'uploadId'])
def test_a_token_refused_once(refusal: Any, kind: str, proxy: FaultProxy,
                              session_proxy: FaultProxy, connect: Connect, big_log: Path) -> None:
    bucket = connect(endpoint_url=proxy.url, session_token_url=through(session_proxy))
    proxy.fail(refusal, kind=kind)  # HEAD, the begin of the upload, or one part
    assert bucket.upload(big_log).file_size == big_log.stat().st_size
    assert session_proxy.count('POST') == 2


@pytest.mark.parametrize(('refusal', 'kind'), [
    (EXPIRED_TOKEN, None), (EXPIRED_TOKEN, ''), (EXPIRED_TOKEN, 'uploads'),
    (EXPIRED_TOKEN, 'uploadId'), (ACCESS_DENIED, None), (ACCESS_DENIED, 'uploads'),
    (ACCESS_DENIED, 'uploadId')])
def test_a_token_revoked_for_good(refusal: Reply, kind: Optional[str], proxy: FaultProxy,
                                  session_proxy: FaultProxy, connect: Connect,
                                  big_log: Path) -> None:
    error, status, words = (
        (NotAllowed, 403, 'does not allow') if refusal is ACCESS_DENIED
        else (TokenRefused, 401, 'does not accept the session token'))
    bucket = connect(endpoint_url=proxy.url, session_token_url=through(session_proxy),
                     request_timeout_s=4 * TIMEOUT_S)
    proxy.fail(refusal, None, kind=kind)
    with failure(error, status, error.summary, words, within_s=4 * TIMEOUT_S + 3):
        bucket.upload(big_log)
    assert session_proxy.count('POST') <= 6


def test_what_is_denied_costs_no_token_that_works(proxy: FaultProxy, session_proxy: FaultProxy,
                                                  connect: Connect, log: Path) -> None:
    bucket = connect(endpoint_url=proxy.url, session_token_url=through(session_proxy))
    bucket.fetch_credentials()
    session_proxy.fail(Reply(503, 'ServiceUnavailable'), None)
    proxy.fail(ACCESS_DENIED, None, kind='list-type')
    for _ in range(10):
        with failure(NotAllowed, 403, 'does not allow'):
            bucket.list_files()
    assert session_proxy.count('POST') == 2
    assert bucket.credential_status().state == 'valid'
    assert not bucket.upload(log).already_stored


def test_what_is_denied_for_good_costs_one_more_token(proxy: FaultProxy, connect: Connect,
                                                      session_proxy: FaultProxy) -> None:
    bucket = connect(endpoint_url=proxy.url, session_token_url=through(session_proxy))
    proxy.fail(ACCESS_DENIED, None)
    for _ in range(10):
        with failure(NotAllowed, 403, 'does not allow'):
            bucket.list_files()
    assert session_proxy.count('POST') == 2


def test_secrets_stay_secret(connect: Connect, proxy: FaultProxy, big_log: Path,
                             session_of_role: Callable[..., ScriptedSessionService],
                             caplog: pytest.LogCaptureFixture) -> None:
    service = session_of_role('s3:*')
    token = json.loads(service.default.body)
    bucket = connect(endpoint_url=proxy.url, session_token_url=service.url)
    with caplog.at_level('DEBUG', 'flightlog_bucket'):
        proxy.fail(EXPIRED_TOKEN, kind='uploadId')
        bucket.upload(big_log)
        proxy.fail(ACCESS_DENIED, None)
        with pytest.raises(FlightlogError) as caught:
            bucket.list_files()
    shown = caplog.text + str(caught.value) + repr(bucket.settings) + repr(vars(bucket))
    for name in ('SecretAccessKey', 'SessionToken'):
        assert token[name] not in shown
