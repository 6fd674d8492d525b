"""Callbacks that await the work of other threads, on a real executor."""
from concurrent.futures import Future
import threading

from flightlog_bucket.errors import Busy, Cancelled, Unavailable
from flightlog_bucket.ros.calls import PendingCalls
from flightlog_bucket.transfers.alarms import Alarms
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

WAIT_S = 10.0


class Desk:
    """An executor that a thread spins, and what awaits on it."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.alarms = Alarms()
        self.calls = PendingCalls(self.executor, self.alarms.after)
        self._ended = threading.Event()
        self._spinner = threading.Thread(target=self._spin, daemon=True)
        self._spinner.start()

    def begin(self, work: Future, **options) -> Future:
        outcome: Future = Future()

        async def callback() -> None:
            try:
                outcome.set_result(await self.calls.result(work, **options))
            except (Unavailable, Cancelled, ValueError) as error:
                outcome.set_exception(error)
        self.executor.create_task(callback)
        return outcome

    def end(self) -> None:
        self.alarms.close()
        self.executor.create_task(self._ended.set)
        self._spinner.join(WAIT_S)
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)

    def _spin(self) -> None:
        while not self._ended.is_set():
            self.executor.spin_once()


@pytest.fixture
def desk(ros):
    made = Desk()
    yield made
    made.end()


def test_the_result_of_work_wakes_the_executor_every_time(desk) -> None:
    for number in range(200):
        work: Future = Future()
        outcome = desk.begin(work)
        threading.Thread(target=work.set_result, args=(number,)).start()
        assert outcome.result(WAIT_S) == number


def test_work_that_is_done_already(desk) -> None:
    work: Future = Future()
    work.set_result(7)
    assert desk.begin(work).result(WAIT_S) == 7


def test_an_error_arrives_where_it_is_awaited(desk) -> None:
    work: Future = Future()
    outcome = desk.begin(work)
    work.set_exception(ValueError('wrong'))
    with pytest.raises(ValueError, match='wrong'):
        outcome.result(WAIT_S)


def test_work_whose_turn_does_not_come_is_never_done(desk) -> None:
    work: Future = Future()
    with pytest.raises(Busy, match='nothing was done'):
        desk.begin(work, within_s=0.1).result(WAIT_S)
    assert work.cancelled()


def test_the_late_result_of_work_that_was_begun_is_dropped(desk) -> None:
    work: Future = Future()
    work.set_running_or_notify_cancel()
    with pytest.raises(Unavailable, match='may still be carried out'):
        desk.begin(work, within_s=0.1).result(WAIT_S)
    work.set_result(7)


def test_the_end_cancels_what_waits_and_what_comes(desk) -> None:
    work: Future = Future()
    started = threading.Event()
    outcome = desk.begin(work)
    desk.executor.create_task(started.set)
    assert started.wait(WAIT_S)
    desk.calls.close()
    with pytest.raises(Cancelled):
        outcome.result(WAIT_S)
    with pytest.raises(Cancelled):
        desk.begin(Future()).result(WAIT_S)
    work.set_result(7)
