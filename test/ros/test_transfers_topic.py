"""The topic ~/transfers: how every transfer stands, also for who comes late."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
import threading
import time
from typing import Any

from flightlog_bucket.msg import TransferStatus
from flightlog_bucket.ros.transfer_topic import PERIOD_S, TRANSFERS
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Download, List, Upload
import pytest
from robot import Robot
from ros_client import RosClient, WAIT_S
from std_srvs.srv import SetBool
from support.damaged import write_corrupt
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.logs import write_big_ulg, write_log

SIZE = 24 * MIB


class Listener:
    """What is said on the topic."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: list[tuple[float, TransferStatus]] = []

    def hear(self, message: TransferStatus) -> None:
        with self._changed:
            self._messages.append((time.monotonic(), message))
            self._changed.notify_all()

    def of(self, path: Any, direction: str = 'upload') -> list[TransferStatus]:
        """Return what was said of a file."""
        with self._changed:
            return [m for _, m in self._messages
                    if (m.path, m.direction) == (str(path), direction)]

    def states(self, path: Any, direction: str = 'upload') -> list[str]:
        """Return the states that a file had, one after the other."""
        states = [m.state for m in self.of(path, direction)]
        return [state for n, state in enumerate(states) if not n or states[n - 1] != state]

    def wait_for(self, path: Any, condition: Callable[[TransferStatus], object],
                 direction: str = 'upload') -> TransferStatus:
        """Wait until something is said of a file, and return it."""
        def found() -> list[TransferStatus]:
            return [m for m in self.of(path, direction) if condition(m)]
        with self._changed:
            in_time = self._changed.wait_for(found, WAIT_S)
            assert in_time, self._messages
        return found()[0]


