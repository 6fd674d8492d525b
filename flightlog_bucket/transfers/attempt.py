"""One try of one transfer."""
from collections.abc import Callable
from pathlib import Path
import threading
from typing import Optional, Protocol

from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Journal
from flightlog_bucket.transfers.records import Transfer


class Upload(Protocol):
    """Stores one log, e.g. ``FlightLogBucket.upload``."""

    def __call__(self, file_path: Path, *, custom_filename: str, folder: str, is_closed: bool,
                 journal: Journal, on_sent: Callable[[int], None],
                 cancel: Optional[threading.Event]) -> StoredLog:
        """Store it, or raise ``FlightlogError``."""


class Attempt:
    """
    A transfer that is on its way.

    :param transfer: as it was claimed
    :param clock: monotonic seconds
    """

    def __init__(self, transfer: Transfer, clock: Callable[[], float]) -> None:
        self.transfer = transfer
        self.cancel = threading.Event()
        self._clock = clock
        self._moved_s = clock()

    def on_sent(self, count: int) -> None:
        """Note that bytes have gone out."""
        self._moved_s = self._clock()

    def stands_for_s(self) -> float:
        """Return for how many seconds nothing has gone out."""
        return self._clock() - self._moved_s
