"""Goals of ~/upload_log whose files change on their way, or that are cancelled among others."""
from collections.abc import Iterator
import os
from pathlib import Path
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Upload
from goals import CANCELED, goal_sender, GoalSender, SUCCEEDED
import pytest
from robot import Robot
from ros_client import RosClient
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import Delay
from support.logs import START_NS, write_big_ulg, write_long_to_check
from support.objects import check_each_is_stored_once, digests

SIZE = 32 * MIB
CHECKED = 20


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node that takes some seconds for a log."""
    return {**parameters, 'endpoint_url': proxy.url, 'max_bandwidth': 2 * MIB,
            'validation_level': 'full'}


@pytest.fixture
def goals(robot: Robot, ros: RosClient) -> Iterator[GoalSender]:
    """Return what sends goals to the robot, which is on."""
    robot.switch_on().serving()
    with goal_sender(ros, robot.namespace) as sender:
        yield sender


def _in_the_bucket(sandbox: Sandbox, robot: Robot) -> dict[str, str]:
    return digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)


def test_a_log_that_is_rewritten_smaller(goals: GoalSender, robot: Robot, sandbox: Sandbox,
                                         tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', SIZE)
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda f: f.sent_bytes > SIZE // 2)
    smaller = write_big_ulg(tmp_path / 'smaller.ulg', SIZE // 4, seed=3)
    log.write_bytes(smaller.read_bytes())  # at once: nobody finds half of it
    status, result = goal.result(60.0)
    assert (status, result.file_size) == (SUCCEEDED, log.stat().st_size), result.error
    goal.wait_for_feedback(lambda f: f.sent_bytes == f.total_bytes)
    told = [(f.sent_bytes, f.total_bytes) for f in goal.feedback]
    assert [sent for sent, _ in told] == sorted(sent for sent, _ in told)
    assert all(sent <= total for sent, total in told)
    assert told[-1][0] == told[-1][1] > SIZE // 2
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), [log])


def test_cancelling_does_not_wait_for_the_checks_of_others(
        may_abort: None, goals: GoalSender, robot: Robot, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', 4 * SIZE)  # it outlasts the checks
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda f: f.state == 'uploading' and f.sent_bytes > 0)
    long = write_long_to_check(tmp_path / 'long.ulg')
    others = [tmp_path / f'long{number}.ulg' for number in range(CHECKED)]
    for other in others:
        os.link(long, other)
    answers = [robot.begin(Upload, file_path=str(other), enqueue_only=True) for other in others]
    wait_until(answers[0].is_there, 30.0)
    goal.cancel()
    status, result = goal.result()
    checked = sum(answer.is_there() for answer in answers)
    assert (status, result.status) == (CANCELED, 499), result.error
    assert checked <= CHECKED - 2  # behind them, it would come when one of them is left
    assert [answer.get(60.0).status for answer in answers] == [202] * CHECKED


def test_the_end_of_a_half_stored_bag_tells_of_all_its_files(
        may_abort: None, goals: GoalSender, robot: Robot, proxy: FaultProxy, sandbox: Sandbox,
        tmp_path: Path) -> None:
    from flightlog_bucket.demo.recordings import write_rosbag2
    from rosbags.rosbag2 import StoragePlugin
    directory = tmp_path / 'run1'
    write_rosbag2(directory, START_NS, 20.0, StoragePlugin.MCAP)
    second = directory / 'run1_1.mcap'
    second.write_bytes(next(directory.glob('*.mcap')).read_bytes())
    proxy.fail(Delay(10.0), None, method='PUT', key=second.name)
    goal = goals.send(file_path=str(directory))
    wait_until(lambda: _in_the_bucket(sandbox, robot), 30.0)
    goal.cancel()
    status, result = goal.result(60.0)
    assert (status, result.status) == (CANCELED, 499), result.error
    assert 'stay in the bucket' in result.error
    assert _in_the_bucket(sandbox, robot)
