"""``flightlog`` where something is missing, ends or is cancelled."""
import json
from pathlib import Path
import signal
from typing import Any

from command_line import (
    begin,
    folder_of,
    objects,
    parameters_of_own,
    run,
    uploads_in_parts,
)
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Info
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import write_big_ulg


@pytest.fixture
def parameters(parameters: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has."""
    return parameters_of_own(parameters, tmp_path)


@pytest.fixture
def folder(parameters: dict[str, Any]) -> str:
    """Return the folder of this robot in the bucket."""
    return folder_of(parameters)


def test_no_node_is_told_soon(domain: int) -> None:
    empty = {'ROS_DOMAIN_ID': '101', 'FLIGHTLOG_NODE': ''}
    for command in ('list', 'queue', 'pause'):
        code, out, err = run(command, '--timeout', '0.5', environment=empty)
        assert (code, out) == (2, '')
        [line] = err.splitlines()
        assert all(words in line for words in ('no node', 'ROS_DOMAIN_ID 101', 'ros2 launch'))
        assert ('--direct' in line) == (command == 'list')


def test_of_several_nodes_one_must_be_named(
        node: NodeProcess, start_node: Any, parameters: dict[str, Any]) -> None:
    start_node({**parameters, 'robot_instance_id': 'second'},
               ros_arguments=('-r', '__ns:=/second')).serving()
    # A busy computer may find the second one too late, once.
    told: list[tuple[int, str, str]] = []
    nameless = {'FLIGHTLOG_NODE': ''}
    wait_until(lambda: told.append(run('info', environment=nameless)) or told[-1][0] == 2,
               within_s=60)
    _, out, err = told[-1]
    assert out == ''
    assert 'several nodes: /flightlog_bucket, /second/flightlog_bucket' in err
    code, out, _ = run('info', '--json', '--node', 'second/flightlog_bucket')
    assert (code, json.loads(out)['robot_instance_id']) == (0, 'second')
    code, _, err = run('info', '--node', '/third', '--timeout', '6')
    assert code == 2
    # Of other tests, nodes that were killed may be seen still.
    seen = err.partition('no node /third; there is ')[2].strip().split(', ')
    assert {'/flightlog_bucket', '/second/flightlog_bucket'} <= set(seen), err
    for wrong in ('/with space', '/a//b', '\x1b[2J'):
        code, _, err = run('info', '--node', wrong, '--timeout', '0.5')
        assert code == 2, err
        assert len(err.splitlines()) == 1


def test_two_nodes_of_one_name_are_told(node: NodeProcess, start_node: Any,
                                        parameters: dict[str, Any]) -> None:
    start_node({**parameters, 'robot_instance_id': 'twin'}).serving()
    wait_until(lambda: run('pause')[0] == 2, within_s=60)
    code, out, err = run('pause')
    assert (code, out) == (2, '')
    assert 'two nodes are called /flightlog_bucket; give them namespaces' in err


def test_before_a_change_it_waits_for_other_nodes(
        node: NodeProcess, start_node: Any, parameters: dict[str, Any], ros: RosClient) -> None:
    start_node({**parameters, 'robot_instance_id': 'second'},
               ros_arguments=('-r', '__ns:=/second')).serving()
    # The second one is seen only once the graph is quiet.
    code = ('from flightlog_bucket.cli.over_ros import finding\n'
            'all_names, wait = finding.names, finding.Graph.wait_until_quiet\n'
            'finding.names = lambda node: all_names(node)[:1]\n'
            'def quiet(self):\n'
            '    wait(self)\n'
            '    self._until(lambda: len(all_names(self._node)) == 2, 30)\n'
            '    finding.names = all_names\n'
            'finding.Graph.wait_until_quiet = quiet')
    ended, out, err = run('pause', environment={'FLIGHTLOG_NODE': ''}, code=code)
    assert (ended, out) == (2, '')
    assert 'several nodes' in err
    assert not ros.call(Info).paused


def test_a_node_that_does_not_answer_is_asked_all_the_same(node: NodeProcess) -> None:
    assert run('info')[0] == 0  # it is known
    node.send(signal.SIGSTOP)
    try:
        code, out, err = run('info', '--timeout', '0.1')
    finally:
        node.send(signal.SIGCONT)
    assert (code, out) == (2, '')
    assert ('/flightlog_bucket does not answer within 0.1 s; it may have ended, hang, or be busy:'
            ' try a longer --timeout, e.g. 30, or give --direct') in err
    assert run('info')[0] == 0


def test_without_ros_it_says_what_to_do() -> None:
    code, _, err = run('list', code='import sys; sys.modules["rclpy"] = None')
    assert code == 2
    assert 'setup.bash' in err
    assert '--direct' in err
    code, _, err = run('list', code='import sys; sys.modules["flightlog_bucket.srv"] = None')
    assert code == 2
    assert 'interfaces of flightlog_bucket' in err


@pytest.fixture
def slow(start_node: Any, parameters: dict[str, Any], proxy: FaultProxy,
         may_abort: None) -> NodeProcess:
    """Return a node whose uploads go in parts, not too fast, through a proxy."""
    return start_node({**parameters, 'endpoint_url': proxy.url, 'part_size': 5 * MIB,
                       'multipart_threshold': 5 * MIB, 'max_concurrent_parts': 1,
                       'max_bandwidth': 4 * MIB}).serving()


def test_ctrl_c_leaves_nothing_in_the_bucket(
        slow: NodeProcess, proxy: FaultProxy, tmp_path: Path, sandbox: Sandbox,
        folder: str) -> None:
    big = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 40 * MIB)
    with begin('upload', big) as command:
        proxy.wait_until(lambda found: any(e.kind == 'uploadId' for e in found), 60)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert 'cancelling' in err
    assert 'cancelled' in err
    assert objects(sandbox, folder) == []
    assert uploads_in_parts(sandbox, folder) == []


def test_sigterm_cancels_and_the_end_of_the_terminal_does_not(
        slow: NodeProcess, proxy: FaultProxy, tmp_path: Path, sandbox: Sandbox,
        folder: str) -> None:
    kept, cancelled = (write_big_ulg(tmp_path / f'{tmp_path.name}{n}.ulg', 40 * MIB, n)
                       for n in range(2))
    with begin('upload', kept) as left:
        assert left.stdout is not None
        assert left.stdout.readline()
        left.send_signal(signal.SIGHUP)
        assert left.wait(60) == 129
    with begin('upload', cancelled) as ended:
        assert ended.stdout is not None
        assert ended.stdout.readline()
        ended.send_signal(signal.SIGTERM)
        _, err = ended.communicate(timeout=60)
    assert ended.returncode == 143
    assert 'cancelled' in err
    wait_until(lambda: objects(sandbox, folder), 60)
    [key] = objects(sandbox, folder)
    assert key.endswith(kept.name)


def test_who_stops_reading_cancels_the_upload(
        slow: NodeProcess, proxy: FaultProxy, tmp_path: Path, sandbox: Sandbox,
        folder: str) -> None:
    # It notices with its next line, and that may be the one that comes each 10 s.
    paths = [write_big_ulg(tmp_path / f'{tmp_path.name}{n}.ulg', 60 * MIB, n) for n in range(2)]
    with begin('upload', *paths) as command:
        assert command.stdout is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.wait(60) == 141
    wait_until(lambda: not uploads_in_parts(sandbox, folder))
    assert objects(sandbox, folder) == []


def test_a_node_that_ends_in_mid_upload_is_told(slow: NodeProcess, proxy: FaultProxy,
                                                tmp_path: Path) -> None:
    big = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 40 * MIB)
    with begin('upload', big) as command:
        proxy.wait_until(lambda found: any(e.kind == 'uploadId' for e in found), 60)
        slow.send(signal.SIGTERM)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 1
    [line] = err.splitlines()
    assert 'ending' in line or 'has ended' in line


def test_a_node_that_is_killed_in_mid_upload_is_told(
        start_node: Any, parameters: dict[str, Any], tmp_path: Path) -> None:
    # Under a name of its own: who has met it takes it for alive for some time.
    node = start_node({**parameters, 'max_bandwidth': 10_000},
                      ros_arguments=('-r', '__ns:=/killed')).serving()
    big = write_big_ulg(tmp_path / f'{tmp_path.name}.ulg', 4 * MIB)
    with begin('upload', big, '--node', '/killed/flightlog_bucket') as command:
        assert command.stdout is not None
        assert command.stdout.readline()
        node.send(signal.SIGKILL)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 1
    assert 'has ended, or cannot be reached any more' in err


def test_watch_ends_with_the_node(node: NodeProcess) -> None:
    with begin('watch', '--json') as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())
        node.send(signal.SIGTERM)
        _, err = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert 'has ended' in err


def test_it_says_that_an_older_node_lacks_something(ros: RosClient, node: NodeProcess) -> None:
    code = ('from flightlog_bucket.cli.over_ros import node_backend\n'
            'node_backend._KINDS = {**node_backend._KINDS, "newer": node_backend.Info, "info":'
            ' node_backend._KINDS["info"]}\n'
            'node_backend.NodeBackend.delete = lambda self, key: self._call("newer")')
    ended, _, err = run('delete', '--yes', 'x', code=code)
    assert ended == 1
    assert '/flightlog_bucket has no ~/newer' in err


def test_help_and_check_load_nothing_heavy(log: Path) -> None:
    code = ('import atexit, sys\natexit.register(lambda: print([n for n in ("rclpy", "rich",'
            ' "boto3", "requests", "argcomplete") if n in sys.modules], file=sys.stderr))')
    for arguments in (('--help',), ('upload', '--help'), ('check', log)):
        ended, _, err = run(*arguments, code=code)
        assert (ended, err.strip()) == (0, '[]')
