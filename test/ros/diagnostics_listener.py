"""What hears /diagnostics in the tests."""
from collections.abc import Callable
import threading
from types import TracebackType
from typing import Any, Optional

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ros_client import RosClient

OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN
ERROR, STALE = DiagnosticStatus.ERROR, DiagnosticStatus.STALE
WAIT_S = 45.0


class DiagnosticsListener:
    """
    Remembers what a node says of itself.

    :param ros: that listens
    :param name: of the node, without its first slash
    """

    def __init__(self, ros: RosClient, name: str = 'flightlog_bucket') -> None:
        self._ros = ros
        self._begin = f'{name}: '
        self._changed = threading.Condition()
        self.messages: list[Any] = []

    def __enter__(self) -> 'DiagnosticsListener':
        self._subscription = self._ros.do(lambda: self._ros.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._heard, 10))
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._ros.do(lambda: self._ros.node.destroy_subscription(self._subscription))

    def wait_for_message(self, count: int = 1) -> Any:
        """Return the message after the next ``count - 1``."""
        with self._changed:
            wanted = len(self.messages) + count
            assert self._changed.wait_for(lambda: len(self.messages) >= wanted, WAIT_S)
            return self.messages[wanted - 1]

    def wait_for(self, task: str, level: bytes, words: str = '') -> Any:
        """Wait until a task has this level, and these words; return its status."""
        return self.wait_until(task, lambda s: s.level == level and words in s.message)

    def wait_until_told(self, task: str, level: bytes, words: str) -> Any:
        """Wait for what may have passed by now: return the first status of a task like that."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = [status for message in self.messages for status in message.status
                        if (status.name, status.level) == (self._begin + task, level)
                        and words in status.message]
            return bool(found)
        with self._changed:
            assert self._changed.wait_for(is_there, WAIT_S), (task, self.messages[-1:])
            return found[0]

    def wait_until(self, task: str, condition: Callable[[Any], bool]) -> Any:
        """Wait until the newest status of a task is as it is wanted; return it."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = [status for message in self.messages[-1:] for status in message.status
                        if status.name == self._begin + task]
            return bool(found) and condition(found[0])
        with self._changed:
            assert self._changed.wait_for(is_there, WAIT_S), (task, found)
            return found[0]

    def _heard(self, message: Any) -> None:
        if message.status and message.status[0].name.startswith(self._begin):
            with self._changed:
                self.messages.append(message)
                self._changed.notify_all()


def values_of(status: Any) -> dict[str, str]:
    """Return the values of a status by their keys."""
    return {value.key: value.value for value in status.values}
