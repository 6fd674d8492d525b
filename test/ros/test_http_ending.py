"""A node ends in time, whatever its HTTP clients do; nothing that it has accepted is lost."""
from collections.abc import Callable
import json
import os
from pathlib import Path
import signal
import socket
import threading
import time
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from node_process import NodeProcess
import pytest
from robot import Robot
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import Swallow
from support.http_client import form, HttpAnswer, HttpClient
from support.logs import write_big_ulg, write_log, write_long_to_check
from support.tree import below

StartNode = Callable[..., NodeProcess]
END_S = 2.0
HEAD = b'Host: localhost\r\n'
MIB = 1024 ** 2


def connected(http: HttpClient, request: bytes) -> socket.socket:
    client = http.connect()
    client.sendall(request)
    return client


def end(node: NodeProcess, number: int) -> float:
    """End a node; return how long it took, without the time in which others had the CPU."""
    waited_s, began_s = waited_for_cpu_s(node.pid), time.monotonic()
    node.send(number)
    os.waitid(os.P_PID, node.pid, os.WEXITED | os.WNOWAIT)
    took_s = time.monotonic() - began_s - (waited_for_cpu_s(node.pid) - waited_s)
    assert node.wait() == 0, node.log
    return took_s


def waited_for_cpu_s(pid: int) -> float:
    """Return for how long that process, and this thread, were ready and others had the CPU."""
    return sum(int(Path(f'/proc/{name}/schedstat').read_text().split()[1])
               for name in (pid, 'thread-self')) / 1e9


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_while_clients_are_connected(robot: Robot, port: int, proxy: FaultProxy, tmp_path: Path,
                                     sandbox: Sandbox, number: int) -> None:
    node = robot.switch_on(http_port=port, endpoint_url=proxy.url, request_timeout=60).serving()
    http = HttpClient(port).serving()
    key = http.upload('large.ulg', write_big_ulg(tmp_path / 'large.ulg', 24 * MIB).read_bytes()
                      ).json()['s3_key']
    body, kind = form('half.ulg', bytes(MIB))
    clients = [
        connected(http, f'GET /bucket/download/{key} HTTP/1.1\r\n'.encode() + HEAD + b'\r\n'),
        connected(http, b'GET /robot/events HTTP/1.1\r\n' + HEAD + b'\r\n'),
        connected(http, b'GET / HTTP/1.1\r\n' + HEAD + b'\r\n'),
        connected(http, b'GET / HTTP'),
        connected(http, b'POST /bucket/upload HTTP/1.1\r\n' + HEAD + b'Content-Type: '
                  + kind.encode() + b'\r\nContent-Length: %d\r\n\r\n' % len(body) + body[:-100])]
    for client in clients[:3]:
        assert client.recv(12) == b'HTTP/1.1 200'
    proxy.black_hole()
    waits = write_log(tmp_path / 'waits.mcap')
    answers: list[HttpAnswer] = []
    caller = threading.Thread(
        target=lambda: answers.append(http.upload(waits.name, waits.read_bytes())))
    caller.start()
    wait_until(lambda: [t['state'] for t in http.get('/robot/transfers').json()['transfers']
                        ] == ['uploading'])

    assert end(node, number) < END_S
    caller.join()
    # Who waited for S3 is told.
    assert answers[0].status == 499
    assert answers[0].json()['error'].startswith('the node is ending; the log ')
    assert 'accepted' in answers[0].json()['error']
    for words in ('Traceback', 'never retrieved', 'was destroyed'):
        assert words not in node.log
    for client in clients:
        client.close()

    proxy.heal()
    robot.switch_on().serving()
    wait_until(lambda: not list((robot.state / 'received').iterdir()), 60)
    listed = sandbox.admin_client('s3').list_objects_v2(
        Bucket=sandbox.node_parameters()['bucket_name'], Prefix=robot.machine_prefix)['Contents']
    assert sorted(o['Key'].rpartition('_')[2] for o in listed) == ['large.ulg', 'waits.mcap']


@pytest.mark.parametrize('fields', [{}, {'enqueue_only': 'true'}])
def test_while_a_log_is_checked(robot: Robot, port: int, tmp_path: Path, sandbox: Sandbox,
                                fields: dict[str, str]) -> None:
    node = robot.switch_on(http_port=port, validation_level='full').serving()
    http = HttpClient(port).serving()
    log = write_long_to_check(tmp_path / 'long.ulg')
    answers: list[HttpAnswer] = []
    caller = threading.Thread(
        target=lambda: answers.append(http.upload(log.name, log.read_bytes(), **fields)))
    caller.start()
    received = robot.state / 'received'
    wait_until(lambda: any(path.name == log.name for path in below(received)))
    node.send(signal.SIGTERM)
    assert node.wait() == 0, node.log
    caller.join()
    assert answers[0].status == 499
    assert 'the log is here, and is accepted when the node starts again' in (
        answers[0].json()['error'])
    assert [path.name for path in received.glob('*/*')] == [log.name]

    robot.switch_on().serving()
    wait_until(lambda: not list(received.iterdir()), 60)
    listed = sandbox.admin_client('s3').list_objects_v2(
        Bucket=sandbox.node_parameters()['bucket_name'], Prefix=robot.machine_prefix)['Contents']
    assert [o['Size'] for o in listed] == [log.stat().st_size]


@pytest.mark.parametrize('delay_ms', [0, 100, 300, 600, 900, 1200])
def test_while_it_starts_to_serve(start_node: StartNode, parameters: dict[str, Any], port: int,
                                  delay_ms: int) -> None:
    node = start_node({**parameters, 'http_port': port}).serving()
    time.sleep(delay_ms / 1000)  # the moment of the signal
    assert end(node, signal.SIGTERM) < END_S
    assert 'Traceback' not in node.log


def test_who_waits_for_the_list_of_stored_logs_is_told(
        robot: Robot, port: int, proxy: FaultProxy) -> None:
    node = robot.switch_on(http_port=port, endpoint_url=proxy.url, request_timeout=60).serving()
    http = HttpClient(port).serving()
    with connected(http, b'GET /robot/events HTTP/1.1\r\n' + HEAD + b'\r\n') as events:
        assert events.recv(12) == b'HTTP/1.1 200'
        assert http.get('/robot/logs').status == 200
        proxy.fail(Swallow(), None, kind='list-type')
        lists = proxy.count(kind='list-type')
        with connected(http, b'GET /robot/logs HTTP/1.1\r\n' + HEAD + b'\r\n') as client:
            wait_until(lambda: proxy.count(kind='list-type') > lists)
            assert end(node, signal.SIGTERM) < END_S
            answer = b''.join(iter(lambda: client.recv(65536), b''))
    assert answer.startswith(b'HTTP/1.1 499')
    assert b'the node is ending' in answer


def test_events_that_are_read_end_with_the_node(robot: Robot, port: int) -> None:
    node = robot.switch_on(http_port=port).serving()
    http = HttpClient(port).serving()
    with connected(http, b'GET /robot/events HTTP/1.1\r\n' + HEAD + b'\r\n') as client:
        heard = b''
        while b'\n\n' not in heard.partition(b'event: state\n')[2]:
            heard += client.recv(65536)
        state = heard.partition(b'event: state\ndata: ')[2].partition(b'\n')[0]
        assert json.loads(state)['machine'] == robot.machine_prefix.split('/')[1]
        node.send(signal.SIGTERM)
        while block := client.recv(65536):
            heard += block
    assert node.wait() == 0
