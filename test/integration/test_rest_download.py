"""Downloads over HTTP: parts, networks that break, objects that are damaged, readers that go."""
from collections.abc import Iterator
import http.client
from pathlib import Path
import socket
import time
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import KIB, MIB
import pytest
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import CutAnswer, flip, Tap
from support.foreign_app import ForeignApp
from support.http_client import HttpAnswer
from support.logs import write_big_ulg

MACHINE = 'foreign-download'
SIZE = 24 * MIB + 17
OPTIONS: dict[str, Any] = {}


@pytest.fixture(scope='module')
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give what is stored."""
    return write_big_ulg(tmp_path_factory.mktemp('log') / 'x.ulg', SIZE).read_bytes()


@pytest.fixture(scope='module')
def path(app: ForeignApp, content: bytes) -> str:
    """Store it, and return the path of the URL."""
    return f'/bucket/download/{app.client.upload("x.ulg", content).json()["s3_key"]}'


@pytest.fixture(autouse=True)
def _healed(app: ForeignApp, relay: FaultProxy) -> Iterator[None]:
    yield
    relay.heal()
    assert 'Traceback' not in app.log.read_text()


def what_arrives(app: ForeignApp, path: str) -> tuple[int, bytes]:
    """Return the length that is announced, and what comes."""
    connection = http.client.HTTPConnection('127.0.0.1', app.client.port, timeout=60)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        assert answer.status == 200
        length = int(answer.headers['Content-Length'])
        try:
            return length, answer.read()
        except http.client.IncompleteRead as error:
            return length, error.partial
    finally:
        connection.close()


@pytest.mark.parametrize('text, start, end', [
    ('bytes=0-0', 0, 1), ('bytes=100-', 100, SIZE), ('bytes=-5', SIZE - 5, SIZE),
    (f'bytes={20 * MIB}-{SIZE * 2}', 20 * MIB, SIZE), ('bytes=0-', 0, SIZE)])
def test_a_part(app: ForeignApp, path: str, content: bytes, text: str, start: int,
                end: int) -> None:
    got = app.client.get(path, Range=text)
    assert (got.status, got.body) == (206, content[start:end])
    assert got.headers['content-range'] == f'bytes {start}-{end - 1}/{SIZE}'
    assert got.headers['content-length'] == str(end - start)
    assert got.headers['accept-ranges'] == 'bytes'


@pytest.mark.parametrize('text', ['bytes=0-1,5-6', 'bytes=5-1', 'lines=1-2', 'x', 'bytes=١-'])
def test_what_is_no_part_is_the_whole(app: ForeignApp, path: str, content: bytes,
                                      text: str) -> None:
    connection = http.client.HTTPConnection('127.0.0.1', app.client.port, timeout=60)
    connection.request('GET', path, headers={'Range': text.encode()})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, content)
    connection.close()


def test_no_byte_of_it(app: ForeignApp, path: str) -> None:
    got = app.client.get(path, Range=f'bytes={SIZE}-')
    assert (got.status, got.json()['status']) == (416, 416)
    assert got.headers['content-range'] == f'bytes */{SIZE}'


def test_a_download_that_is_gone_on_with(app: ForeignApp, path: str, content: bytes) -> None:
    first = app.client.get(path, Range='bytes=0-999')
    for validator in (first.headers['etag'], first.headers['last-modified']):
        rest = app.client.get(path, Range='bytes=1000-', If_Range=validator)
        assert (rest.status, first.body + rest.body) == (206, content)
    other = app.client.get(path, Range='bytes=1000-', If_Range='"another"')
    assert (other.status, other.body) == (200, content)


def test_a_network_that_breaks_again_and_again(app: ForeignApp, relay: FaultProxy, path: str,
                                               content: bytes) -> None:
    relay.fail(CutAnswer(5 * MIB), 4, method='GET')
    before = relay.count('GET')
    assert app.client.get(path).body == content
    assert relay.count('GET') - before == 5


def test_a_network_that_stays_away(app: ForeignApp, relay: FaultProxy, path: str,
                                   content: bytes) -> None:
    relay.fail(CutAnswer(5 * MIB), method='GET')
    relay.fail(CutAnswer(0), None, method='GET')
    length, arrived = what_arrives(app, path)
    assert length == SIZE
    assert 0 < len(arrived) <= 5 * MIB
    assert content.startswith(arrived)


@pytest.mark.parametrize('at', [10, SIZE - 1])
def test_what_is_damaged_never_arrives_whole(app: ForeignApp, relay: FaultProxy, path: str,
                                             at: int) -> None:
    relay.fail(Tap(answer=flip(at)), None, method='GET')
    length, arrived = what_arrives(app, path)
    assert length == SIZE
    assert SIZE - 64 * KIB <= len(arrived) < SIZE
    wait_until(lambda: 'over HTTP broke off: what arrived of' in app.log.read_text())


def test_who_goes_away_stops_it(app: ForeignApp, relay: FaultProxy, path: str) -> None:
    for _ in range(6):  # more than there are threads
        reader = asks(app, path)
        assert reader.recv(1000)
        reader.close()
    wait_until(lambda: connections_to(app, relay) == 0)
    assert all(e.answer_bytes < SIZE for e in relay.exchanges[-6:])
    assert app.client.get(path, Range='bytes=0-5').status == 206


def test_a_slow_reader_holds_no_thread(app: ForeignApp, path: str) -> None:
    readers = [asks(app, path) for _ in range(6)]  # more than there are threads
    for reader in readers:
        assert reader.recv(1000)
    assert app.client.get(path, Range='bytes=0-5').status == 206
    for reader in readers:
        reader.close()


def test_a_server_that_hangs_holds_up_no_other_call(app: ForeignApp, relay: FaultProxy, path: str,
                                                    ) -> None:
    relay.fail(Tap(answer=lambda offset, block: block if offset < MIB else b''), 1, method='GET')
    with asks(app, path) as reader:
        assert reader.recv(1000)
        listed: HttpAnswer = app.client.get('/bucket/list?max_keys=1')
        assert listed.status == 200


def test_the_application_ends_while_somebody_reads(sandbox: Sandbox, tmp_path: Path,
                                                   content: bytes) -> None:
    with ForeignApp(tmp_path, session_token_url=sandbox.session_token_url,
                    bucket_name=sandbox.bucket_name, robot_instance_id=MACHINE,
                    endpoint_url=sandbox.endpoint_url) as app:
        stored = app.client.upload('x.ulg', content).json()['s3_key']
        reader = asks(app, f'/bucket/download/{stored}')
        assert reader.recv(1000)
        began = time.monotonic()
    assert time.monotonic() - began < 40  # after 60 s it would have been killed
    reader.close()


def asks(app: ForeignApp, path: str) -> socket.socket:
    """Ask for a log, and read nothing of it yet."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
    reader.settimeout(60)
    reader.connect(('127.0.0.1', app.client.port))
    reader.sendall(f'GET {path} HTTP/1.1\r\nHost: robot\r\n\r\n'.encode())
    return reader


def connections_to(app: ForeignApp, relay: FaultProxy) -> int:
    """Count what the application still fetches: the answers that have not ended."""
    return sum(not exchange.is_done for exchange in relay.exchanges)
