"""When a node serves HTTP, and what it takes when it does not."""
from collections.abc import Callable
from pathlib import Path
import socket
import time
from typing import Any

from flightlog_bucket.srv import Info
from node_process import NodeProcess
from ros_client import RosClient
from support.http_client import HttpClient, kept_port
from support.processes import cpu_s

StartNode = Callable[..., NodeProcess]
IDLE_S = 5.0
SLOW_IMPORT = """
import os, sys, time
class Slow:
    def find_spec(self, name, path, target=None):
        while name == 'fastapi' and not os.path.exists({may_import!r}):
            time.sleep(0.01)
sys.meta_path.insert(0, Slow())
from flightlog_bucket.ros.main import main
main()
"""


def libraries(node: NodeProcess) -> str:
    """Return the files that the process has mapped."""
    return Path(f'/proc/{node.pid}/maps').read_text()


def test_a_node_without_http_knows_nothing_of_it(start_node: StartNode, ros: RosClient,
                                                 parameters: dict[str, Any]) -> None:
    node = start_node(parameters).serving()
    assert ros.call(Info).success
    assert 'pydantic' not in libraries(node)
    assert 'HTTP' not in node.log


def test_ros_does_not_wait_for_http(start_node: StartNode, ros: RosClient, port: int,
                                    parameters: dict[str, Any], tmp_path: Path) -> None:
    may_import = tmp_path / 'may_import'
    program = ('-c', SLOW_IMPORT.format(may_import=str(may_import)))
    node = start_node({**parameters, 'http_port': port}, program=program).serving()
    assert ros.call(Info).success
    assert 'HTTP: the page' not in node.log
    may_import.touch()
    HttpClient(port).serving()
    node.wait_for('HTTP: the page')
    assert 'pydantic' in libraries(node)


def test_a_port_that_is_taken_is_tried_again(start_node: StartNode, ros: RosClient, port: int,
                                             parameters: dict[str, Any]) -> None:
    with socket.create_server(('127.0.0.1', port)):
        node = start_node({**parameters, 'http_port': port}).serving()
        node.wait_for(f'HTTP: cannot serve at 127.0.0.1 port {port}: Address already in use')
        assert ros.call(Info).success
    HttpClient(port).serving()
    assert node.log.count('cannot serve') == 1


def test_an_address_that_is_not_there_is_no_reason_to_end(
        start_node: StartNode, ros: RosClient, port: int, parameters: dict[str, Any],
        tmp_path: Path) -> None:
    token = tmp_path / 'token'
    token.write_text('this-is-no-real-token')
    node = start_node({**parameters, 'http_port': port, 'http_address': '203.0.113.1',
                       'http_token_file': str(token)}).serving()
    node.wait_for('HTTP: cannot serve at 203.0.113.1')
    assert ros.call(Info).success


def test_ipv6(start_node: StartNode, parameters: dict[str, Any]) -> None:
    with kept_port('::1') as port:
        node = start_node({**parameters, 'http_port': port, 'http_address': '::1'}).serving()
        node.wait_for(f'HTTP: the page and the REST API are at http://[::1]:{port}/')
        assert HttpClient(port, address='::1').get('/bucket/info').status == 200


def test_a_package_that_is_too_old_ends_it(start_node: StartNode, parameters: dict[str, Any],
                                           port: int, tmp_path: Path) -> None:
    facts = tmp_path / 'fastapi-0.63.0.dist-info'
    facts.mkdir()
    (facts / 'METADATA').write_text('Metadata-Version: 2.1\nName: fastapi\nVersion: 0.63.0\n')
    program = ('-c', f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
                     'from flightlog_bucket.ros.main import main\nmain()')
    node = start_node({**parameters, 'http_port': port}, program=program)
    assert node.wait() == 2
    assert 'http_port is set, and fastapi 0.63.0 is too old' in node.log


def test_an_idle_server_takes_no_cpu(http: HttpClient, node_with_http: NodeProcess) -> None:
    with http.connect() as client:
        client.sendall(b'GET /robot/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
        begun = b''
        while b'event: state' not in begun:
            begun += client.recv(4096)
        shares = []
        for _ in range(3):  # what belongs to the start may be in the first
            used_s = cpu_s(node_with_http.pid)
            read_for(client, IDLE_S)
            shares.append((cpu_s(node_with_http.pid) - used_s) / IDLE_S)
    assert min(shares) < 0.01, shares


def read_for(client: socket.socket, lasts_s: float) -> None:
    """Read events until so much time has passed: the time over which something is measured."""
    ends_s = time.monotonic() + lasts_s
    while (left_s := ends_s - time.monotonic()) > 0:
        client.settimeout(left_s)
        try:
            assert client.recv(4096)
        except TimeoutError:
            return