@contextmanager
def listening(ros: RosClient, robot: Robot) -> Iterator[Listener]:
    listener = Listener()
    subscription = ros.do(lambda: ros.node.create_subscription(
        TransferStatus, f'{robot.namespace}/flightlog_bucket/transfers', listener.hear, TRANSFERS))
    try:
        yield listener
    finally:
        ros.do(lambda: ros.node.destroy_subscription(subscription))


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node whose way to S3 can be broken."""
    return {**parameters, 'endpoint_url': proxy.url}


@pytest.fixture
def listener(robot: Robot, ros: RosClient) -> Iterator[Listener]:
    """Return what listens to the robot, which is on."""
    robot.switch_on().serving()
    with listening(ros, robot) as listener:
        yield listener


def _stamps_s(messages: list[TransferStatus]) -> list[float]:
    return [m.stamp.sec + m.stamp.nanosec / 1e9 for m in messages]


def test_an_upload_from_its_first_to_its_last_byte(robot: Robot, ros: RosClient,
                                                   tmp_path: Path) -> None:
    robot.switch_on(max_bandwidth=8 * MIB).serving()
    log = write_big_ulg(tmp_path / 'flight.ulg', SIZE)
    with listening(ros, robot) as listener:
        answer = robot.call(Upload, file_path=str(log))
        assert answer.success, answer.error
        last = listener.wait_for(log, lambda m: m.state == 'stored')
        said = listener.of(log)
    assert listener.states(log) in (['queued', 'uploading', 'stored'], ['uploading', 'stored'])
    assert (last.key, last.verdict, last.reason) == (answer.s3_key, 'valid', '')
    assert (last.sent_bytes, last.total_bytes, last.remaining_s) == (SIZE, SIZE, 0.0)
    assert {m.id for m in said} == {last.id}
    sent = [m.sent_bytes for m in said]
    assert sent == sorted(sent)
    assert len(set(sent)) >= 4
    under_way = [m for m in said if 0 < m.sent_bytes < SIZE]
    assert any(m.rate > MIB and m.remaining_s > 0 for m in under_way)
    pauses_s = [b - a for a, b in pairwise(_stamps_s(said))]
    assert min(pauses_s) > PERIOD_S * 0.9, pauses_s


def test_who_comes_late_sees_how_all_stand(robot: Robot, ros: RosClient, proxy: FaultProxy,
                                           tmp_path: Path) -> None:
    robot.switch_on().serving()
    stored, waits = (write_log(tmp_path / f'{name}.mcap') for name in ('stored', 'waits'))
    rejected = write_corrupt(tmp_path / 'rejected.ulg')
    assert robot.call(Upload, file_path=str(stored)).success
    assert robot.call(Upload, file_path=str(rejected)).status == 422
    assert robot.call(SetBool, 'set_paused', data=True).success
    assert robot.call(Upload, file_path=str(waits), enqueue_only=True).status == 202
    with listening(ros, robot) as listener:
        assert listener.wait_for(stored, lambda m: m.state == 'stored').key
        refused = listener.wait_for(rejected, lambda m: m.state == 'rejected')
        assert 'is corrupt' in refused.reason
        assert refused.verdict == 'corrupt'
        assert 'paused' in listener.wait_for(waits, lambda m: m.state == 'queued').reason

    robot.switch_off()
    robot.switch_on().serving()  # it is paused still
    with listening(ros, robot) as listener:
        assert listener.wait_for(waits, lambda m: m.state == 'queued')
        assert listener.wait_for(rejected, lambda m: m.state == 'rejected')
        robot.call(SetBool, 'set_paused', data=False)
        assert listener.wait_for(waits, lambda m: m.state == 'stored')


def test_a_pause_is_a_reason(listener: Listener, robot: Robot, proxy: FaultProxy,
                             tmp_path: Path) -> None:
    proxy.refuse()
    log = write_log(tmp_path / 'small.mcap')
    robot.call(Upload, file_path=str(log), enqueue_only=True)
    waits = listener.wait_for(log, lambda m: m.state == 'queued' and m.attempts)
    assert waits.reason
    assert 'paused' not in waits.reason
    robot.call(SetBool, 'set_paused', data=True)
    listener.wait_for(log, lambda m: 'paused' in m.reason)
    proxy.heal()
    robot.call(SetBool, 'set_paused', data=False)
    assert listener.wait_for(log, lambda m: m.state == 'stored').reason == ''


def test_the_next_try_is_near(robot: Robot, ros: RosClient, proxy: FaultProxy,
                              tmp_path: Path) -> None:
    robot.switch_on(retry_max_delay_s=60).serving()
    proxy.refuse()
    log = write_log(tmp_path / 'small.mcap')
    with listening(ros, robot) as listener:
        robot.call(Upload, file_path=str(log), enqueue_only=True)
        # One that is said late may be of a try that is due by then; others follow.
        waits = listener.wait_for(log, lambda m: m.state == 'queued'
                                  and m.next_attempt.sec >= m.stamp.sec - 1)
    assert waits.next_attempt.sec <= waits.stamp.sec + 61


def test_many_logs_at_once(listener: Listener, robot: Robot, tmp_path: Path) -> None:
    logs = [write_log(tmp_path / f'flight{n:03}.mcap') for n in range(50)]
    for answer in [robot.begin(Upload, file_path=str(log), enqueue_only=True) for log in logs]:
        assert answer.get().status == 202
    for log in logs:
        listener.wait_for(log, lambda m: m.state == 'stored')
    for log in logs:
        assert listener.states(log)[-1] == 'stored'
        pauses_s = [b - a for a, b in pairwise(_stamps_s(listener.of(log)))]
        assert min(pauses_s, default=1.0) > PERIOD_S * 0.9


def test_a_download_and_how_far_it_is(listener: Listener, robot: Robot, proxy: FaultProxy,
                                      tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', SIZE)
    key = robot.call(Upload, file_path=str(log)).s3_key

    def slowly(offset: int, block: bytes) -> bytes:
        time.sleep(len(block) / (10 * MIB))  # this is the link
        return block
    proxy.fail(Tap(answer=slowly), None, method='GET', kind='')
    folder = tmp_path / 'down'
    folder.mkdir()
    answer = robot.call(Download, s3_key=key, local_path=str(folder))
    assert answer.success, answer.error
    target = folder / key.rpartition('/')[2]
    last = listener.wait_for(target, lambda m: m.state == 'done', 'download')
    assert listener.states(target, 'download') == ['downloading', 'done']
    assert (last.key, last.sent_bytes, last.total_bytes, last.reason) == (key, SIZE, SIZE, '')
    under_way = [m for m in listener.of(target, 'download') if 0 < m.sent_bytes < SIZE]
    assert len(under_way) >= 2
    assert {m.total_bytes for m in under_way} == {SIZE}
    assert any(m.rate > 0 and m.remaining_s > 0 for m in under_way)


def test_a_download_that_fails(listener: Listener, robot: Robot, tmp_path: Path) -> None:
    key = f'{robot.machine_prefix}20250727_143022_gone.ulg'
    answer = robot.call(Download, s3_key=key, local_path=str(tmp_path / 'gone.ulg'))
    assert answer.status == 404
    last = listener.wait_for(tmp_path / 'gone.ulg', lambda m: m.state == 'failed', 'download')
    assert last.reason == answer.error
    assert robot.call(List).success
