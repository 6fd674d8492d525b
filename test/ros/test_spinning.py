"""The thread that runs the callbacks outlives what they raise."""
from collections.abc import Iterator
import logging
import threading
import time
from typing import Any

from flightlog_bucket.ros import spinning
from flightlog_bucket.ros.spinning import Spinning
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_client import RosClient
from std_srvs.srv import Trigger
from support.expect import wait_until

WAIT_S = 30.0


class Desk:
    """A node with a service that raises as long as it is told to, and its thread."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.node = Node('spun', context=self.context, use_global_arguments=False)
        self.service = self.node.create_service(Trigger, '~/asked', self._on_asked)
        self.calls, self.raising = 0, False
        self.has_failed = threading.Event()
        self.executor.add_node(self.node)
        self.spinning = Spinning(self.executor, self.has_failed.set)
        self.client = self.node.create_client(Trigger, '~/asked')
        self.spinning.begin()

    def ask(self) -> None:
        """Call the service, whose answer may never come."""
        assert self.client.wait_for_service(WAIT_S)
        self.client.call_async(Trigger.Request())

    def ask_until_answered(self) -> None:
        answers: list[Any] = []
        deadline_s = time.monotonic() + WAIT_S
        while not answers:
            assert time.monotonic() < deadline_s, 'no answer'
            self.client.call_async(Trigger.Request()).add_done_callback(answers.append)
            time.sleep(0.05)  # the first answer to a new client can be lost

    def end(self) -> None:
        self.spinning.end(WAIT_S)
        self.node.destroy_node()
        self.executor.shutdown()
        rclpy.try_shutdown(context=self.context)

    def _on_asked(self, request: Any, answer: Any) -> Any:
        self.calls += 1
        if self.raising:
            raise LookupError('a surprise')
        return answer


@pytest.fixture
def desk(ros: RosClient) -> Iterator[Desk]:
    made = Desk()
    yield made
    made.end()


def test_what_a_callback_raises_is_said_once_and_ends_nothing(
        desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.raising = True
    for count in range(1, 6):
        desk.ask()
        wait_until(lambda: desk.calls == count, WAIT_S)  # noqa: B023
    desk.raising = False
    desk.ask_until_answered()
    assert not desk.has_failed.is_set()
    said = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(said) == 1
    assert 'LookupError: a surprise' in caplog.text
    assert '_on_asked' in caplog.text


def test_a_service_whose_request_cannot_be_taken_answers_the_next_one(
        desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is in the callback group of all services of parameters, where one blocks all.
    take, failures = desk.executor._take_service, []

    def raising(service: Any) -> Any:
        taken = take(service)
        if service is desk.service and len(failures) < 3:
            failures.append(taken)
            raise ValueError('no such type')
        return taken
    monkeypatch.setattr(desk.executor, '_take_service', raising)
    for count in range(1, 4):
        desk.ask()
        wait_until(lambda: len(failures) == count, WAIT_S)  # noqa: B023
    desk.ask_until_answered()


def test_an_executor_that_fails_every_time_is_no_busy_loop(
        desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    turns = []

    def failing(*args: Any) -> Any:
        turns.append(args)
        raise RuntimeError('the wait set is broken')
        yield
    with monkeypatch.context() as patch:
        patch.setattr(desk.executor, '_wait_for_ready_callbacks', failing)
        desk.ask()  # ends the wait that is under way
        wait_until(lambda: len(turns) >= 3, WAIT_S)
        began_s, count = time.monotonic(), len(turns)
        time.sleep(0.5)  # what is measured, not waited for
        assert len(turns) - count <= (time.monotonic() - began_s) / 0.1 + 2
    desk.ask_until_answered()
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


def test_an_executor_that_does_nothing_but_fail_is_given_up(
        desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spinning, 'PAUSE_S', 0.001)
    desk.raising = True
    for count in range(1, 4):  # few of them are no reason
        desk.ask()
        wait_until(lambda: desk.calls == count, WAIT_S)  # noqa: B023
    assert not desk.has_failed.is_set()

    def failing(*args: Any) -> Any:
        raise RuntimeError('the wait set is broken')
        yield
    monkeypatch.setattr(desk.executor, '_wait_for_ready_callbacks', failing)
    desk.ask()  # ends the wait that is under way
    assert desk.has_failed.wait(WAIT_S)


def test_the_end_of_the_middleware_is_its_end(desk: Desk) -> None:
    rclpy.shutdown(context=desk.context)
    assert desk.has_failed.wait(WAIT_S)
