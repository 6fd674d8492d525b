"""The uploads of the node: the ledger, and all that works with it, put together."""
from collections.abc import Callable, Collection, Sequence
import logging
from pathlib import Path
import threading
from typing import Union

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import CorruptLog, FlightlogError, LedgerUnavailable
from flightlog_bucket.operations.known_uploads import KnownUploads
from flightlog_bucket.operations.received_logs import ReceivedLogs
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.asked import Asked, asked_for
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.housekeeping import Housekeeping
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import without_links
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.reachability import Endpoints, hosts_of, Prober
from flightlog_bucket.transfers.retention import Guardian
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.waiting_room import Followed, PendingLog
from flightlog_bucket.transfers.withdrawals import Remains
from flightlog_bucket.transfers.worker import MAX_SLOTS, Worker

DELETED = 'was deleted from the bucket; upload it again to store it'
"""Why a log that is still here is not stored any more."""

_log = logging.getLogger(__name__)


class Uploads(KnownUploads):
    """
    Accepts logs, and sees to it that they are stored. Thread-safe.

    ``start()`` begins the work; the other methods may wait for the local disk, never for the
    network. ``received`` are the logs that arrived over HTTP.

    :param settings: of the node
    :param bucket: where the logs go
    :param on_change: see ``Ledger``
    :raises LedgerInUse: if another process has the state directory
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket, *,
                 on_change: Callable[[Collection[int]], None] = lambda ids: None) -> None:
        self._bucket = bucket
        self._on_change = on_change
        self._pausing = threading.Lock()
        ledger = Ledger(StateDirectory(settings.state_directory),
                        machine=settings.bucket.robot_instance_id,
                        destination=settings.bucket.destination, on_change=on_change)
        self._housekeeping = Housekeeping(ledger, bucket.abort,
                                          retry_max_delay_s=settings.retry_max_delay_s)
        slots = settings.max_concurrent_transfers
        # Its threads are begun when they are needed: there may be more slots one day.
        self._pool = WorkerPool(Worker.threads(MAX_SLOTS), 'uploads', max_pending=MAX_SLOTS)
        self._prober = Prober(Endpoints(_hosts(settings.bucket)).are_reachable,
                              self._network_is_back)
        worker = Worker(
            ledger, bucket.upload, self._pool, slots=slots,
            max_pending=settings.max_pending_requests,
            max_wait_s=settings.bucket.request_timeout_s,
            retry_max_delay_s=settings.retry_max_delay_s,
            on_network_fault=self._prober.begin, on_gone=self._gone, on_stored=self._stored,
            remains=Remains(self._housekeeping.abort, bucket.holds, self._housekeeping.later))
        super().__init__(ledger, worker, Discovery(
            ledger, worker.wake, directories=settings.watch_directories,
            patterns=settings.watch_patterns,
            allowed_extensions=settings.bucket.allowed_extensions, settle_s=settings.settle_s,
            rescan_period_s=settings.rescan_period_s))
        self.received = ReceivedLogs(settings, ledger, worker.wake)
        self._guardian = Guardian(
            ledger, bucket.holds, policy=settings.retention,
            directories=settings.watch_directories, is_open_for_writing=is_open_for_writing)
        if settings.bucket.upload_corrupt:
            ledger.try_again(CorruptLog.__name__)
        self.set_max_bandwidth(settings.max_bandwidth_bytes_per_s)
        if worker.paused:
            bucket.throttle.pause()
            _log.warning('uploads are paused, as they were when the node ended; call ~/set_paused'
                         ' to go on')

    def start(self) -> None:
        """Begin to work."""
        self._worker.start()
        self._discovery.start()
        self._guardian.start()
        self._housekeeping.start()
        self.received.start()

    def close(self) -> None:
        """Begin nothing more; does not wait for the network."""
        self._discovery.stop(0.0)
        self._guardian.stop(0.0)
        self._housekeeping.stop()
        self.received.stop()
        self._prober.close()
        self._worker.stop()
        self._pool.shutdown()

    def upload(self, path: Path, name: str) -> list[PendingLog]:
        """
        Accept a log that somebody waits for.

        :param path: absolute, of a file or a rosbag2 directory
        :param name: that the object is to get; empty: the file's own
        :returns: the outcomes of its files
        """
        with self._refusals.noting(path):
            return self._submit(path, name)

    def follow(self, path: Path, name: str) -> Followed:
        """
        Accept a log that somebody waits for however long it takes, and may withdraw.

        :param path: absolute, of a file or a rosbag2 directory
        :param name: that the object is to get; empty: the file's own
        """
        with self._refusals.noting(path):
            return Followed(path, self._submit(path, name, is_goal=True))

    def _submit(self, path: Path, name: str, *, is_goal: bool = False) -> list[PendingLog]:
        """Accept a log that somebody waits for; for a goal, patiently and revocably."""
        return [self._worker.submit(log.path, log.fingerprint, name=log.name, bag=log.bag,
                                    note=log.note, follows=number > 0, is_patient=is_goal,
                                    revocable=is_goal)
                for number, log in enumerate(
                    asked_for(self._discovery, path, name, revocable=is_goal))]

    def withdraw(self, followed: Followed) -> None:
        """
        Take back what was asked for; does not wait for the network.

        Each outcome that there is none of yet ends soon: with ``Withdrawn``, which says whether
        the upload goes on, as others want it, or with what became of the log in the meantime.
        """
        # First the one that would be next when there are no others: metadata.yaml.
        for outcome in reversed(followed.outcomes):
            self._worker.withdraw(outcome)

    def retry(self, paths: Sequence[Path]) -> int:
        """
        Try uploads again now; return how many.

        :param paths: absolute; empty: all that wait or were rejected, see ``Ledger.retry()``
        :raises LocalFileNotFound: if a file is not known, or gone
        """
        return len(self._worker.retry([without_links(path) for path in paths]))

    def enqueue(self, path: Path, name: str) -> None:
        """
        Accept a log that nobody waits for; when this returns, it survives a restart.

        :param path: absolute, of a file or a rosbag2 directory
        :param name: that the object is to get; empty: the file's own
        :raises FlightlogError: what an upload would raise for the file itself
        """
        self.enqueued(path, name)

    def enqueued(self, path: Path, name: str) -> list[int]:
        """Accept a log as ``enqueue()`` does; return the numbers of its files in the ledger."""
        with self._refusals.noting(path):
            if self._ledger.problem:
                raise LedgerUnavailable(f'{path} is not accepted: {self._ledger.problem}')
            accepted = [self._enqueue(log) for log in asked_for(self._discovery, path, name)]
            self._worker.wake()
            errors = [one for one in accepted if isinstance(one, FlightlogError)]
            if errors:
                raise errors[0]
            return [one for one in accepted if isinstance(one, int)]

    def _enqueue(self, log: Asked) -> Union[int, FlightlogError]:
        """Accept one log; return its number, or what an upload would raise for the file."""
        try:
            self._bucket.check(log.path, custom_filename=log.name,
                               folder=log.bag.folder if log.bag else '', is_closed=not log.note)
        except FlightlogError as error:
            return error
        return self._ledger.accept(log.path, log.fingerprint, name=log.name, bag=log.bag,
                                   note=log.note, again=True).id

    def announce(self, path: Path) -> None:
        """
        Accept what a recorder says it has closed.

        :param path: absolute
        """
        try:
            with self._refusals.noting(path):
                self._discovery.announce(path)
        except FlightlogError as error:
            if error.retryable:
                raise
            _log.error('rejected: %s: %s', path, error)

    def deleted(self, key: str) -> None:
        """Note that an object was deleted: its log, if it is here, stays so."""
        try:
            self._ledger.deleted_from_bucket(key, DELETED)
        except LedgerUnavailable as error:
            _log.warning('that %s was deleted cannot be written down: %s', key, error)

    def set_paused(self, paused: bool) -> None:
        """Stop the wire and begin nothing more, or go on; a restart changes nothing of it."""
        if paused:  # the flight comes first, also where a disk hangs
            self._bucket.throttle.pause()
        with self._pausing:  # callers of ROS and of HTTP
            if paused:
                self._bucket.throttle.pause()
            else:
                self._bucket.throttle.resume()
            self._worker.set_paused(paused)
        _log.info('uploads are %s', 'paused' if paused else 'resumed')
        try:
            self._on_change(self.open_ids())  # it is the reason why they wait
        except LedgerUnavailable as error:
            _log.debug('%s', error)

    def apply(self, settings: NodeSettings) -> None:
        """Go by other settings, of those that can change while this works. Returns at once."""
        self.set_max_bandwidth(settings.max_bandwidth_bytes_per_s)
        self._bucket.pace.most = settings.bucket.max_concurrent_parts
        self._discovery.set_patterns(settings.watch_patterns)
        self._guardian.set_policy(settings.retention)

    def set_max_concurrent_transfers(self, most: int) -> None:
        """Let so many uploads go at once; those under way go on."""
        self._worker.slots = most

    def set_max_bandwidth(self, bytes_per_s: int) -> None:
        """Let all uploads together take no more than this; 0: as much as there is."""
        self._bucket.throttle.max_bytes_per_s = bytes_per_s

    @property
    def max_bandwidth_bytes_per_s(self) -> int:
        """What all uploads together may take; 0: as much as there is."""
        return int(self._bucket.throttle.max_bytes_per_s)

    def _network_is_back(self) -> None:
        self._worker.network_is_back()
        self._housekeeping.wake()

    def _gone(self, path: Path) -> None:
        self._discovery.gone(path)

    def _stored(self) -> None:
        self._guardian.wake()
        self._housekeeping.wake()
        self.received.wake()


def _hosts(settings: BucketSettings) -> list[tuple[str, int]]:
    s3 = settings.endpoint_url or f'https://s3.{settings.region}.amazonaws.com'
    return hosts_of([s3, settings.session_token_url])
