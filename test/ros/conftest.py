"""The fixtures of the tests with a real node."""
from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import random
import signal
from typing import Any
import warnings

from node_process import NodeProcess
import pytest

pytest.importorskip('rclpy', reason='ROS 2 is not installed')
pytest.importorskip('flightlog_bucket.srv', reason='the interfaces are not built')

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.domain import own_domain
from flightlog_bucket.settings import MIB
from robot import Robot
from ros_client import RosClient
import split_events
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient, kept_port
from support.logs import write_log

StartNode = Callable[..., NodeProcess]


@pytest.fixture(scope='session', autouse=True)
def domain() -> Iterator[int]:
    """Take a DDS domain that no other test process on this computer has."""
    # What is started from here is told of the end of its terminal, also under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with own_domain() as number:
        yield number


@pytest.fixture(scope='session')
def sandbox() -> Iterator[Sandbox]:
    """Return an S3 server with a session-token service."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def may_abort(sandbox: Sandbox) -> Iterator[None]:
    """Allow what the README calls useful, and not needed."""
    statement = {'Effect': 'Allow', 'Action': 's3:AbortMultipartUpload', 'Resource': '*'}
    iam = sandbox.admin_client('iam')
    role = {'RoleName': iam.list_roles()['Roles'][0]['RoleName'], 'PolicyName': 'abort'}
    iam.put_role_policy(**role, PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(**role)


@pytest.fixture
def proxy(sandbox: Sandbox) -> Iterator[FaultProxy]:
    """Return what breaks the way to the sandbox."""
    with FaultProxy(sandbox.endpoint_url) as running:
        yield running


@pytest.fixture(scope='session')
def ros() -> Iterator[RosClient]:
    """Return what talks to the node."""
    with warnings.catch_warnings():
        # What rclpy imports when it is first used is older than this Python.
        warnings.simplefilter('ignore', DeprecationWarning)
        client = RosClient()
    with client:
        yield client


@pytest.fixture
def start_node(tmp_path: Path, ros: RosClient) -> Iterator[StartNode]:
    """Return what starts a node; it is ended after the test."""
    nodes: list[NodeProcess] = []

    def start(parameters: dict[str, Any], **options: Any) -> NodeProcess:
        node = NodeProcess(tmp_path / f'node{len(nodes)}', parameters, **options)
        nodes.append(node)
        return node
    try:
        yield start
    finally:
        for node in nodes:
            node.stop()
        ros.forget()


@pytest.fixture
def parameters(sandbox: Sandbox) -> dict[str, Any]:
    """Return the parameters of a node that uses the sandbox; every test has a machine."""
    return {**sandbox.node_parameters(), 'request_timeout': 10}


@pytest.fixture
def node(start_node: StartNode, parameters: dict[str, Any]) -> NodeProcess:
    """Return a node that serves and uses the sandbox."""
    return start_node(parameters).serving()


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port of this computer that nobody else gets."""
    with kept_port() as number:
        yield number


@pytest.fixture
def http(port: int, node_with_http: NodeProcess) -> HttpClient:
    """Return a client of a node that serves HTTP too, to everybody on this computer."""
    return HttpClient(port).serving()


@pytest.fixture
def node_with_http(start_node: StartNode, parameters: dict[str, Any], port: int) -> NodeProcess:
    """Return a node that serves HTTP too."""
    return start_node({**parameters, 'http_port': port}).serving()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a flight log whose content and name no other test has."""
    return write_log(tmp_path / f'{tmp_path.name}.mcap')


@pytest.fixture(scope='session')
def rosbag2_interfaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which rosbag2_interfaces is installed."""
    return split_events.build(tmp_path_factory.mktemp('rosbag2_interfaces'))


@pytest.fixture
def robot(start_node: StartNode, ros: RosClient, parameters: dict[str, Any],
          tmp_path: Path) -> Robot:
    """Return a robot that uses the sandbox, and that no other test has."""
    name = ''.join(c if c.isalnum() else '-' for c in tmp_path.name)
    return Robot(start_node, ros, tmp_path / 'state', {
        **parameters, 'robot_instance_id': f'drone-{name}', 'retry_max_delay_s': 1,
        'part_size': 5 * MIB, 'multipart_threshold': 5 * MIB, 'max_concurrent_parts': 2})


@pytest.fixture
def chance() -> random.Random:
    """Return chance; FLIGHTLOG_SEED, which a failure shows, gives the same again."""
    seed = os.environ.get('FLIGHTLOG_SEED') or str(random.SystemRandom().randrange(2 ** 32))
    print(f'FLIGHTLOG_SEED={seed}')
    return random.Random(seed)
