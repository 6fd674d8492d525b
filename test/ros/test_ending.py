"""SIGINT and SIGTERM end the node at any moment: exit code 0, in time, without a traceback."""
import signal
import time

from flightlog_bucket.srv import Info, List, Upload
from node_process import NodeProcess
import pytest
from support.logs import write_log

END_S = 2.0
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def _end(node: NodeProcess, number: int) -> None:
    node.send(number)
    began_s = time.monotonic()
    code = node.wait()
    lasted_s = time.monotonic() - began_s
    assert code == 0, node.log
    assert lasted_s < END_S
    for words in ('Traceback', 'terminate called', 'Fatal Python'):
        assert words not in node.log


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('delay_ms', [0, 20, 60, 120, 180, 240, 300, 360, 420, 480, 540, 700])
def test_while_it_starts(start_node, parameters, delay_ms, number) -> None:
    node = start_node(parameters)
    node.wait_for_handlers()
    time.sleep(delay_ms / 1000)  # the moment of the signal
    _end(node, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_it_serves(node, ros, number) -> None:
    assert ros.call(Info).success
    _end(node, number)


@pytest.mark.parametrize('number', SIGNALS)
def test_while_nothing_answers_it(start_node, parameters, proxy, ros, tmp_path, number) -> None:
    proxy.black_hole()
    node = start_node({**parameters, 'endpoint_url': proxy.url, 'request_timeout': 60}).serving()
    logs = [write_log(tmp_path / f'{tmp_path.name}_{n}.ulg') for n in range(6)]
    answers = [ros.begin(Upload, file_path=str(log)) for log in logs]
    answers.append(ros.begin(List))
    proxy.wait_for_connections(5)  # four uploads, and the listing
    info = ros.call(Info)
    while (info.uploading, info.queued) != (4, 2):
        info = ros.call(Info)
    _end(node, number)
    # Who waits is told.
    for answer in answers:
        assert answer.get().status == 499


def test_while_a_log_waits_for_its_next_try(start_node, parameters, proxy, ros, log) -> None:
    node = start_node({**parameters, 'endpoint_url': proxy.url}).serving()
    proxy.refuse()
    ros.call(Upload, file_path=str(log), enqueue_only=True)
    node.wait_for('not stored yet')
    _end(node, signal.SIGTERM)


@pytest.mark.parametrize('turn', range(5))
def test_two_signals_at_the_first_moment(node, turn) -> None:
    # The second one finds the main thread busy with the first, and comes in another thread.
    node.send(signal.SIGINT)
    _end(node, signal.SIGTERM)


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
