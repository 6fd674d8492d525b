"""SIGINT and SIGTERM end the node at any moment: exit code 0, in time, without a traceback."""
from collections.abc import Callable
import math
import signal
import time

from flightlog_bucket.srv import Info, List, Upload
from node_process import NodeProcess
import pytest
from ros_client import Answer, RosClient
from support.expect import wait_until
from support.logs import write_log

END_S = 2.0
TOLD_S = 4.0
HURRIED_S = 1.0  # after which a node that is slowed has no time left for words
WINDOWS = 3  # of which one is not slowed by what else runs on this computer
SIGNALS = [signal.SIGINT, signal.SIGTERM]
Make = Callable[[], NodeProcess]


@pytest.fixture
def make(start_node, parameters) -> Make:
    """Return what starts a node that serves."""
    return lambda: start_node(parameters).serving()


def _ends_in_time(make: Make, number: int, are_told: Callable[[], bool] = lambda: True) -> None:
    """
    Expect that a node which is in the midst of something ends by a signal.

    :param are_told: whether all who waited for it were told
    """
    lasted_s: list[float] = []
    while len(lasted_s) < WINDOWS and min(lasted_s, default=END_S) >= END_S:
        ended_s = _end(make(), number)
        is_told = are_told()
        assert is_told or ended_s >= HURRIED_S, 'who waits was not told'
        lasted_s.append(ended_s if is_told else math.inf)
    assert min(lasted_s) < END_S, lasted_s


def _end(node: NodeProcess, number: int) -> float:
    node.send(number)
    began_s = time.monotonic()
    code = node.wait()
    lasted_s = time.monotonic() - began_s
    assert code == 0, node.log
    for words in ('Traceback', 'terminate called', 'Fatal Python'):
        assert words not in node.log
    return lasted_s


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('delay_ms', [0, 20, 60, 120, 180, 240, 300, 360, 420, 480, 540, 700])
def test_while_it_starts(start_node, parameters, delay_ms, number) -> None:
    def begin() -> NodeProcess:
        node = start_node(parameters)
        node.wait_for_handlers()
        time.sleep(delay_ms / 1000)  # the moment of the signal
        return node
    _ends_in_time(begin, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_serves(make, ros, number) -> None:
    def asked() -> NodeProcess:
        node = make()
        ros.forget()
        assert ros.call(Info).success
        return node
    _ends_in_time(asked, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_nothing_answers_it(start_node, parameters, proxy, ros, tmp_path, number) -> None:
    answers: list[Answer] = []

    def stalled() -> NodeProcess:
        ros.forget()
        logs = [write_log(tmp_path / f'{tmp_path.name}_{n}.ulg') for n in range(6)]
        node = start_node({**parameters, 'endpoint_url': proxy.url,
                           'request_timeout': 60}).serving()
        before = proxy.connections
        answers[:] = [ros.begin(List), *(ros.begin(Upload, file_path=str(log)) for log in logs)]
        # Four uploads, and the listing. Who stands still gives way to another after a while.
        proxy.wait_for_connections(before + 5)
        wait_until(lambda: _accepted(ros) == len(logs))
        return node

    def are_told() -> bool:
        assert {one.get().status for one in answers if one.is_there_within(TOLD_S)} <= {499}
        return all(answer.is_there() for answer in answers)
    proxy.black_hole()
    _ends_in_time(stalled, number, are_told)


def _accepted(ros: RosClient) -> int:
    info = ros.call(Info)
    return info.uploading + info.queued if info.uploading >= 4 else 0


def test_while_a_log_waits_for_its_next_try(start_node, parameters, proxy, ros, log) -> None:
    def waiting() -> NodeProcess:
        ros.forget()
        proxy.heal()
        node = start_node({**parameters, 'endpoint_url': proxy.url}).serving()
        proxy.refuse()
        ros.call(Upload, file_path=str(log), enqueue_only=True)
        node.wait_for('not stored yet')
        return node
    _ends_in_time(waiting, signal.SIGTERM)


@pytest.mark.parametrize('turn', range(5))
def test_two_signals_at_the_first_moment(make, turn) -> None:
    # The second one finds the main thread busy with the first, and comes in another thread.
    def told() -> NodeProcess:
        node = make()
        node.send(signal.SIGINT)
        return node
    _ends_in_time(told, signal.SIGTERM)


def test_what_kills_the_executor_ends_the_process(start_node, parameters) -> None:
    program = ('-c', 'from flightlog_bucket.ros.main import main\n'
                     'from rclpy.executors import SingleThreadedExecutor\n'
                     'def fail(self):\n'
                     '    raise RuntimeError("a surprise")\n'
                     'SingleThreadedExecutor.spin_once = fail\n'
                     'main()')
    node = start_node(parameters, program=program)
    assert node.wait() == 1
    assert 'RuntimeError: a surprise' in node.log
