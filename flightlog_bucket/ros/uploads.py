"""The uploads of the node: the ledger, and all that works with it, put together."""
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
import logging
import os
from pathlib import Path
from typing import Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import CorruptLog, FlightlogError, LedgerUnavailable
from flightlog_bucket.results import LogContent, StoredFile, StoredLog
from flightlog_bucket.ros.asked import Asked, asked_for
from flightlog_bucket.ros.file_state import FileState, refused_content
from flightlog_bucket.ros.parameters import NodeSettings
from flightlog_bucket.ros.refusals import Refusals
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.housekeeping import Housekeeping
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.reachability import Endpoints, hosts_of, Prober
from flightlog_bucket.transfers.records import (
    Counts,
    Orphan,
    QUEUED,
    REJECTED,
    STORED,
    Transfer,
    UNKNOWN,
)
from flightlog_bucket.transfers.retention import Guardian
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.worker import Worker

_log = logging.getLogger(__name__)


class Uploads:
    """
    Accepts logs, and sees to it that they are stored. Thread-safe.

    ``start()`` begins the work; the other methods may wait for the local disk, never for the
    network.

    :param settings: of the node
    :param bucket: where the logs go
    :raises LedgerInUse: if another process has the state directory
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket) -> None:
        self._bucket = bucket
        self._ledger = Ledger(StateDirectory(settings.state_directory),
                              machine=settings.bucket.robot_instance_id,
                              destination=_destination(settings.bucket))
        slots = settings.max_concurrent_transfers
        self._pool = WorkerPool(Worker.threads(slots), 'uploads', max_pending=slots)
        self._prober = Prober(Endpoints(_hosts(settings.bucket)).are_reachable,
                              self._network_is_back)
        self._worker = Worker(
            self._ledger, bucket.upload, self._pool, slots=slots,
            max_pending=settings.max_pending_requests,
            max_wait_s=settings.bucket.request_timeout_s,
            retry_max_delay_s=settings.retry_max_delay_s,
            on_network_fault=self._prober.begin, on_gone=self._gone, on_stored=self._stored)
        self._discovery = Discovery(
            self._ledger, self._worker.wake, directories=settings.watch_directories,
            patterns=settings.watch_patterns,
            allowed_extensions=settings.bucket.allowed_extensions, settle_s=settings.settle_s,
            rescan_period_s=settings.rescan_period_s)
        self._guardian = Guardian(
            self._ledger, bucket.holds, policy=settings.retention,
            directories=settings.watch_directories, is_open_for_writing=is_open_for_writing)
        self._housekeeping = Housekeeping(self._ledger, bucket.abort)
        self._refusals = Refusals(self._worker.outcomes)
        if settings.bucket.upload_corrupt:
            self._ledger.try_again(CorruptLog.__name__)
        self.set_max_bandwidth(settings.max_bandwidth_bytes_per_s)
        if self._worker.paused:
            bucket.throttle.pause()
            _log.warning('uploads are paused, as they were when the node ended; call ~/set_paused'
                         ' to go on')

    def start(self) -> None:
        """Begin to work."""
        self._worker.start()
        self._discovery.start()
        self._guardian.start()
        self._housekeeping.start()

    def close(self) -> None:
        """Begin nothing more; does not wait for the network."""
        self._discovery.stop(0.0)
        self._guardian.stop(0.0)
        self._housekeeping.stop()
        self._prober.close()
        self._worker.stop()
        self._pool.shutdown()

    def upload(self, path: Path, name: str) -> 'list[Future[StoredLog]]':
        """
        Accept a log that somebody waits for.

        :param path: absolute, of a file or a rosbag2 directory
        :param name: that the object is to get; empty: the file's own
        :returns: the outcomes of its files
        """
        with self._refusals.noting(path):
            return [self._worker.submit(log.path, log.fingerprint, name=log.name, bag=log.bag,
                                        note=log.note, follows=number > 0)
                    for number, log in enumerate(asked_for(self._discovery, path, name))]

    def enqueue(self, path: Path, name: str) -> None:
        """
        Accept a log that nobody waits for; when this returns, it survives a restart.

        :param path: absolute, of a file or a rosbag2 directory
        :param name: that the object is to get; empty: the file's own
        :raises FlightlogError: what an upload would raise for the file itself
        """
        with self._refusals.noting(path):
            if self._ledger.problem:
                raise LedgerUnavailable(f'{path} is not accepted: {self._ledger.problem}')
            errors = [error for log in asked_for(self._discovery, path, name)
                      if (error := self._enqueue(log)) is not None]
            self._worker.wake()
            if errors:
                raise errors[0]

    def _enqueue(self, log: Asked) -> Optional[FlightlogError]:
        """Accept one log; return what an upload would raise for the file itself."""
        try:
            self._bucket.check(log.path, custom_filename=log.name,
                               folder=log.bag.folder if log.bag else '', is_closed=not log.note)
        except FlightlogError as error:
            return error
        self._ledger.accept(log.path, log.fingerprint, name=log.name, bag=log.bag, note=log.note,
                            again=True)
        return None

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
            self._ledger.deleted_from_bucket(key, 'was deleted from the bucket with ~/delete;'
                                                  ' upload it again to store it')
        except LedgerUnavailable as error:
            _log.warning('that %s was deleted cannot be written down: %s', key, error)

    def set_paused(self, paused: bool) -> None:
        """Stop the wire and begin nothing more, or go on; a restart changes nothing of it."""
        if paused:
            try:
                self._worker.set_paused(True)
            finally:  # the flight comes first, also where this cannot be written down
                self._bucket.throttle.pause()
        else:
            self._bucket.throttle.resume()
            self._worker.set_paused(False)
        _log.info('uploads are %s', 'paused' if paused else 'resumed')

    def set_max_bandwidth(self, bytes_per_s: int) -> None:
        """Let all uploads together take no more than this; 0: as much as there is."""
        self._bucket.throttle.max_bytes_per_s = bytes_per_s

    @property
    def is_paused(self) -> bool:
        """Whether uploads are paused."""
        return self._worker.paused

    @property
    def max_bandwidth_bytes_per_s(self) -> int:
        """What all uploads together may take; 0: as much as there is."""
        return int(self._bucket.throttle.max_bytes_per_s)

    @property
    def state_directory(self) -> Path:
        """Where the ledger is."""
        return self._ledger.path.parent

    @property
    def problem(self) -> str:
        """Why what is accepted does not survive a restart; empty: it does."""
        return self._ledger.problem

    def counts(self) -> Counts:
        """Return how many logs are in which state."""
        return self._ledger.counts()

    def last_errors(self) -> tuple[str, ...]:
        """Return the last errors with their times, newest first."""
        return self._worker.outcomes.last_errors()

    def orphans(self) -> list[Orphan]:
        """Return the multipart uploads that were given up, and are not aborted."""
        return self._ledger.orphanage.all()

    def explain(self, path: Path) -> FileState:
        """
        Tell where a file stands, and why it is not stored.

        :param path: absolute
        """
        transfer = self._ledger.find(Path(os.path.realpath(path)))
        if transfer is None:
            refusal = self._refusals.of(path)
            if refusal is None:
                return FileState(UNKNOWN, reason=self._discovery.explain(path))
            return FileState(UNKNOWN if refusal.retryable else REJECTED, reason=str(refusal),
                             content=refused_content(type(refusal).__name__, str(refusal)))
        reason = transfer.reason
        if transfer.state == QUEUED and self._worker.paused:
            reason = f'uploads are paused (~/set_paused){"; before: " + reason if reason else ""}'
        wait_s = max(transfer.next_attempt_s - self._ledger.now_s(), 0.0)
        return FileState(
            transfer.state, key=transfer.key if transfer.state == STORED else '', reason=reason,
            note=transfer.note, attempts=transfer.attempts,
            next_attempt_in_s=wait_s if transfer.state == QUEUED else 0.0,
            content=self._content(transfer))

    def _content(self, transfer: Transfer) -> LogContent:
        if transfer.state == REJECTED:
            return refused_content(transfer.fault, transfer.reason)
        return replace(transfer.content, description=self._ledger.description(transfer))

    def stored_contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return what is known, in short, of the logs that these objects hold, by key."""
        try:
            return self._ledger.stored_contents(files)
        except LedgerUnavailable:
            return {}

    def stored_content(self, file: StoredFile) -> Optional[LogContent]:
        """Return all that is known of the log that an object holds; None: nothing is."""
        try:
            return self._ledger.stored_content(file)
        except LedgerUnavailable:
            return None

    def _network_is_back(self) -> None:
        self._worker.network_is_back()

    def _gone(self, path: Path) -> None:
        self._discovery.gone(path)

    def _stored(self) -> None:
        self._guardian.wake()
        self._housekeeping.wake()


def _destination(settings: BucketSettings) -> str:
    return f'{settings.endpoint_url or "AWS"} {settings.bucket_name} {settings.machine_prefix}'


def _hosts(settings: BucketSettings) -> list[tuple[str, int]]:
    s3 = settings.endpoint_url or f'https://s3.{settings.region}.amazonaws.com'
    return hosts_of([s3, settings.session_token_url])
