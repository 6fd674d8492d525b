"""Clients that are slow, many, rude or gone, at a real node."""
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
import itertools
from pathlib import Path
import socket
import time

from node_process import NodeProcess
import pytest
from support.expect import wait_until
from support.http_client import form, HttpClient
from support.logs import write_big_ulg
from support.processes import resident_bytes

HEAD = b'Host: localhost\r\n'
MIB = 1024 ** 2
DROPPED_WITHIN_S = 60.0
MOST = 64


def hears_the_end(client: socket.socket, within_s: float = DROPPED_WITHIN_S) -> bytes:
    """Return what a client is sent until its connection ends."""
    ends_s, heard = time.monotonic() + within_s, b''
    while True:
        client.settimeout(max(ends_s - time.monotonic(), 0.001))
        try:
            block = client.recv(65536)
        except ConnectionError:
            return heard
        if not block:
            return heard
        heard += block


def upload_head(length: int) -> bytes:
    return (b'POST /bucket/upload HTTP/1.1\r\n' + HEAD
            + b'Content-Type: multipart/form-data; boundary=b\r\n'
            + b'Content-Length: %d\r\n\r\n' % length)


def begun_upload(http: HttpClient) -> socket.socket:
    """Return a connection on which an upload has begun, and goes no further."""
    client = http.connect()
    client.sendall(upload_head(100 * MIB) + b'--b\r\nContent-Disposition: form-data; name="file";'
                   b' filename="x.ulg"\r\n\r\n' + bytes(1 * MIB))
    return client


@pytest.fixture
def large_key(http: HttpClient, tmp_path: Path) -> str:
    """Return the key of a log that no buffer on the way can hold."""
    log = write_big_ulg(tmp_path / 'large.ulg', 40 * MIB)
    key: str = http.upload('large.ulg', log.read_bytes()).json()['s3_key']
    log.unlink()
    return key


@pytest.mark.timeout(200)
def test_who_does_not_move_is_dropped(http: HttpClient, large_key: str) -> None:
    with ExitStack() as open_ones, ThreadPoolExecutor(8) as threads:
        clients = [open_ones.enter_context(http.connect()) for _ in range(3)]
        kept = open_ones.enter_context(http.connect())
        kept.sendall(b'HEAD / HTTP/1.1\r\n' + HEAD + b'\r\n')
        clients[1].sendall(b'GET / HTTP/1.1\r\nHost: loc')
        body = open_ones.enter_context(begun_upload(http))
        reader = open_ones.enter_context(reading(http, large_key))
        slow = open_ones.enter_context(http.connect())

        def trickle_head() -> bytes:  # a byte now and then: never a whole head
            with pytest.raises(OSError):
                for number in itertools.count():
                    clients[2].sendall(b'GET / HTTP/1.1\r\n' if not number else b'x: y\r\n')
                    time.sleep(0.5)
            return b''

        def trickle_body() -> bytes:  # slow, and faster than 1 KiB/s
            slow.sendall(upload_head(60 * 1024))
            for _ in range(30):
                time.sleep(1)
                slow.sendall(bytes(2048))
            return hears_the_end(slow)
        ends = [threads.submit(call) for call in (
            trickle_head, trickle_body, lambda: hears_the_end(clients[0]),
            lambda: hears_the_end(clients[1]), lambda: hears_the_end(body),
            lambda: hears_the_end(kept))]
        heard = [end.result() for end in ends]
        # All this time it has read nothing; what was under way is all that it ever gets.
        assert len(hears_the_end(reader)) < 30 * MIB
    assert heard[1].startswith(b'HTTP/1.1 400'), heard[1]  # zeros are no form
    assert heard[2:5] == [b'', b'', b'']
    assert heard[5].startswith(b'HTTP/1.1 200 ')
    assert heard[5].endswith(b'\r\n\r\n')
    assert http.get('/robot/state').status == 200


