"""What sends goals to ~/upload_log in the tests."""
from collections.abc import Iterator
from contextlib import contextmanager
import threading
import time
from typing import Any

from action_msgs.msg import GoalStatus
from flightlog_bucket.action import UploadLog
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from ros_client import RosClient, WAIT_S
from support.expect import wait_until

ASK_AGAIN_S = 4.0
DEEP = QoSProfile(depth=1000)
SUCCEEDED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED
CANCELED = GoalStatus.STATUS_CANCELED


class SentGoal:
    """One goal: what its server says of it."""

    def __init__(self, ros: RosClient, client: Any, fields: dict[str, Any]) -> None:
        self._ros = ros
        self.began_s = time.monotonic()
        self._changed = threading.Condition()
        self._feedback: list[tuple[float, Any]] = []
        self._handle: Any = None
        self._outcome: Any = None
        goal = UploadLog.Goal(**fields)
        ros.do(lambda: client.send_goal_async(goal, self._on_feedback
                                              ).add_done_callback(self._on_answer))

    @property
    def is_accepted(self) -> bool:
        """Whether the server has taken it on; waits for its answer."""
        self._wait(lambda: self._handle is not None)
        return self._handle.accepted

    @property
    def feedback(self) -> list[Any]:
        """All that was told so far."""
        with self._changed:
            return [message for _, message in self._feedback]

    @property
    def times_s(self) -> list[float]:
        """When it was told, on the monotonic clock."""
        with self._changed:
            return [at_s for at_s, _ in self._feedback]

    def wait_for_feedback(self, condition: Any, within_s: float = WAIT_S) -> Any:
        """Wait for a feedback that meets a condition, and return it."""
        self._wait(lambda: any(condition(m) for _, m in self._feedback), within_s)
        return next(m for m in self.feedback if condition(m))

    def cancel(self) -> Any:
        """Ask to cancel it; return the answer."""
        assert self.is_accepted
        answers: list[Any] = []

        def arrived(future: Any) -> None:
            with self._changed:
                answers.append(future.result())
                self._changed.notify_all()
        self._ros.do(lambda: self._handle.cancel_goal_async().add_done_callback(arrived))
        self._wait(lambda: answers)
        return answers[0]

    def has_ended(self) -> bool:
        """Tell whether its result has come."""
        with self._changed:
            return self._outcome is not None

    def result(self, within_s: float = WAIT_S) -> tuple[int, Any]:
        """Wait for its end; return its status and its result."""
        deadline_s = time.monotonic() + within_s
        while not self.has_ended():
            # The first answer to a new client of a service can be lost, and this one is new.
            assert time.monotonic() < deadline_s, self.feedback
            with self._changed:
                self._changed.wait_for(lambda: self._outcome is not None, ASK_AGAIN_S)
            if not self.has_ended() and self.is_accepted:
                self._ros.do(self._ask)
        return self._outcome.status, self._outcome.result

    def _wait(self, condition: Any, within_s: float = WAIT_S) -> None:
        with self._changed:
            in_time = self._changed.wait_for(condition, within_s)
            assert in_time, [message for _, message in self._feedback]

    def _on_feedback(self, message: Any) -> None:
        with self._changed:
            self._feedback.append((time.monotonic(), message.feedback))
            self._changed.notify_all()

    def _on_answer(self, future: Any) -> None:
        handle = future.result()
        with self._changed:
            self._handle = handle
            self._changed.notify_all()
        if handle.accepted:
            self._ask()

    def _ask(self) -> None:
        self._handle.get_result_async().add_done_callback(self._on_result)

    def _on_result(self, future: Any) -> None:
        with self._changed:
            self._outcome = self._outcome or future.result()
            self._changed.notify_all()


class GoalSender:
    """
    Sends goals.

    :param ros: the fixture
    :param namespace: of the node
    """

    def __init__(self, ros: RosClient, namespace: str = '') -> None:
        self._ros = ros
        self._namespace = namespace
        self._is_known = False
        self._client = ros.do(lambda: ActionClient(
            ros.node, UploadLog, f'{namespace}/flightlog_bucket/upload_log',
            goal_service_qos_profile=DEEP, result_service_qos_profile=DEEP,
            cancel_service_qos_profile=DEEP, feedback_sub_qos_profile=DEEP))

    def send(self, **fields: Any) -> SentGoal:
        """Send a goal, as soon as somebody listens."""
        assert self._client.wait_for_server(WAIT_S)
        if not self._is_known:
            # The server may hear of this client later, and then its first answer is lost.
            self._ros.meet(f'{self._namespace}/flightlog_bucket')
            self._is_known = True
        return SentGoal(self._ros, self._client, fields)

    def wait_until_gone(self, within_s: float) -> None:
        """Wait until nobody listens any more."""
        wait_until(lambda: not self._client.server_is_ready(), within_s)

    def close(self) -> None:
        """Send no more."""
        self._ros.do(self._client.destroy)


@contextmanager
def goal_sender(ros: RosClient, namespace: str = '') -> Iterator[GoalSender]:
    """Return what sends goals to a node, and is gone after the block."""
    sender = GoalSender(ros, namespace)
    try:
        yield sender
    finally:
        sender.close()
