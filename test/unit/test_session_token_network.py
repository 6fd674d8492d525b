"""A session-token service that is away, slow or mad: a call ends in time."""
from collections.abc import Callable
import gzip
import json
import socket
import threading
import time

from flightlog_bucket.errors import FlightlogError, SessionServiceError, Unavailable
from flightlog_bucket.storage.session_token import SessionTokenService
import pytest
from support import session_service
from support.http_client import kept_port
from support.raw_server import Connection, http, http_json, RawServer
from support.session_service import ScriptedSessionService

NAMES = {'accessKeyId': 'ASIATESTTESTTEST', 'secretAccessKey': 'test-secret',
         'sessionToken': 'test-session-token'}
TIMEOUT_S = 1.0
# How much later than promised a call may end on a busy machine.
LEEWAY_S = 10.0


def client(url: str, timeout_s: float = TIMEOUT_S) -> SessionTokenService:
    return SessionTokenService(url, timeout_s=timeout_s, default_lifetime_s=3600.0)


def refusal(url: str, error: type[FlightlogError], timeout_s: float = TIMEOUT_S) -> str:
    """Return what is said about a service that gives nothing, and that it is said in time."""
    begin = time.monotonic()
    with pytest.raises(error) as caught:
        client(url, timeout_s).fetch()
    assert time.monotonic() - begin < timeout_s + LEEWAY_S
    assert type(caught.value) is error
    assert caught.value.retryable
    assert url in str(caught.value)
    return str(caught.value)


def drip(answer: bytes) -> Callable[[Connection], None]:
    return lambda connection: connection.drip(answer, 0.1)


def drip_after_the_head(connection: Connection) -> None:
    head, body = http_json(NAMES).split(b'\r\n\r\n')
    connection.send(head + b'\r\n\r\n')
    connection.drip(body * 100, 0.1)


def half_an_answer(connection: Connection) -> None:
    connection.send(http_json(NAMES)[:-10])


def hold_in_the_body(connection: Connection) -> None:
    connection.send(http_json(NAMES)[:-10])
    connection.hold()


def endless_head(connection: Connection) -> None:
    connection.send(b'HTTP/1.1 200 OK\r\n')
    while True:
        connection.send(b'X-More: ' + b'x' * 1000 + b'\r\n')


@pytest.mark.parametrize('answer', [
    drip(http_json(NAMES)), drip_after_the_head, Connection.hold, hold_in_the_body,
    drip(b'HTTP/1.1 100 Continue\r\n\r\n' * 1000)],
    ids=['slow head', 'slow body', 'silence', 'half a body', 'continue'])
def test_slow_answers(answer):
    with RawServer(answer) as server:
        assert refusal(server.url, Unavailable).endswith('did not answer within 1 s')


def test_an_answer_in_thirty_seconds():
    with ScriptedSessionService(session_service.slow(30)) as service:
        assert 'did not answer within 1 s' in refusal(service.url, Unavailable)


def test_nobody_takes_the_connection():
    """A black hole: its queue of connections is full, so that none gets an answer."""
    with socket.create_server(('127.0.0.1', 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            said = refusal(f'http://127.0.0.1:{address[1]}/token', Unavailable)
    assert 'did not answer within 1 s' in said


def test_a_name_server_that_is_silent(monkeypatch):
    over = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')

    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)
    try:
        said = refusal('http://tokens.example/token', Unavailable)
    finally:
        over.set()
    assert 'did not answer within 1 s' in said


def test_an_unknown_name(monkeypatch):
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)
    said = refusal('http://tokens.example/token', Unavailable, 20)
    assert '(Name or service not known); check session_token_url and the network' in said


def test_nobody_listens():
    with kept_port() as port:
        said = refusal(f'http://127.0.0.1:{port}/token', Unavailable, 20)
    assert '(Connection refused); check session_token_url' in said


