"""The thread that runs the callbacks."""
from collections.abc import Callable, Iterator
import logging
import threading
import time
from typing import Any

from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import Executor, ExternalShutdownException

PAUSE_S = 0.1
"""After a second failure in a row, so that one which comes every time is no busy loop."""
MOST_FAILURES = 100
"""In a row. The timer of the diagnostics ends a row each second: without it, nothing works."""
COMPLAINT_PERIOD_S = 60.0
"""Between two lines of the log on one failure."""

_log = logging.getLogger(__name__)


class Spinning:
    """
    Spins an executor in a daemon thread, so that the main thread is free for signals.

    It outlives what callbacks raise: rclpy has services of its own in every node, e.g. for the
    parameters, and a malformed request makes them raise. Where nothing but failures is left, it
    ends, so that the process can be started again.

    :param executor: no other thread spins it
    :param on_failure: called if the thread ends for another reason than ``end``
    """

    def __init__(self, executor: Executor, on_failure: Callable[[], None]) -> None:
        self._executor = executor
        self._on_failure = on_failure
        self._asked_to_end = threading.Event()
        self._complaints = _Complaints()
        self._thread = threading.Thread(target=self._spin, name='executor', daemon=True)

    def begin(self) -> None:
        """Run callbacks from now on."""
        self._thread.start()

    def end(self, within_s: float) -> bool:
        """
        Run the callbacks that are ready, then no more.

        :param within_s: seconds, after which the wait is given up
        :returns: whether the thread has ended
        """
        # Some distributions run the newest task first: the one made by a task comes in the next
        # round, when all that were ready have had their turn.
        self._executor.create_task(self._executor.create_task, self._asked_to_end.set)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _spin(self) -> None:
        failures = 0
        try:
            while not self._asked_to_end.is_set() and failures < MOST_FAILURES:
                failures = 0 if self._spin_once() else failures + 1
                if failures > 1:
                    self._asked_to_end.wait(PAUSE_S)
        except ExternalShutdownException:  # every further turn would raise it as well
            _log.error('ROS 2 was shut down, and so the node ends')
        finally:
            if not self._asked_to_end.is_set():
                self._on_failure()

    def _spin_once(self) -> bool:
        """Run one callback; return whether nothing was raised."""
        try:
            self._executor.spin_once()
        except ExternalShutdownException:
            raise
        except Exception as error:
            self._complaints.about(error)
            _free(self._executor)
            return False
        return True


class _Complaints:
    """One line of the log for many failures of one kind."""

    def __init__(self) -> None:
        # By the line of code that raises: there are not many.
        self._next_s: dict[tuple[str, str, int], float] = {}

    def about(self, error: Exception) -> None:
        """Write it down, unless that was done just now."""
        now_s, kind = time.monotonic(), _kind(error)
        if now_s < self._next_s.get(kind, now_s):
            return
        self._next_s[kind] = now_s + COMPLAINT_PERIOD_S
        if isinstance(error, RCLError):
            # E.g. an answer to a client that is gone: no reason to stop serving the others.
            _log.error('ROS 2: %s', error)
        else:
            _log.error('internal error in a callback of ROS 2; the others go on, and what it'
                       ' should have answered gets no answer', exc_info=error)


def _kind(error: Exception) -> tuple[str, str, int]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ('', 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return (type(error).__name__, *place)


def _free(executor: Executor) -> None:
    """
    Let everything be called again whose data could not even be taken.

    rclpy marks what it is about to call, and blocks its callback group. What is raised while it
    takes the data (not: by the callback) leaves both for ever, e.g. for all services of
    parameters. Between two turns of one thread nothing is rightly marked.
    """
    for entity in _entities(executor):
        if getattr(entity, '_executor_event', False):
            entity._executor_event = False
            if entity.callback_group is not None:
                entity.callback_group.ending_execution(entity)


def _entities(executor: Executor) -> Iterator[Any]:
    for node in executor.get_nodes():
        for kind in (node.subscriptions, node.timers, node.clients, node.services, node.waitables,
                     node.guards):
            yield from kind
