"""Goals of ~/upload_log: how far they are, and how they are cancelled."""
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Upload
from goals import ABORTED, CANCELED, goal_sender, GoalSender, SentGoal, SUCCEEDED
import pytest
from robot import Robot
from ros_client import RosClient
from std_srvs.srv import SetBool
from support.damaged import write_corrupt, write_cut
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import START_NS, write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digest, digests
from support.sent import sent_again, sent_bytes, upload_ids

BYTES_PER_S = 2 * MIB
SIZE = 24 * MIB


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node that takes some seconds for a log."""
    return {**parameters, 'endpoint_url': proxy.url, 'max_bandwidth': BYTES_PER_S}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log that goes up in parts."""
    return write_big_ulg(tmp_path / 'flight.ulg', SIZE)


@pytest.fixture
def goals(robot: Robot, ros: RosClient) -> Iterator[GoalSender]:
    """Return what sends goals to the robot, which is on."""
    robot.switch_on().serving()
    with goal_sender(ros, robot.namespace) as sender:
        yield sender


def _in_the_bucket(sandbox: Sandbox, robot: Robot) -> dict[str, str]:
    return digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)


def _open_uploads(sandbox: Sandbox, robot: Robot) -> list[str]:
    found = sandbox.admin_client().list_multipart_uploads(Bucket=sandbox.bucket_name)
    return [upload['Key'] for upload in found.get('Uploads', ())
            if upload['Key'].startswith(robot.machine_prefix)]


def _check_feedback(goal: SentGoal, total: int) -> None:
    """Expect that it never goes back nor too far, and comes twice a second at most."""
    sent = [feedback.sent_bytes for feedback in goal.feedback]
    assert sent == sorted(sent)
    assert sent[-1] == total
    assert {feedback.total_bytes for feedback in goal.feedback} == {total}
    assert {feedback.state for feedback in goal.feedback} <= {'queued', 'uploading'}
    # On its way here each can be held up: all were sent after the goal, and before the last one
    # came. The first, the last one and each change of state come out of turn.
    states = [feedback.state for feedback in goal.feedback]
    out_of_turn = 2 + sum(a != b for a, b in pairwise(states))
    assert len(sent) <= 2 * (goal.times_s[-1] - goal.began_s) + out_of_turn


def test_it_tells_how_far_it_is(goals: GoalSender, robot: Robot, sandbox: Sandbox,
                                log: Path) -> None:
    goal = goals.send(file_path=str(log))
    status, result = goal.result(60.0)
    assert (status, result.success, result.status) == (SUCCEEDED, True, 200), result.error
    assert result.file_size == SIZE
    assert result.verdict == 'valid'
    assert _in_the_bucket(sandbox, robot) == {result.s3_key: digest(log)}
    goal.wait_for_feedback(lambda feedback: feedback.sent_bytes == SIZE)
    _check_feedback(goal, SIZE)
    under_way = [f for f in goal.feedback if 0 < f.sent_bytes < SIZE]
    assert len(under_way) >= 3
    assert any(BYTES_PER_S / 3 < f.rate < BYTES_PER_S * 3 for f in under_way)
    assert any(0 < f.remaining_s < 60 for f in under_way)


def test_a_log_that_is_there_sends_nothing(goals: GoalSender, robot: Robot, proxy: FaultProxy,
                                           log: Path) -> None:
    assert robot.call(Upload, file_path=str(log)).success
    before = sent_bytes(proxy.exchanges)
    goal = goals.send(file_path=str(log))
    status, result = goal.result()
    assert (status, result.already_stored) == (SUCCEEDED, True)
    assert sent_bytes(proxy.exchanges) == before


def test_cancelling_leaves_nothing_in_the_bucket(may_abort: None, goals: GoalSender, robot: Robot,
                                                 sandbox: Sandbox, log: Path) -> None:
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda feedback: feedback.sent_bytes > SIZE // 3)
    assert _open_uploads(sandbox, robot)
    assert len(goal.cancel().goals_canceling) == 1
    status, result = goal.result()
    assert (status, result.success, result.status) == (CANCELED, False, 499)
    assert 'cancelled' in result.error
    assert _open_uploads(sandbox, robot) == []
    assert _in_the_bucket(sandbox, robot) == {}
    assert robot.info(log).file_state == 'rejected'
    assert robot.info().orphans == []

    again = goals.send(file_path=str(log))
    assert again.result(60.0)[0] == SUCCEEDED
    assert len(_in_the_bucket(sandbox, robot)) == 1
    again.wait_for_feedback(lambda feedback: feedback.sent_bytes == SIZE)
    _check_feedback(again, SIZE)


