"""Goals of ~/upload_log in hard times: they wait, and say why."""
from collections.abc import Iterator
from pathlib import Path
import signal
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Info
from goals import ABORTED, goal_sender, GoalSender, SUCCEEDED
import pytest
from robot import Robot
from ros_client import RosClient
from std_srvs.srv import SetBool
from support.fault_proxy import FaultProxy
from support.logs import write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digests

SIZE = 24 * MIB
GOALS = 300
TAKEN = 20
LIVES = 3

HOSTILE = [
    ({'file_path': ''}, 400),
    ({'file_path': '\0'}, 400),
    ({'file_path': '/nowhere/flight.ulg'}, 404),
    ({'file_path': '/' + 'x' * 5000 + '.ulg'}, 400),
    ({'file_path': '/x' * 400_000}, 400),
    ({'file_path': 'LOG', 'custom_filename': 'x' * 800_000 + '.mcap'}, 400),
    ({'file_path': '/dev/zero'}, 400),
    ({'file_path': '/proc/self/mem'}, 400),
    ({'file_path': '/tmp'}, 400),
    ({'file_path': '\x1b[31m\n\udcff.ulg'.encode('utf-8', 'replace').decode()}, 404),
    ({'file_path': 'LOG', 'custom_filename': '../../other.mcap'}, 400),
    ({'file_path': 'LOG', 'custom_filename': 'x' * 3000 + '.mcap'}, 400),
    ({'file_path': 'LOG', 'custom_filename': 'other.ulg'}, 400),
]


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node whose way to S3 can be broken."""
    return {**parameters, 'endpoint_url': proxy.url, 'max_bandwidth': 2 * MIB,
            'request_timeout': 4}


@pytest.fixture
def goals(robot: Robot, ros: RosClient) -> Iterator[GoalSender]:
    """Return what sends goals to the robot, which is on."""
    robot.switch_on(max_pending_requests=TAKEN).serving()
    with goal_sender(ros, robot.namespace) as sender:
        yield sender


def _in_the_bucket(sandbox: Sandbox, robot: Robot) -> dict[str, str]:
    return digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)


def test_it_waits_for_the_network_and_for_the_end_of_a_pause(
        goals: GoalSender, robot: Robot, proxy: FaultProxy, sandbox: Sandbox,
        tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', SIZE)
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda f: f.sent_bytes > SIZE // 4)
    proxy.refuse()
    waits = goal.wait_for_feedback(lambda f: f.state == 'queued' and f.reason)
    assert waits.attempts >= 1
    assert not goal.has_ended()
    assert robot.call(SetBool, 'set_paused', data=True).success
    proxy.heal()
    goal.wait_for_feedback(lambda f: 'paused' in f.reason)
    assert not goal.has_ended()
    assert robot.call(SetBool, 'set_paused', data=False).success
    status, result = goal.result(60.0)
    assert (status, result.status) == (SUCCEEDED, 200), result.error
    goal.wait_for_feedback(lambda f: f.sent_bytes == SIZE)
    sent = [feedback.sent_bytes for feedback in goal.feedback]
    assert sent == sorted(sent)
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), [log])


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_end_of_the_node(goals: GoalSender, robot: Robot, proxy: FaultProxy, sandbox: Sandbox,
                             ros: RosClient, tmp_path: Path, number: int) -> None:
    logs = [write_big_ulg(tmp_path / f'flight{n}.ulg', SIZE, seed=n) for n in range(3)]
    sent = [goals.send(file_path=str(log)) for log in logs]
    for goal in sent:
        goal.wait_for_feedback(lambda f: f.sent_bytes > 0)
    robot.node.send(number)
    for goal in sent:
        status, result = goal.result()
        assert (status, result.success, result.status) == (ABORTED, False, 499)
        assert 'the node is ending' in result.error
        assert 'stays accepted' in result.error
    assert robot.node.wait() == 0
    assert 'Traceback' not in robot.node.log
    robot.switch_on(max_bandwidth=0).serving()
    robot.wait_until_stored(logs)
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), logs)


def test_after_the_end_nobody_takes_the_node_for_alive(robot: Robot, ros: RosClient,
                                                       tmp_path: Path) -> None:
    # On a busy computer, the bound of its end may come before it has said goodbye.
    log = write_log(tmp_path / 'small.mcap')
    assert any(_says_goodbye(robot, ros, log) for _ in range(LIVES))


def _says_goodbye(robot: Robot, ros: RosClient, log: Path) -> bool:
    robot.switch_on().serving()
    with goal_sender(ros, robot.namespace) as goals:
        assert goals.send(file_path=str(log)).result()[0] == SUCCEEDED
        robot.switch_off()
        try:
            # What a process leaves behind that does not say goodbye is there for 20 s.
            goals.wait_until_gone(10.0)
        except AssertionError:
            return False
    return True


@pytest.mark.parametrize('fields, status', HOSTILE)
def test_hostile_goals(goals: GoalSender, robot: Robot, tmp_path: Path, fields: dict[str, str],
                       status: Any) -> None:
    log = write_log(tmp_path / 'small.mcap')
    path = fields['file_path'].replace('LOG', str(log))
    goal = goals.send(**{**fields, 'file_path': path})
    ended, result = goal.result()
    assert (ended, result.success) == (ABORTED, False)
    assert result.status == status or (status is None and 400 <= result.status < 500)
    assert result.error
    assert 'internal error' not in robot.node.log
    assert robot.call(Info).success


def test_too_many_goals(goals: GoalSender, robot: Robot, proxy: FaultProxy, sandbox: Sandbox,
                        tmp_path: Path) -> None:
    proxy.refuse()
    logs = [write_log(tmp_path / f'flight{n:03}.mcap') for n in range(TAKEN)]
    asked = [logs[n % len(logs)] for n in range(GOALS)]
    sent = [goals.send(file_path=str(log)) for log in asked]
    taken = [log for log, goal in zip(asked, sent, strict=True) if goal.is_accepted]
    assert 1 <= len(taken) <= TAKEN
    robot.node.wait_for('a goal is refused')
    assert robot.info().success
    proxy.heal()
    for goal in sent:
        if goal.is_accepted:
            status, result = goal.result(60.0)
            assert status == SUCCEEDED, result.error
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), set(taken))


def test_a_surprise_ends_the_goal_and_not_the_node(robot: Robot, ros: RosClient,
                                                   start_node: Any, parameters: Any,
                                                   tmp_path: Path) -> None:
    program = ('-c', 'from flightlog_bucket.ros.main import main\n'
                     'from flightlog_bucket.operations.uploads import Uploads\n'
                     'def fail(self, path, name):\n'
                     '    raise RuntimeError("a surprise")\n'
                     'Uploads.follow = fail\n'
                     'main()')
    node = start_node(parameters, program=program).serving()
    with goal_sender(ros) as sender:
        log = write_log(tmp_path / 'small.mcap')
        status, result = sender.send(file_path=str(log)).result()
        assert (status, result.success, result.status) == (ABORTED, False, 500)
        assert 'internal error' in result.error
        node.wait_for('RuntimeError: a surprise')
        goal = sender.send(file_path=str(log), enqueue_only=True)
        assert goal.result()[0] == SUCCEEDED
