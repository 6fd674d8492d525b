"""Logs arrive over HTTP at a real node: they are stored, and nothing is left of them here."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from node_process import NodeProcess
import pytest
from support.damaged import write_corrupt
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient
from support.logs import write_log
from support.nobody import needs_root
from support.small_disk import SmallDisk
from support.tree import below

StartNode = Callable[..., NodeProcess]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the folder of the ledger."""
    return tmp_path / 'state'


@pytest.fixture
def offline_parameters(parameters: dict[str, Any], proxy: FaultProxy, state: Path, port: int,
                       tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a node whose way to S3 can be broken."""
    return {**parameters, 'endpoint_url': proxy.url, 'state_directory': str(state),
            'http_port': port, 'retry_max_delay_s': 1}


@pytest.fixture
def node_with_http(start_node: StartNode, offline_parameters: dict[str, Any]) -> NodeProcess:
    """Return a node whose folder is known."""
    return start_node(offline_parameters).serving()


def received(state: Path) -> list[Path]:
    """Return all that is kept of what arrived."""
    return below(state / 'received')


def wait_until_nothing_is_kept(state: Path) -> None:
    wait_until(lambda: not received(state))


def stored(sandbox: Sandbox, name: str) -> list[bytes]:
    """Return the content of all objects whose name ends so."""
    client, bucket = sandbox.admin_client('s3'), sandbox.bucket_name
    pages = client.get_paginator('list_objects_v2').paginate(Bucket=bucket)
    return [client.get_object(Bucket=bucket, Key=o['Key'])['Body'].read()
            for page in pages for o in page.get('Contents', ()) if o['Key'].endswith(name)]


@pytest.mark.parametrize('extension', ['.mcap', '.ulg'])
def test_a_log_goes_up_and_comes_down_again(http: HttpClient, state: Path, tmp_path: Path,
                                            extension: str) -> None:
    log = write_log(tmp_path / f'round{extension}').read_bytes()
    answer = http.upload(f'round{extension}', log)
    assert answer.status == 200, answer.body
    result = answer.json()
    assert (result['success'], result['status']) == (True, 200)
    assert result['file_size'] == len(log)
    assert result['verdict'] == 'valid'
    assert result['s3_key'].endswith(f'_round{extension}')
    got = http.get(f'/bucket/download/{result["s3_key"]}')
    assert (got.status, got.body) == (200, log)
    wait_until_nothing_is_kept(state)

    again = http.upload(f'round{extension}', log, last_modified='1753626622')
    assert again.status == 200
    gone = http.ask('DELETE', f'/bucket/delete/{result["s3_key"]}')
    assert (gone.status, gone.json()['s3_key']) == (200, result['s3_key'])
    assert http.get(f'/bucket/download/{result["s3_key"]}').status == 404


def test_what_is_only_accepted_is_stored_soon(http: HttpClient, state: Path, log: Path,
                                              sandbox: Sandbox) -> None:
    answer = http.upload(log.name, log.read_bytes(), enqueue_only='true')
    assert answer.status == 202
    assert answer.json() == {'success': True, 'status': 202, 'transfer_id': 1}
    wait_until_nothing_is_kept(state)
    assert stored(sandbox, log.name) == [log.read_bytes()]


def test_what_is_refused_leaves_nothing(http: HttpClient, state: Path, tmp_path: Path) -> None:
    corrupt = write_corrupt(tmp_path / 'corrupt.mcap').read_bytes()
    for name, content, status, words in (
            ('no.log', b'', 400, 'Invalid file extension'),
            ('no.ulg', b'not a log', 400, 'File validation failed'),
            ('corrupt.mcap', corrupt, 422, 'corrupt'),
            ('empty.bag', b'', 400, 'empty')):
        for fields in ({}, {'enqueue_only': 'true'}):
            answer = http.upload(name, content, **fields)
            assert answer.status == answer.json()['status'] == status, answer.body
            assert words in answer.json()['error']
            assert str(state) not in answer.json()['error']
            assert received(state) == []
    assert http.get('/robot/transfers').json()['transfers'] == []


def test_who_has_it_accepted_only_can_follow_it(http: HttpClient, log: Path, proxy: FaultProxy,
                                                state: Path) -> None:
    proxy.refuse()
    numbers = [http.upload(name, log.read_bytes(), enqueue_only='true').json()['transfer_id']
               for name in ('a.mcap', 'b.mcap')]
    known = {t['id']: t['name'] for t in http.get('/robot/transfers').json()['transfers']}
    assert [known[number] for number in numbers] == ['a.mcap', 'b.mcap']
    proxy.heal()
    wait_until_nothing_is_kept(state)


def test_what_is_deleted_from_the_bucket_is_no_trouble_of_the_robot(
        http: HttpClient, node_with_http: NodeProcess, log: Path) -> None:
    def stored_count() -> Any:
        state = http.get('/robot/state').json()
        assert state['counts'] is None or state['counts']['rejected'] == 0
        return state['counts'] and state['counts']['stored']
    key = http.upload(log.name, log.read_bytes()).json()['s3_key']
    node_with_http.wait_for(f'it was received over HTTP, and it is in the bucket as {key}')
    wait_until(lambda: stored_count() == 1)  # it is counted once a second
    assert http.ask('DELETE', f'/bucket/delete/{key}').status == 200
    wait_until(lambda: stored_count() == 0)
    # The same log again is a new one.
    again = http.upload(log.name, log.read_bytes())
    assert (again.status, again.json()['already_stored']) == (200, False)


@needs_root
def test_a_disk_that_is_read_only(start_node: StartNode, offline_parameters: dict[str, Any],
                                  state: Path, port: int) -> None:
    with SmallDisk(state / 'received', 12 * 2 ** 20) as disk:
        node = start_node({**offline_parameters, 'http_min_free_bytes': 0}).serving()
        http = HttpClient(port).serving()
        disk.set_read_only(True)
        answer = http.upload('x.ulg', bytes(1000))
        disk.set_read_only(False)
        node.stop()
    assert answer.status == 507
    assert answer.json()['error'].startswith('nothing can be written where logs are received')
    assert str(state) not in answer.json()['error']


def test_without_network_it_is_kept_and_goes_up_later(
        http: HttpClient, state: Path, log: Path, proxy: FaultProxy, sandbox: Sandbox) -> None:
    proxy.refuse()
    answer = http.upload(log.name, log.read_bytes())
    assert answer.status == 503
    assert 'accepted' in answer.json()['error']
    assert [path.name for path in received(state) if path.is_file()] == [log.name]
    proxy.heal()
    wait_until_nothing_is_kept(state)
    assert stored(sandbox, log.name) == [log.read_bytes()]


def test_a_node_without_http_brings_up_what_is_left(
        http: HttpClient, node_with_http: NodeProcess, start_node: StartNode, state: Path,
        log: Path, proxy: FaultProxy, sandbox: Sandbox,
        offline_parameters: dict[str, Any]) -> None:
    proxy.refuse()
    assert http.upload(log.name, log.read_bytes(), enqueue_only='true').status == 202
    node_with_http.stop()
    proxy.heal()
    start_node({**offline_parameters, 'http_port': 0}).serving()
    wait_until_nothing_is_kept(state)
    assert stored(sandbox, log.name) == [log.read_bytes()]


def test_what_is_rejected_stays_until_somebody_discards_it(
        start_node: StartNode, offline_parameters: dict[str, Any], state: Path, port: int,
        tmp_path: Path) -> None:
    # Power was cut after it had arrived whole, and before anybody could be told that it is none.
    junk = state / 'received' / '0123456789abcdef' / 'junk.ulg'
    junk.parent.mkdir(parents=True)
    junk.write_bytes(b'this is no log')
    log = write_log(tmp_path / 'own.ulg')
    start_node(offline_parameters).serving()
    http = HttpClient(port).serving()

    def transfers() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = http.get('/robot/transfers').json()['transfers']
        return found
    wait_until(lambda: [t['state'] for t in transfers()] == ['rejected'])
    assert transfers()[0]['is_received']
    assert junk.exists()
    # Of all files of this computer, only those that arrived are ever deleted for somebody.
    for path in (log, state / 'received' / '..' / '..' / log.name, junk.parent, state / 'x'):
        assert http.post('/robot/discard', {'paths': [str(path)]}).status in (400, 404)
    assert log.exists()
    assert http.post('/robot/discard', {'paths': [str(junk)]}).json()['discarded'] == 1
    assert received(state) == []
    assert transfers() == []
    assert http.post('/robot/discard', {'paths': [str(junk)]}).status == 404


def test_what_is_too_large_or_has_no_room_is_refused(
        start_node: StartNode, offline_parameters: dict[str, Any], state: Path, port: int) -> None:
    node = start_node({**offline_parameters, 'max_file_size': 100_000}).serving()
    http = HttpClient(port).serving()
    assert http.upload('large.ulg', bytes(300_000)).status == 413
    assert http.upload('large.ulg', bytes(100_001)).status == 413
    assert received(state) == []
    node.stop()
    start_node({**offline_parameters, 'http_min_free_bytes': 2 ** 60}).serving()
    answer = http.serving().upload('large.ulg', bytes(1000))
    assert answer.status == 507
    assert str(2 ** 60) in answer.json()['error']
    assert received(state) == []
