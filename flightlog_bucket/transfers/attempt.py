"""The tries that are under way."""
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
import threading
from typing import Optional, Protocol

from flightlog_bucket.errors import Cancelled
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.journal import Journal
from flightlog_bucket.transfers.meter import Meter
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.settlement import Outcome
from flightlog_bucket.transfers.transfer_journal import TransferJournal

STALLED_S = 5.0
STALLED_PER_SLOT = 3


class Upload(Protocol):
    """Stores one log, e.g. ``FlightLogBucket.upload``."""

    def __call__(self, file_path: Path, *, custom_filename: str, folder: str, is_closed: bool,
                 journal: Journal, on_sent: Callable[[int], None],
                 cancel: Optional[threading.Event]) -> StoredLog:
        """Store it, or raise ``FlightlogError``."""


class Attempt:
    """
    One try of one transfer.

    :param transfer: as it was claimed
    :param journal: of its upload
    :param clock: monotonic seconds

    ``has_ended`` is set when its outcome is known, which may not be written down yet; one that was
    stopped has none.
    """

    def __init__(self, transfer: Transfer, journal: TransferJournal,
                 clock: Callable[[], float]) -> None:
        self.transfer = transfer
        self.journal = journal
        self.cancel = threading.Event()
        self.has_ended = False
        self.meter = Meter(clock)
        self._clock = clock
        self._moved_s = clock()

    @property
    def is_checking(self) -> bool:
        """Whether its log is being checked, or waits for that; nothing of it is sent before."""
        return not self.journal.has_begun

    def on_sent(self, count: int) -> None:
        """Note that bytes have gone out; see ``storage.file_part.OnSent``."""
        self.meter.add(count)
        if count >= 0:
            self._moved_s = self._clock()

    def stands_for_s(self) -> float:
        """Return for how many seconds nothing has gone out."""
        return self._clock() - self._moved_s

    def outcome(self, future: 'Future[StoredLog]') -> Outcome:
        """Return what became of it, once that is known."""
        if future.cancelled():
            return Cancelled(f'{self.transfer.path}: the node is ending')
        return future.exception() or future.result()


class Attempts(dict[int, Attempt]):
    """
    The tries that are under way, by transfer. Not thread-safe: its owner has a lock.

    :param slots: of them that move, at once
    """

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots

    @property
    def most(self) -> int:
        """How many may be under way, with those that do not move."""
        return self.slots * (1 + STALLED_PER_SLOT)

    def has_room(self) -> bool:
        """Tell whether another one may begin."""
        moving = sum(attempt.stands_for_s() < STALLED_S for attempt in self.values())
        return moving < self.slots and len(self) < self.most

    def long_checks(self, least_s: float) -> dict[int, Path]:
        """
        Return the logs that are being checked, or wait for that, by transfer.

        :param least_s: only those of which nothing has moved for so many seconds
        """
        return {number: attempt.transfer.path for number, attempt in self.items()
                if attempt.is_checking and attempt.stands_for_s() >= least_s}

    def ended(self) -> set[int]:
        """Return those of which the outcome is known, and is being written down."""
        return {number for number, attempt in self.items() if attempt.has_ended}

    def cancel(self) -> None:
        """End all."""
        for attempt in self.values():
            attempt.cancel.set()

    def cancel_checks(self) -> None:
        """End those that have sent nothing."""
        for attempt in self.values():
            if attempt.is_checking:
                attempt.cancel.set()
