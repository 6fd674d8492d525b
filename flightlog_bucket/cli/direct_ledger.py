"""The ledger of ``--direct``: had while this process uploads, and read for a moment else."""
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
import hashlib
import threading
import time
from typing import Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.cli.backend import NotReachable
from flightlog_bucket.cli.direct_upload import Uploader
from flightlog_bucket.errors import FlightlogError, LedgerInUse, LedgerUnavailable
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.transfers.housekeeping import Housekeeping, KEEP_SETTLED
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.named_bags import NamedBags
from flightlog_bucket.transfers.state_directory import StateDirectory

_IN_USE = 'another command is uploading to the same place, and has the ledger until it ends'
# Who reads has it for a moment.
_WAIT_S = 1.0
_LOOK_S = 0.05


class DirectLedger:
    """
    Opened when it is needed for the first time. Thread-safe.

    :param settings: of the destination
    :param bucket: where logs go
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket) -> None:
        self._settings = settings
        self._bucket = bucket
        # One for each destination, so that none is in the way of another.
        name = hashlib.sha256(settings.bucket.destination.encode()).hexdigest()[:16]
        self.home = settings.state_directory / name
        self._lock = threading.Lock()
        self._work: Optional[Work] = None

    def begin(self) -> 'Work':
        """
        Have it until the end.

        :raises NotReachable: another process has it
        """
        with self._lock:
            if self._work is None:
                self._work = Work(self._settings, self._bucket, self._opened(_WAIT_S))
            return self._work

    @contextmanager
    def read(self) -> Iterator[tuple[Optional[Ledger], str]]:
        """Give it for a ``with``; None where there is none, or it cannot be had, and why."""
        with self._lock:
            work = self._work
        if work is not None:
            yield work.ledger, ''
            return
        ledger, problem = self._for_a_moment()
        try:
            yield ledger, problem
        finally:
            if ledger is not None:
                ledger.close()

    def close(self) -> None:
        """End what goes on; before that, clear away what earlier uploads have left behind."""
        with self._lock:
            if self._work is not None:
                self._work.close(self._bucket)

    def _for_a_moment(self) -> tuple[Optional[Ledger], str]:
        if not self.home.is_dir():  # nothing was ever uploaded from here
            return None, ''
        try:
            return self._opened(0.0), ''
        except NotReachable:
            return None, _IN_USE
        except LedgerUnavailable as error:
            return None, str(error)

    def _opened(self, wait_s: float) -> Ledger:
        until_s = time.monotonic() + wait_s
        while True:
            try:
                return Ledger(StateDirectory(self.home),
                              machine=self._settings.bucket.robot_instance_id,
                              destination=self._settings.bucket.destination)
            except LedgerInUse:
                if time.monotonic() >= until_s:
                    raise NotReachable(
                        409, f'another command is uploading to the same place, and has'
                             f' {self.home}; wait until it has ended, or give another'
                             ' --state-directory') from None
            threading.Event().wait(_LOOK_S)


class Work:
    """
    What it takes to upload.

    :param settings: of the bucket, and of how much goes at once
    :param bucket: where logs go
    :param ledger: is closed with it
    """

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket, ledger: Ledger) -> None:
        self.ledger = ledger
        self.bags = NamedBags(self.ledger, settle_s=settings.settle_s,
                              allowed_extensions=settings.bucket.allowed_extensions)
        self.uploader = Uploader(bucket, self.ledger, slots=settings.max_concurrent_transfers)
        self.has_stored = False

    def close(self, bucket: FlightLogBucket) -> None:
        """Clear away what is not needed any more, and close the ledger."""
        with suppress(FlightlogError):
            if self.has_stored:  # the network works
                Housekeeping(self.ledger, bucket.abort).abort_orphans()
            self.ledger.forget_settled(datetime.now(timezone.utc) - KEEP_SETTLED)
        self.ledger.close()
