"""What a node publishes about its transfers and about itself."""
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket.cli.over_ros.messages import transfer_of
from flightlog_bucket.cli.over_ros.session import Session
from flightlog_bucket.cli.transfer_view import TransferView
from flightlog_bucket.msg import TransferStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# As the node publishes them, so that what was told before is heard as well.
_TRANSFERS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE,
                        durability=DurabilityPolicy.TRANSIENT_LOCAL)
_DIAGNOSTICS = QoSProfile(depth=10)
_LEVELS = ('OK', 'WARN', 'ERROR', 'STALE')


@dataclass(frozen=True)
class Diagnosis:
    """
    One status of ``/diagnostics``.

    :param task: what it is about, e.g. ``Queue``
    :param level: ``OK``, ``WARN``, ``ERROR`` or ``STALE``
    """

    task: str
    level: str
    message: str


class Topics:
    """
    Subscriptions that end with the ``with``; callbacks come from another thread.

    :param session: of this process
    :param name: of the node, fully qualified
    """

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._subscriptions: list[Any] = []

    def __enter__(self) -> 'Topics':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        for subscription in self._subscriptions:
            self._session.do(partial(self._session.node.destroy_subscription, subscription))

    def follow_transfers(self, told: Callable[[TransferView], None]) -> None:
        """Tell of all transfers, first how they stand."""
        self._subscribe(TransferStatus, f'{self._name}/transfers',
                        lambda message: told(transfer_of(message)), _TRANSFERS)

    def follow_diagnostics(self, told: Callable[[list[Diagnosis]], None]) -> None:
        """Tell how the node is, as often as it says so."""
        try:
            from diagnostic_msgs.msg import DiagnosticArray
        except ImportError:  # then the node has none either
            return
        prefix = f'{self._name.lstrip("/")}: '

        def heard(message: Any) -> None:
            mine = [_diagnosis(status, prefix) for status in message.status
                    if status.name.startswith(prefix)]
            if mine:
                told(mine)
        self._subscribe(DiagnosticArray, '/diagnostics', heard, _DIAGNOSTICS)

    def _subscribe(self, kind: Any, topic: str, heard: Callable[[Any], None],
                   qos: QoSProfile) -> None:
        self._subscriptions.append(self._session.do(
            lambda: self._session.node.create_subscription(kind, topic, heard, qos)))


def _diagnosis(status: Any, prefix: str) -> Diagnosis:
    level = status.level[0] if isinstance(status.level, bytes) else int(status.level)
    return Diagnosis(status.name[len(prefix):], _LEVELS[min(level, len(_LEVELS) - 1)],
                     status.message)
