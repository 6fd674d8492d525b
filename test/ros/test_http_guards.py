"""Who may ask a node over HTTP for what: hosts, origins, tokens, tickets, sizes."""
from collections.abc import Callable, Iterator
import os
from pathlib import Path
import secrets
import socket
from typing import Any
from urllib.parse import quote

from flightlog_bucket.sandbox import Sandbox
from node_process import NodeProcess
import pytest
from support.expect import wait_until
from support.http_client import HttpClient, kept_port
from support.logs import write_log

StartNode = Callable[..., NodeProcess]
FLEET = 'https://fleet.example.com'
EVERY_PATH = [('GET', '/bucket/info'), ('GET', '/bucket/list'), ('POST', '/bucket/upload'),
              ('GET', '/bucket/download/x'), ('DELETE', '/bucket/delete/x'),
              ('GET', '/robot/state'), ('GET', '/robot/transfers'), ('GET', '/robot/events'),
              ('POST', '/robot/retry'), ('POST', '/robot/pause'), ('POST', '/robot/discard'),
              ('GET', '/robot/logs'), ('POST', '/robot/ticket'), ('GET', '/openapi.json'),
              ('GET', '/nowhere'), ('POST', '/'), ('OPTIONS', '/bucket/list')]


@pytest.fixture(scope='module')
def token() -> str:
    return secrets.token_hex(16)


@pytest.fixture(scope='module')
def token_file(tmp_path_factory: pytest.TempPathFactory, token: str) -> Path:
    path = tmp_path_factory.mktemp('secrets') / 'token'
    path.write_text(token + '\n')
    return path


@pytest.fixture(scope='module')
def guarded(sandbox: Sandbox, ros: Any, token: str, token_file: Path,
            tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpClient, NodeProcess]]:
    """Return a client of a node that wants a token, and its process."""
    with kept_port() as port:
        node = NodeProcess(tmp_path_factory.mktemp('guarded'), {
            **sandbox.node_parameters(), 'robot_instance_id': 'drone-guarded', 'http_port': port,
            'http_token_file': str(token_file), 'http_allowed_hosts': ['drone.example.org'],
            'http_cors_origins': [FLEET]})
        try:
            yield HttpClient(port, token).serving(), node
        finally:
            node.stop()


@pytest.fixture
def client(guarded: tuple[HttpClient, NodeProcess]) -> HttpClient:
    return guarded[0]


@pytest.mark.parametrize('method, path', EVERY_PATH)
def test_nothing_but_the_page_is_there_without_the_token(
        client: HttpClient, token: str, method: str, path: str) -> None:
    for wrong in ({}, {'Authorization': f'Bearer {token[:-1]}x'}, {'Authorization': 'Bearer '},
                  {'Authorization': f'Basic {token}'}, {'Authorization': token}):
        answer = HttpClient(client.port).ask(method, path, headers=wrong)
        assert answer.status == 401
        assert answer.json()['status'] == 401
        assert answer.json()['error'].startswith('Authentication failed')
        assert answer.headers['www-authenticate'].startswith('Bearer ')
        assert token not in answer.body.decode()
    assert HttpClient(client.port).ask(method, f'{path}?token={token}').status == 401


def test_the_page_is_there_without_the_token(client: HttpClient) -> None:
    for method in ('GET', 'HEAD'):
        assert HttpClient(client.port).ask(method, '/').status == 200


@pytest.mark.parametrize('host, is_known', [
    ('127.0.0.1', True), ('localhost:80', True), ('LOCALHOST', True), ('[::1]:8080', True),
    ('192.168.4.1:1', True), (socket.gethostname(), True), (f'{socket.gethostname()}.local', True),
    ('drone.example.org:443', True), ('drone.example.org.', True),
    ('evil.example.com', False), ('localhost.evil.example.com', False), ('', False),
    ('127.0.0.1.evil.example.com', False), ('[evil.example.com]', False), ('::1', False),
    ('127.0.0.1@evil.example.com', False), ('evil.example.com:x', False),
])
def test_a_foreign_name_is_refused(client: HttpClient, host: str, is_known: bool) -> None:
    answer = client.get('/bucket/info', Host=host)
    assert answer.status == (200 if is_known else 421)