def reading(http: HttpClient, key: str) -> socket.socket:
    """Return a connection with a download, that is not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((http.address, http.port))
    client.sendall(f'GET /bucket/download/{key} HTTP/1.1\r\n'.encode() + HEAD + b'\r\n')
    return client


def test_too_many_connections_are_told_so(http: HttpClient) -> None:
    with ExitStack() as open_ones:
        busy = [open_ones.enter_context(http.connect()) for _ in range(MOST)]
        for client in busy:
            client.sendall(b'GET / HTTP/1.1\r\n')  # to be continued
        with http.connect() as late:
            heard = hears_the_end(late)
            assert heard.startswith(b'HTTP/1.1 503 ')
            assert b'retry-after: ' in heard.lower()
        busy[0].sendall(HEAD + b'\r\n')
        assert busy[0].recv(12) == b'HTTP/1.1 200'
        # That one is only kept open in case: who comes gets its place.
        http.serving()
    http.serving()
    assert http.get('/robot/state').status == 200


def test_only_so_many_uploads_at_once(http: HttpClient, log: Path) -> None:
    with ExitStack() as open_ones:
        busy = [open_ones.enter_context(begun_upload(http)) for _ in range(4)]
        wait_until(lambda: http.upload(log.name, log.read_bytes()).status == 503)
        answer = http.upload(log.name, log.read_bytes())
        assert (answer.status, answer.headers['retry-after']) == (503, '5')
        assert http.get('/robot/state').status == 200
        busy[0].close()
        wait_until(lambda: http.upload(log.name, log.read_bytes()).status == 200)


def test_only_so_many_downloads_at_once(http: HttpClient, large_key: str) -> None:
    with ExitStack() as open_ones:
        busy = [open_ones.enter_context(reading(http, large_key)) for _ in range(4)]
        path = f'/bucket/download/{large_key}'
        wait_until(lambda: http.get(path, Range='bytes=0-9').status == 503)
        busy[0].close()
        wait_until(lambda: http.get(path, Range='bytes=0-9').status == 206)


def test_an_upload_that_breaks_off_leaves_nothing(http: HttpClient, tmp_path: Path,
                                                  node_with_http: NodeProcess) -> None:
    body, kind = form('x.ulg', bytes(3 * MIB))
    head = (b'POST /bucket/upload HTTP/1.1\r\n' + HEAD + b'Content-Type: ' + kind.encode()
            + b'\r\nContent-Length: %d\r\n\r\n' % len(body))
    for sent in (0, 1, 200, 3 * MIB, len(body) - 1):
        with http.connect() as client:
            client.sendall(head + body[:sent])
            if sent > MIB:
                wait_until(lambda: nameless_files(node_with_http))
    wait_until(lambda: not nameless_files(node_with_http))
    received, = tmp_path.rglob('received')
    assert list(received.iterdir()) == []
    assert http.get('/robot/transfers').json()['transfers'] == []


def nameless_files(node: NodeProcess) -> list[str]:
    """Return the files that the process has open, and that have no name (any more)."""
    found = []
    for link in Path(f'/proc/{node.pid}/fd').iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return [name for name in found if '/received/' in name and name.endswith('(deleted)')]


@pytest.mark.parametrize('request_', [
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'GET\r\n\r\n',
    b'GET / HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    b'POST /robot/pause HTTP/1.1\r\n' + HEAD + b'Content-Length: -1\r\n\r\n',
    b'POST /robot/pause HTTP/1.1\r\n' + HEAD + b'Content-Length: 1\r\nContent-Length: 2\r\n\r\n',
    b'POST /robot/pause HTTP/1.1\r\n' + HEAD + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
    b'GET / HTTP/1.1\r\n' + HEAD + b'x: ' + b'y' * 100_000 + b'\r\n\r\n',
    b'GET /' + b'y' * 100_000 + b' HTTP/1.1\r\n' + HEAD + b'\r\n',
], ids=lambda request: request[:20].decode('latin-1').encode('unicode_escape').decode())
def test_what_is_no_http_gets_an_answer_and_no_line_in_the_log(
        shared_http: HttpClient, shared_node: NodeProcess, request_: bytes) -> None:
    before = shared_node.log
    with shared_http.connect() as client:
        client.sendall(request_)
        heard = hears_the_end(client, 20)
    assert heard.startswith(b'HTTP/1.1 400 '), heard
    assert b'"status": 400' in heard
    assert shared_http.get('/robot/state').status == 200
    assert shared_node.log == before


@pytest.mark.parametrize('path', ['/bucket/upload', '/robot/pause'])
def test_a_body_that_breaks_gets_no_line_in_the_log_either(
        shared_http: HttpClient, shared_node: NodeProcess, path: str) -> None:
    before = shared_node.log
    head = (f'POST {path} HTTP/1.1\r\n'.encode() + b'Transfer-Encoding: chunked\r\n'
            b'Content-Type: multipart/form-data; boundary=b\r\n')
    with shared_http.connect() as client:  # in the middle of the request
        client.sendall(head + HEAD + b'\r\n5\r\n--b\r\n\r\n')
        client.sendall(b'no length of a chunk\r\n')
        assert hears_the_end(client, 20).startswith(b'HTTP/1.1 400 ')
    with shared_http.connect() as client:  # in the middle of the answer
        client.sendall(head + b'Host: evil.example.com\r\n\r\n')
        assert client.recv(12) == b'HTTP/1.1 421'
        client.sendall(b'no length of a chunk\r\n')
        hears_the_end(client, 20)
    assert shared_http.get('/robot/state').status == 200
    assert shared_node.log == before


def test_a_websocket_is_refused(shared_http: HttpClient, shared_node: NodeProcess) -> None:
    before = shared_node.log
    answer = shared_http.get('/nowhere', Connection='Upgrade', Upgrade='websocket')
    assert answer.status == 404
    assert shared_node.log == before


def test_requests_one_after_the_other_on_one_connection(shared_http: HttpClient) -> None:
    with shared_http.connect() as client:
        one = b'GET /robot/state HTTP/1.1\r\n' + HEAD + b'\r\n'
        client.sendall(one * 3 + b'GET / HTTP/1.1\r\n' + HEAD + b'Connection: close\r\n\r\n')
        assert hears_the_end(client).count(b'HTTP/1.1 200') == 4


def test_many_requests_take_no_memory(shared_http: HttpClient, shared_node: NodeProcess) -> None:
    def ask(_: int) -> int:
        return shared_http.get('/bucket/info').status
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(200))) == {200}
        grown = []
        while not grown or (grown[-1] >= 4 * MIB and len(grown) < 3):  # what is once, is in one
            before = resident_bytes(shared_node.pid)
            assert set(threads.map(ask, range(600))) == {200}
            grown.append(resident_bytes(shared_node.pid) - before)
    assert min(grown) < 4 * MIB, grown


@pytest.fixture(scope='module')
def shared(sandbox, ros, tmp_path_factory) -> Iterator[tuple[HttpClient, NodeProcess]]:
    from support.http_client import kept_port
    with kept_port() as port:
        node = NodeProcess(tmp_path_factory.mktemp('shared'), {
            **sandbox.node_parameters(), 'robot_instance_id': 'drone-shared', 'http_port': port})
        try:
            client = HttpClient(port).serving()
            node.serving().wait_for('HTTP: the page')
            yield client, node
        finally:
            node.stop()


@pytest.fixture
def shared_http(shared: tuple[HttpClient, NodeProcess]) -> HttpClient:
    return shared[0]


@pytest.fixture
def shared_node(shared: tuple[HttpClient, NodeProcess]) -> NodeProcess:
    return shared[1]
