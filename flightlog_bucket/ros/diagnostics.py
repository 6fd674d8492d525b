"""``/diagnostics``: what the node knows of itself, once a second."""
from collections.abc import Callable
from contextlib import suppress
import time
from typing import Optional

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import Cancelled, FlightlogError
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.ros import diagnostic_tasks as tasks
from flightlog_bucket.ros.conversions import explanation, printable
from flightlog_bucket.ros.diagnostic_tasks import QueueFacts, Report
from flightlog_bucket.ros.measurement import Measured, Measurement
from flightlog_bucket.ros.uploads import Uploads
from flightlog_bucket.settings import redacted_url
from flightlog_bucket.storage.contact import FaultClock
from flightlog_bucket.transfers.disk_space import DiskSpace, space_of
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.retention_policy import Ages
from flightlog_bucket.transfers.standing import Backlog
from flightlog_bucket.transfers.survival import survive
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

TOPIC = '/diagnostics'
PERIOD_S = 1.0
# What is broken is tried again so often, where nobody else does, so that it is not called broken
# when it is well again.
PROBE_PERIOD_S = 10.0


class Diagnostics:
    """
    Publishes how credentials, S3, the queue and the disks stand.

    What may hang is measured in threads of its own; the timer tells what is in memory.

    :param node: that publishes
    :param settings: of the node
    :param bucket: knows session token and S3
    :param uploads: knows the queue
    :param clock: monotonic seconds
    """

    def __init__(self, node: Node, settings: NodeSettings, bucket: FlightLogBucket,
                 uploads: Uploads, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = settings.diagnostics
        self._node = node
        self._settings = settings
        self._bucket = bucket
        self._uploads = uploads
        self._clock = clock
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._ages = Ages()
        self._token_fault = FaultClock(clock)
        self._probed_s = clock()
        self._has_greeted = False
        self._errors: tuple[str, ...] = ()
        self._errors_s: Optional[float] = None
        self._counted: tuple[object, Backlog, Counts] = (
            None, Backlog(0, 0, 0.0), Counts(0, 0, 0, 0))
        self._queue = Measurement('diagnostics queue', self._measure_queue, clock=clock)
        self._disk = Measurement('diagnostics disk', self._measure_disk, clock=clock)
        self._probe: Measurement[None] = Measurement('diagnostics probe', self._try_again,
                                                     clock=clock)
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, 1)
        # A simulated time may stand still.
        self._timer = node.create_timer(
            PERIOD_S, self._on_timer, callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> None:
        """Begin to measure."""
        for measurement in (self._queue, self._disk, self._probe):
            measurement.start()

    def close(self) -> None:
        """Measure and publish no more; does not wait."""
        self._timer.cancel()
        for measurement in (self._queue, self._disk, self._probe):
            measurement.stop()

    def reports(self) -> dict[str, Report]:
        """Return how everything stands, by name; never waits."""
        limits, bucket = self.limits, self._settings.bucket
        contact, token = self._bucket.contact.status(), self._bucket.credential_status()
        if token.error:
            self._token_fault.fail(token.error)
        else:
            self._token_fault.succeed()
        return {
            'Credentials': tasks.credentials(
                token, self._token_fault.fault(), contact.refusal, limits.fault_s,
                url=redacted_url(bucket.session_token_url)),
            'Endpoint': tasks.endpoint(
                contact, limits.fault_s, url=redacted_url(bucket.endpoint_url),
                bucket=bucket.bucket_name, region=bucket.region),
            'Queue': self._queue_report(self._queue.latest()),
            'Disk': self._disk_report(self._disk.latest()),
            'Last error': self._last_error()}

    def _queue_report(self, measured: Measured[QueueFacts]) -> Report:
        report = None
        if measured.value is not None:
            report = tasks.queue(measured.value, self.limits,
                                 is_paused=self._uploads.is_paused)
        return self._unless_stale(report, measured.age_s,
                                  f'the ledger in {self._settings.state_directory}')

    def _disk_report(self, measured: Measured[list[DiskSpace]]) -> Report:
        report = None
        if measured.value is not None:
            state, *watched = measured.value
            report = tasks.disk(state, watched, self.limits.free_bytes)
        return self._unless_stale(report, measured.age_s, 'a disk (of the ledger, or of a watched'
                                                          ' folder)')

    def _unless_stale(self, report: Optional[Report], age_s: float, what: str) -> Report:
        if report is None or age_s > self.limits.stale_s:
            return tasks.stale(report, age_s, what)
        return report

    def _last_error(self) -> Report:
        errors = self._uploads.last_errors()
        if errors != self._errors:
            self._errors, self._errors_s = errors, self._clock()
        age_s = None if self._errors_s is None else self._clock() - self._errors_s
        return tasks.last_error(errors, age_s, self.limits.last_error_s)

    def _measure_queue(self) -> Optional[QueueFacts]:
        try:
            version = self._uploads.version()
            if version != self._counted[0]:  # to count ten thousand takes milliseconds
                self._counted = version, self._uploads.backlog(), self._uploads.counts()
            _, backlog, counts = self._counted
            age_s = self._ages.of(backlog.oldest_s, 0.0) if backlog.count else 0.0
            return QueueFacts(backlog, counts, age_s, self._uploads.problem)
        except Cancelled:
            return None
        except FlightlogError as error:
            return QueueFacts(None, None, 0.0, str(error))

    def _measure_disk(self) -> list[DiskSpace]:
        return [space_of(self._settings.state_directory, is_made=True),
                *(space_of(directory) for directory in self._settings.watch_directories)]

    def _try_again(self) -> None:
        """Ask S3 for as little as there is, once at the start, and where something fails."""
        if not self._is_worth_a_try():
            return
        self._probed_s = self._clock()
        with suppress(FlightlogError):  # the contact, and the credentials, know
            self._bucket.list_files(max_keys=1)

    def _is_worth_a_try(self) -> bool:
        contact, token = self._bucket.contact.status(), self._bucket.credential_status()
        if token.state == 'valid' and not self._has_greeted:
            self._has_greeted = True
            return contact.tried_ago_s is None
        fails = bool(token.error) or (bool(contact.silence or contact.refusal)
                                      and (contact.tried_ago_s or 0.0) >= PROBE_PERIOD_S)
        return fails and self._clock() - self._probed_s >= PROBE_PERIOD_S

    def _on_timer(self) -> None:
        # rclpy has no guard of its own: what a callback raises ends its executor.
        survive(self._publish, None)

    def _publish(self) -> None:
        message = DiagnosticArray(status=[self._status(name, report)
                                          for name, report in self.reports().items()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _status(self, name: str, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([report.level]), name=f'{self._name}: {name}',
            message=explanation(printable(report.message)),
            hardware_id=self._settings.bucket.robot_instance_id,
            values=[KeyValue(key=key, value=explanation(printable('' if value is None else value)))
                    for key, value in report.values.items()])
