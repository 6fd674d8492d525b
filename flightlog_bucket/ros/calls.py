"""What lets a callback await work that runs in another thread."""
from collections.abc import Callable
from concurrent.futures import Future as WorkerFuture
from functools import partial
import threading
from typing import Any, NoReturn, Optional

from flightlog_bucket.errors import Busy, Cancelled, FlightlogError, Unavailable
from flightlog_bucket.transfers.alarms import After
from rclpy.executors import Executor
from rclpy.task import Future


class PendingCalls:
    """
    The answers that callbacks of this node wait for.

    :param executor: runs the callbacks
    :param after: sets an alarm
    """

    def __init__(self, executor: Executor, after: After) -> None:
        self._executor = executor
        self._after = after
        self._lock = threading.Lock()
        self._waiting: set[Future] = set()
        self._closed = False

    async def result(self, work: WorkerFuture, *, within_s: Optional[float] = None) -> Any:
        """
        Wait for the work without holding up other callbacks.

        :param within_s: seconds, after which the wait is given up
        :raises Unavailable: it took longer
        :raises Cancelled: the node is ending
        """
        answer = self._begin()
        work.add_done_callback(lambda done: self._settle(answer, partial(_outcome, done)))
        alarm = None
        if within_s is not None:
            alarm = self._after(within_s, partial(self._settle, answer,
                                                  partial(_give_up, work, within_s)))
        outcome = await answer
        if alarm is not None:
            alarm.cancel()
        return outcome()

    def close(self) -> None:
        """Answer everything that still waits with ``Cancelled``, without waiting for the work."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for answer in waiting:
            self._settle(answer, partial(_fail, _ending()))

    def _begin(self) -> Future:
        answer = Future(executor=self._executor)
        with self._lock:
            if self._closed:
                raise _ending()
            self._waiting.add(answer)
        return answer

    def _settle(self, answer: Future, outcome: Callable[[], Any]) -> None:
        # The first outcome counts. After close() nothing touches the executor any more, which
        # may be gone by then.
        with self._lock:
            if answer not in self._waiting:
                return
            self._waiting.remove(answer)
            answer.set_result(outcome)
            # An rclpy future does not wake the executor that runs the callback awaiting it.
            self._executor.wake()


def _outcome(done: WorkerFuture) -> Any:
    if done.cancelled():
        raise _ending()
    return done.result()


def _give_up(work: WorkerFuture, within_s: float) -> NoReturn:
    # What has not begun must not be carried out later, when nobody expects it any more.
    if work.cancel():
        raise Busy(f'its turn did not come within {within_s:.0f} s; nothing was done, try again')
    raise Unavailable(f'no answer within {within_s:.0f} s; it may still be carried out')


def _fail(error: FlightlogError) -> NoReturn:
    raise error


def _ending() -> Cancelled:
    return Cancelled('the node is ending')
