"""The node is killed between any two steps of an upload over HTTP: nothing is lost, or left."""
from collections.abc import Callable
import http.client
from pathlib import Path
import random
import threading

from flightlog_bucket.sandbox import Sandbox
import pytest
from robot import Robot
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient
from support.logs import write_log
from support.tree import below

LIVES = 10
NAME = 'cut.mcap'


def kept(state: Path) -> list[Path]:
    return below(state / 'received')


def stored_names(sandbox: Sandbox, prefix: str) -> list[str]:
    client = sandbox.admin_client('s3')
    found = client.list_objects_v2(Bucket=sandbox.node_parameters()['bucket_name'],
                                   Prefix=prefix).get('Contents', [])
    return sorted(o['Key'].rpartition('/')[2].split('_', 2)[2] for o in found)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_log(tmp_path / NAME).read_bytes()


@pytest.fixture
def left_by(robot: Robot, port: int, proxy: FaultProxy, content: bytes) -> Callable[[], Path]:
    """Return what makes a node accept a log, and kills it before S3 has it."""
    def leave() -> Path:
        proxy.refuse()
        robot.switch_on(http_port=port, endpoint_url=proxy.url).serving()
        client = HttpClient(port).serving()
        assert client.upload(NAME, content, enqueue_only='true').status == 202
        robot.cut_power()
        path, = (path for path in kept(robot.state) if path.is_file())
        proxy.heal()
        return path
    return leave


def test_killed_after_it_was_accepted(robot: Robot, left_by: Callable[[], Path],
                                      sandbox: Sandbox) -> None:
    left_by()
    robot.switch_on().serving()
    wait_until(lambda: not kept(robot.state))
    assert stored_names(sandbox, robot.machine_prefix) == [NAME]


def test_killed_before_it_was_accepted(robot: Robot, left_by: Callable[[], Path],
                                       sandbox: Sandbox) -> None:
    left_by()
    # Whole, on the disk, and unknown: also what a ledger that was lost makes of it.
    for file in robot.state.glob('*.sqlite*'):
        file.unlink()
    (robot.state / 'received' / '00ff').mkdir()
    (robot.state / 'received' / '.flightlog-00ff.part').write_bytes(b'half of a log')
    robot.switch_on().serving()
    wait_until(lambda: not kept(robot.state))
    assert stored_names(sandbox, robot.machine_prefix) == [NAME]


def test_killed_after_it_was_stored(robot: Robot, left_by: Callable[[], Path], content: bytes,
                                    sandbox: Sandbox) -> None:
    path = left_by()
    received = path.stat()
    # The ledger of a node that has stored it, and the file as it was before that one removed it.
    spare = robot.state.parent / 'spare'
    spare.hardlink_to(path)
    robot.switch_on().serving()
    wait_until(lambda: not kept(robot.state))
    robot.cut_power()
    path.parent.mkdir()
    path.hardlink_to(spare)
    spare.unlink()
    assert path.stat().st_ino == received.st_ino

    robot.switch_on(max_bandwidth=1).serving()  # nothing can be sent again
    wait_until(lambda: not kept(robot.state))
    assert stored_names(sandbox, robot.machine_prefix) == [NAME]


@pytest.mark.timeout(300)
def test_killed_at_any_moment(robot: Robot, port: int, chance: random.Random, content: bytes,
                              sandbox: Sandbox) -> None:
    accepted: set[str] = set()
    for life in range(LIVES):
        robot.switch_on(http_port=port).serving()
        client = HttpClient(port).serving()
        if life == 0:  # one is, also where the computer is slower than the killer
            accepted.add('first.mcap')
            assert client.upload('first.mcap', content, enqueue_only='true').status == 202
        killer = threading.Timer(chance.uniform(0.0, 0.4), robot.cut_power)
        killer.start()
        try:
            for number in range(1000):
                name = f'life{life}_{number}.mcap'
                if client.upload(name, content, enqueue_only='true').status == 202:
                    accepted.add(name)
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        killer.join()
    robot.switch_on().serving()
    wait_until(lambda: not kept(robot.state), 60)
    stored = stored_names(sandbox, robot.machine_prefix)
    assert accepted
    assert accepted <= set(stored)
    # What was not answered may be there as well; nothing twice.
    assert len(stored) == len(set(stored))
    assert len(set(stored) - accepted) <= LIVES