@pytest.mark.parametrize('answer, says', [
    (Connection.reset, 'Connection reset by peer'),
    (lambda connection: None, 'RemoteDisconnected'),
    (lambda connection: connection.send(b'SSH-2.0-OpenSSH_9.6\r\n'), 'BadStatusLine'),
    (endless_head, 'HTTPException'),
    (lambda connection: connection.send(b'\x15\x03\x01\x00\x02\x02\x46'), 'BadStatusLine')],
    ids=['reset', 'hang-up', 'not HTTP', 'endless head', 'TLS alert'])
def test_broken_answers(answer, says):
    with RawServer(answer) as server:
        assert f'({says}); check' in refusal(server.url, Unavailable, 20)


def test_half_an_answer():
    """Older versions of requests take it for a whole one, which is no JSON."""
    with RawServer(half_an_answer) as server, \
            pytest.raises((Unavailable, SessionServiceError)) as caught:
        client(server.url, 20).fetch()
    assert caught.value.retryable


def test_http_where_https_is_meant():
    with RawServer(lambda c: c.send(http_json(NAMES)), reads_head=False) as server:
        said = refusal(server.url.replace('http:', 'https:'), Unavailable, 20)
    assert 'cannot reach the session-token service' in said


def test_an_answer_without_end():
    with ScriptedSessionService(session_service.huge()) as service:
        assert 'is larger than 65536 bytes' in refusal(service.url, SessionServiceError, 20)


def test_an_answer_that_unpacks_to_more():
    packed = gzip.compress(b' ' * 50_000_000)
    answer = http(packed, 'Content-Encoding: gzip')
    with RawServer(lambda connection: connection.send(answer)) as server:
        assert 'is larger than 65536 bytes' in refusal(server.url, SessionServiceError, 20)


def test_an_answer_that_does_not_unpack():
    answer = http(b'not gzip', 'Content-Encoding: gzip')
    with RawServer(lambda connection: connection.send(answer)) as server:
        assert 'cannot reach' in refusal(server.url, Unavailable, 20)


@pytest.mark.parametrize('body', [
    b'1;\r\n', b'zz\r\n', b'-5\r\n', b'ffffffffffffffffffff\r\n'], ids=repr)
def test_chunks_that_make_no_sense(body):
    answer = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + body
    with RawServer(lambda connection: connection.send(answer)) as server, \
            pytest.raises((Unavailable, SessionServiceError)):
        client(server.url, 20).fetch()


def test_an_answer_in_chunks():
    body = json.dumps(NAMES).encode()
    answer = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
              + b''.join(b'1\r\n%c\r\n' % byte for byte in body) + b'0\r\n\r\n')
    with RawServer(lambda connection: connection.send(answer)) as server:
        assert client(server.url, 20).fetch().session_token == 'test-session-token'


def test_slow_requests_do_not_pile_up():
    """However often it is asked, a service that never ends its answer holds few threads."""
    earlier = threading.enumerate()
    with RawServer(drip(http_json(NAMES) * 1000)) as server:
        tokens = client(server.url, 0.05)
        for _ in range(30):
            with pytest.raises(Unavailable, match='did not answer within'):
                tokens.fetch()
        ours = [t for t in threading.enumerate()
                if t.name.startswith('flightlog-token') and t not in earlier]
        assert len(ours) <= 8
    for thread in ours:
        thread.join(20)
        assert not thread.is_alive()


def test_a_service_that_recovers():
    with ScriptedSessionService() as service:
        service.queue(session_service.hang_up(), session_service.error(503),
                      session_service.slow(30))
        tokens = client(service.url)
        for tokens._timeout_s in (20.0, 20.0, TIMEOUT_S):
            with pytest.raises(Unavailable):
                tokens.fetch()
        service.wait_for_requests(3)
        tokens._timeout_s = 20.0
        assert tokens.fetch().session_token == 'test-session-token'
        assert service.count == 4


def test_no_thread_stays_after_a_fetch():
    with ScriptedSessionService() as service:
        client(service.url, 20).fetch()
        for thread in threading.enumerate():
            if thread.name.startswith('flightlog-token'):
                thread.join(20)
                assert not thread.is_alive()
