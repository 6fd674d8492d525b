"""How credentials, S3, the queue and the disks stand."""
from collections.abc import Callable
from contextlib import suppress
import threading
import time
from typing import Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import Cancelled, FlightlogError
from flightlog_bucket.operations import health_reports as tasks
from flightlog_bucket.operations.health_reports import QueueFacts, Report
from flightlog_bucket.operations.measurement import Measured, Measurement
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.settings import redacted_url
from flightlog_bucket.storage.contact import FaultClock
from flightlog_bucket.transfers.disk_space import DiskSpace, space_of
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.retention_policy import Ages
from flightlog_bucket.transfers.standing import Backlog

# What is broken is tried again so often, where nobody else does, so that it is not called broken
# when it is well again.
PROBE_PERIOD_S = 10.0
_MOST_COUNTS = 3


class Health:
    """
    What the node knows of itself. Thread-safe.

    What may hang is measured in threads of its own; ``reports()`` tells what is in memory.

    :param settings: of the node
    :param bucket: knows session token and S3
    :param uploads: knows the queue
    :param clock: monotonic seconds
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket, uploads: Uploads, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = settings.diagnostics
        self._settings = settings
        self._bucket = bucket
        self._uploads = uploads
        self._clock = clock
        self._lock = threading.Lock()
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

    def start(self) -> None:
        """Begin to measure."""
        for measurement in (self._queue, self._disk, self._probe):
            measurement.start()

    def close(self) -> None:
        """Measure no more; does not wait."""
        for measurement in (self._queue, self._disk, self._probe):
            measurement.stop()

    def reports(self) -> dict[str, Report]:
        """Return how everything stands, by name; never waits."""
        with self._lock:
            return self._reports()

    def _reports(self) -> dict[str, Report]:
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
                self._counted = version, *self._count()
            _, backlog, counts = self._counted
            age_s = self._ages.of(backlog.oldest_s, 0.0) if backlog.count else 0.0
            return QueueFacts(backlog, counts, age_s, self._uploads.problem)
        except Cancelled:
            return None
        except FlightlogError as error:
            return QueueFacts(None, None, 0.0, str(error))

    def _count(self) -> tuple[Backlog, Counts]:
        """Count what waits, and what is in which state, so that both say the same."""
        for _ in range(_MOST_COUNTS):
            backlog, counts = self._uploads.backlog(), self._uploads.counts()
            if backlog.count == counts.queued + counts.uploading:  # nothing ended in between
                break
        return backlog, counts

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