@pytest.mark.parametrize('target, status', [
    ('http://127.0.0.1/bucket/info', 200), ('HTTP://localhost:8080/bucket/info?a=b', 200),
    ('http://127.0.0.1', 200), ('http://evil.example.com/bucket/info', 421),
    ('http://127.0.0.1/nowhere', 404), ('http:///bucket/info', 421),
])
def test_a_whole_url_is_a_path_at_its_host(client: HttpClient, token: str, target: str,
                                           status: int) -> None:
    assert client.get(target, Host='localhost').status == status
    if status == 200 and '/bucket/' in target:
        assert HttpClient(client.port).get(target, Host='localhost').status == 401


@pytest.mark.parametrize('headers, is_welcome', [
    ({}, True),
    ({'Origin': 'http://127.0.0.1:{port}'}, True),
    ({'Origin': FLEET}, True),
    ({'Origin': FLEET, 'Sec-Fetch-Site': 'cross-site'}, True),
    ({'Sec-Fetch-Site': 'same-origin'}, True),
    ({'Origin': 'http://127.0.0.1:1'}, False),
    ({'Origin': 'https://evil.example.com'}, False),
    ({'Origin': 'null'}, False),
    ({'Origin': f'{FLEET}.evil.example.com'}, False),
    ({'Sec-Fetch-Site': 'cross-site'}, False),
])
def test_the_page_of_another_server_changes_nothing(
        client: HttpClient, headers: dict[str, str], is_welcome: bool) -> None:
    sent = {name: value.format(port=client.port) for name, value in headers.items()}
    sent.setdefault('Host', f'127.0.0.1:{client.port}')
    answer = client.ask('POST', '/robot/pause', {'paused': False}, sent)
    assert answer.status == (200 if is_welcome else 403), answer.body


def test_the_page_of_another_server_reads_only_if_it_is_named(client: HttpClient) -> None:
    named = client.get('/bucket/info', Origin=FLEET)
    assert named.headers['access-control-allow-origin'] == FLEET
    other = client.get('/bucket/info', Origin='https://evil.example.com')
    assert 'access-control-allow-origin' not in other.headers
    assert client.get('/bucket/info', Sec_Fetch_Site='cross-site').status == 403
    # A link to the page may be anywhere.
    assert client.get('/', Sec_Fetch_Site='cross-site').status == 200
    preflight = HttpClient(client.port).ask('OPTIONS', '/bucket/delete/x', headers={
        'Origin': FLEET, 'Access-Control-Request-Method': 'DELETE',
        'Access-Control-Request-Headers': 'authorization'})
    assert preflight.status == 200
    assert preflight.headers['access-control-allow-origin'] == FLEET
    for asked in ({'Access-Control-Request-Method': 'PATCH'},
                  {'Access-Control-Request-Method': 'GET',
                   'Access-Control-Request-Headers': 'x-other'}):
        answer = client.ask('OPTIONS', '/bucket/info', headers={'Origin': FLEET, **asked})
        assert (answer.status, answer.json()['status']) == (400, 400)
    refused = HttpClient(client.port).get('/bucket/info', Origin=FLEET)
    assert (refused.status, refused.headers['access-control-allow-origin']) == (401, FLEET)


def test_every_answer_has_the_headers(client: HttpClient) -> None:
    for method, path in [*EVERY_PATH, ('GET', '/')]:
        if path == '/robot/events':
            continue  # it has no end
        answer = client.ask(method, path)
        assert answer.headers['x-content-type-options'] == 'nosniff', path
        assert answer.headers['referrer-policy'] == 'no-referrer'
        assert answer.headers['cache-control'] == 'no-store'
        assert answer.headers['cross-origin-resource-policy'] == 'same-origin'
        assert "default-src 'none'" in answer.headers['content-security-policy']
        assert "frame-ancestors 'none'" in answer.headers['content-security-policy']
        assert 'set-cookie' not in answer.headers
        assert 'server' not in answer.headers
    assert client.get('/nowhere').json()['status'] == 404
    assert client.ask('PATCH', '/bucket/list').json()['status'] == 405


