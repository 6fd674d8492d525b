"""The thread that runs the callbacks."""
from collections.abc import Callable
import logging
import threading

from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import Executor

_log = logging.getLogger(__name__)


class Spinning:
    """
    Spins an executor in a daemon thread, so that the main thread is free for signals.

    :param executor: no other thread spins it
    :param on_failure: called if the thread ends for another reason than ``end``
    """

    def __init__(self, executor: Executor, on_failure: Callable[[], None]) -> None:
        self._executor = executor
        self._on_failure = on_failure
        self._asked_to_end = threading.Event()
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
        try:
            while not self._asked_to_end.is_set():
                self._spin_once()
        finally:
            if not self._asked_to_end.is_set():
                self._on_failure()

    def _spin_once(self) -> None:
        try:
            self._executor.spin_once()
        except RCLError as error:
            # E.g. an answer to a client that is gone: no reason to stop serving the others.
            _log.error('ROS 2: %s', error)