def test_cancelling_where_parts_cannot_be_removed(goals: GoalSender, robot: Robot,
                                                  sandbox: Sandbox, log: Path) -> None:
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda feedback: feedback.sent_bytes > SIZE // 3)
    goal.cancel()
    status, result = goal.result()
    assert (status, result.status) == (CANCELED, 499)
    assert 'the parts of it' in result.error
    assert 'does not allow' in result.error
    assert _in_the_bucket(sandbox, robot) == {}
    wait_until(lambda: robot.info().orphans)


def test_cancelling_a_small_one_that_waits(goals: GoalSender, robot: Robot, sandbox: Sandbox,
                                           tmp_path: Path) -> None:
    robot.call(SetBool, 'set_paused', data=True)
    log = write_log(tmp_path / 'small.mcap')
    goal = goals.send(file_path=str(log))
    waits = goal.wait_for_feedback(lambda feedback: feedback.reason)
    assert (waits.state, waits.remaining_s) == ('queued', -1.0)
    assert 'paused' in waits.reason
    goal.cancel()
    assert goal.result()[0] == CANCELED
    robot.call(SetBool, 'set_paused', data=False)
    assert robot.info(log).file_state == 'rejected'
    assert _in_the_bucket(sandbox, robot) == {}


def test_two_goals_of_one_log_are_one_transfer(goals: GoalSender, robot: Robot, sandbox: Sandbox,
                                               proxy: FaultProxy, log: Path) -> None:
    first, second = goals.send(file_path=str(log)), goals.send(file_path=str(log))
    for goal in (first, second):
        goal.wait_for_feedback(lambda feedback: feedback.sent_bytes > SIZE // 4)
    first.cancel()
    status, result = first.result()
    assert (status, result.status) == (CANCELED, 499)
    assert 'background' in result.error
    assert second.result(60.0)[0] == SUCCEEDED
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), [log])
    assert sent_again(proxy.exchanges) == []
    assert len(upload_ids(proxy.exchanges)) == 1
    assert sent_bytes(proxy.exchanges) == SIZE


def test_cancelling_what_a_service_has_accepted(goals: GoalSender, robot: Robot, sandbox: Sandbox,
                                                log: Path) -> None:
    assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    goal = goals.send(file_path=str(log))
    goal.wait_for_feedback(lambda feedback: feedback.sent_bytes > 0)
    goal.cancel()
    status, result = goal.result()
    assert (status, result.status) == (CANCELED, 499)
    assert 'background' in result.error
    robot.wait_until_stored([log])
    check_each_is_stored_once(_in_the_bucket(sandbox, robot), [log])


def test_a_rosbag2_directory_counts_as_one(goals: GoalSender, tmp_path: Path) -> None:
    from flightlog_bucket.demo.recordings import write_rosbag2
    from rosbags.rosbag2 import StoragePlugin
    directory = tmp_path / 'run1'
    write_rosbag2(directory, START_NS, 20.0, StoragePlugin.MCAP)
    total = sum(file.stat().st_size for file in directory.iterdir())
    goal = goals.send(file_path=str(directory))
    status, result = goal.result()
    assert (status, result.file_size) == (SUCCEEDED, total), result.error
    assert result.s3_key.endswith('_run1/')
    goal.wait_for_feedback(lambda feedback: feedback.sent_bytes == total)
    _check_feedback(goal, total)


def test_enqueue_only_ends_at_once(goals: GoalSender, robot: Robot, log: Path) -> None:
    goal = goals.send(file_path=str(log), enqueue_only=True)
    status, result = goal.result()
    assert (status, result.success, result.status) == (SUCCEEDED, True, 202)
    assert robot.info(log).file_state in ('queued', 'uploading')
    robot.wait_until_stored([log])


def test_what_the_check_says(goals: GoalSender, tmp_path: Path) -> None:
    status, result = goals.send(file_path=str(write_corrupt(tmp_path / 'bad.ulg'))).result()
    assert (status, result.success, result.status) == (ABORTED, False, 422)
    assert result.verdict == 'corrupt'
    assert 'is corrupt' in result.error
    status, result = goals.send(file_path=str(write_cut(tmp_path / 'cut.ulg'))).result()
    assert (status, result.verdict) == (SUCCEEDED, 'truncated')


def test_one_that_has_ended_cannot_be_cancelled(goals: GoalSender, robot: Robot,
                                                tmp_path: Path) -> None:
    log = write_log(tmp_path / 'small.mcap')
    goal = goals.send(file_path=str(log))
    assert goal.result()[0] == SUCCEEDED
    assert goal.cancel().goals_canceling == []
    wait_until(lambda: robot.info(log).file_state == 'stored')
