"""``/diagnostics``: what the node knows of itself, once a second."""
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.health_reports import Report
from flightlog_bucket.operations.texts import explanation, printable
from flightlog_bucket.transfers.survival import survive
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

TOPIC = '/diagnostics'
PERIOD_S = 1.0


class Diagnostics:
    """
    Publishes how credentials, S3, the queue and the disks stand, from memory.

    :param node: that publishes
    :param machine: whose they are
    :param health: knows it
    """

    def __init__(self, node: Node, machine: str, health: Health) -> None:
        self._node = node
        self._machine = machine
        self._health = health
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, 1)
        # A simulated time may stand still.
        self._timer = node.create_timer(
            PERIOD_S, self._on_timer, callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Publish no more."""
        self._timer.cancel()

    def _on_timer(self) -> None:
        # rclpy has no guard of its own: what a callback raises ends its executor.
        survive(self._publish, None)

    def _publish(self) -> None:
        message = DiagnosticArray(status=[self._status(name, report)
                                          for name, report in self._health.reports().items()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _status(self, name: str, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([report.level]), name=f'{self._name}: {name}',
            message=explanation(printable(report.message)),
            hardware_id=self._machine,
            values=[KeyValue(key=key, value=explanation(printable('' if value is None else value)))
                    for key, value in report.values.items()])