def test_a_ticket_fetches_its_log_and_nothing_else(client: HttpClient, tmp_path: Path) -> None:
    keys = []
    for number in range(2):
        log = write_log(tmp_path / f'ticket {number}.mcap')
        keys.append(client.upload(log.name, log.read_bytes()).json()['s3_key'])
    ticket = client.post('/robot/ticket', {'s3_key': keys[0]}).json()
    assert ticket['expires_in_s'] == 600
    nobody = HttpClient(client.port)

    def status(key: str, text: str, method: str = 'GET', path: str = '/bucket/download/') -> int:
        return nobody.ask(method, f'{path}{quote(key)}?ticket={quote(text)}').status

    assert status(keys[0], ticket['ticket']) == 200
    assert status(keys[1], ticket['ticket']) == 401
    assert status(keys[0], ticket['ticket'][:-1]) == 401
    assert status(keys[0], 'é' + ticket['ticket']) == 401
    assert status(keys[0], ticket['ticket'].replace('.', '0.')) == 401
    assert status(keys[0], '') == 401
    assert status(keys[0], ticket['ticket'], 'DELETE', '/bucket/delete/') == 401
    assert status('', ticket['ticket'], 'GET', '/bucket/info') == 401
    assert nobody.post('/robot/ticket', {'s3_key': keys[0]}).status == 401
    foreign = client.post('/robot/ticket', {'s3_key': 'flight_logs/drone-2/x.ulg'})
    assert foreign.status == 403
    assert client.post('/robot/ticket', {}).json()['status'] == 400


def test_another_token_counts_at_once(guarded: tuple[HttpClient, NodeProcess], token: str,
                                      token_file: Path) -> None:
    client, node = guarded
    other = HttpClient(client.port, secrets.token_hex(20))
    try:
        new = token_file.with_name('new')
        new.write_text(other._token)
        new.replace(token_file)
        wait_until(lambda: other.get('/bucket/info').status == 200)
        assert client.get('/bucket/info').status == 401
        # Whoever takes it away means it.
        token_file.write_text('short')
        wait_until(lambda: other.get('/bucket/info').status == 401)
        node.wait_for('no request is answered until this is mended: http_token_file')
    finally:
        new.write_text(token)
        new.replace(token_file)
    wait_until(lambda: client.get('/bucket/info').status == 200)
    assert token not in node.log
    assert other._token not in node.log


@pytest.mark.parametrize('path', ['/robot/pause', '/robot/retry', '/bucket/info', '/nowhere'])
def test_a_large_body_is_refused(client: HttpClient, path: str) -> None:
    announced = client.ask('POST', path, b'x' * 65 * 1024)
    assert announced.status == 413
    assert announced.json()['status'] == 413
    blocks = (b'x' * 4096 for _ in range(100))
    chunked = client.ask('POST', path, blocks)
    assert chunked.status == 413
    assert client.ask('POST', '/robot/pause', {'paused': False}).status == 200


def test_whoever_is_refused_in_mid_upload_can_read_why(client: HttpClient) -> None:
    # 401, with a body that fills all buffers on the way.
    answer = HttpClient(client.port).upload('big.ulg', os.urandom(20 * 1024 ** 2))
    assert answer.status == 401


@pytest.mark.parametrize('text, words', [
    ('', 'cannot read the secret'), ('short', 'has 5 characters'),
    ('two words of it, long enough', 'one secret on one line'),
])
def test_a_node_without_a_usable_token_does_not_start(
        start_node: StartNode, parameters: dict[str, Any], port: int, tmp_path: Path, text: str,
        words: str) -> None:
    path = tmp_path / 'token'
    if text:
        path.write_text(text)
    node = start_node({**parameters, 'http_port': port, 'http_token_file': str(path)})
    assert node.wait() == 2
    assert 'http_token_file: ' in node.log
    assert words in node.log
    assert 'long enough' not in node.log
