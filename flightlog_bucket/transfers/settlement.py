"""What becomes of a transfer after a try: stored, rejected, or tried again."""
from collections.abc import Callable
from functools import partial
import logging
from pathlib import Path
import threading
from typing import Union

from flightlog_bucket.errors import (
    AuthenticationFailed,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    LocalFileNotFound,
    NotS3,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.gate import Gate
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.outcomes import Outcomes
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.survival import PAUSE_S, survive

# What may be over as soon as the network is back.
NETWORK_FAULTS = tuple(error.__name__ for error in (
    Unavailable, SessionServiceError, AuthenticationFailed, NotS3))

Outcome = Union[StoredLog, BaseException]

_log = logging.getLogger(__name__)


class Settlement:
    """
    Writes the outcome of each try into the ledger.

    :param ledger: of the transfers
    :param outcomes: what a person reads of them
    :param gate: closed by faults that another log would meet as well
    :param retry_max_delay_s: the longest pause between two tries of one log
    :param delay: of the next try, by tries in a row and ``retry_max_delay_s``
    :param clock: monotonic seconds
    :param on_network_fault: called when a try failed for want of a network
    :param on_gone: told the path of a log that is not there any more
    """

    def __init__(self, ledger: Ledger, outcomes: Outcomes, gate: Gate, *,
                 retry_max_delay_s: float, delay: Callable[[int, float], float],
                 clock: Callable[[], float],
                 on_network_fault: Callable[[], None], on_gone: Callable[[Path], None]) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._gate = gate
        self._retry_max_delay_s = retry_max_delay_s
        self._delay = delay
        self._clock = clock
        self._on_network_fault = on_network_fault
        self._on_gone = on_gone
        self._lock = threading.Lock()
        # Tries in a row that brought nothing further, by transfer.
        self._barren: dict[int, int] = {}
        # How often that was forgotten.
        self._era = 0
        # What the ledger could not take yet, by transfer.
        self._unwritten: dict[int, Callable[[], None]] = {}
        self._next_write_s = 0.0

    def forget_failures(self) -> None:
        """
        Let the next pauses be short ones again; what is not written down by now waits no more.

        Whoever makes transfers due calls this before.
        """
        with self._lock:
            self._barren.clear()
            self._era += 1

    def settle(self, transfer: Transfer, outcome: Outcome, *, has_gained: bool,
               is_awaited: bool = False) -> bool:
        """
        Write down what became of a transfer.

        :param has_gained: parts of it went up, so that the try was not for nothing
        :param is_awaited: somebody waits for it however long it takes
        :returns: False if the ledger cannot be written now; ``write_again()`` does it later
        """
        if isinstance(outcome, Cancelled):
            return True  # it is queued as before
        if isinstance(outcome, StoredLog):
            self._gate.open()
            write = self._stored(transfer, outcome)
        elif isinstance(outcome, FlightlogError) and not outcome.retryable:
            write = self._rejected(transfer, outcome)
        else:
            write = self._waits(transfer, outcome, has_gained=has_gained, is_awaited=is_awaited)
        return self._write(transfer.id, write)

    def is_unwritten(self, transfer_id: int) -> bool:
        """Tell whether what became of a transfer is not written down yet."""
        with self._lock:
            return transfer_id in self._unwritten

    def write_again(self) -> list[int]:
        """Try what could not be written; return the transfers of which it is now."""
        with self._lock:
            is_due = self._clock() >= self._next_write_s
            unwritten = list(self._unwritten.items()) if is_due else []
        return [number for number, write in unwritten if self._write(number, write)]

    def _write(self, number: int, write: Callable[[], None]) -> bool:
        is_written = survive(partial(self._is_written, write), False)
        with self._lock:
            if is_written:
                self._unwritten.pop(number, None)
            else:
                self._unwritten[number] = write
                self._next_write_s = self._clock() + PAUSE_S
        return is_written

    def _is_written(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except (LedgerUnavailable, Cancelled) as error:
            self._outcomes.warn(str(error))
            return False
        return True

    def _stored(self, transfer: Transfer, log: StoredLog) -> Callable[[], None]:
        with self._lock:
            self._barren.pop(transfer.id, None)
        self._outcomes.stored(transfer, log)
        return partial(self._ledger.stored, transfer.id, log)

    def _rejected(self, transfer: Transfer, error: FlightlogError) -> Callable[[], None]:
        with self._lock:
            self._barren.pop(transfer.id, None)
        self._outcomes.rejected(transfer, error)
        if isinstance(error, LocalFileNotFound):
            self._on_gone(transfer.path)
        return partial(self._ledger.rejected, transfer.id, str(error), type(error).__name__)

    def _waits(self, transfer: Transfer, error: BaseException, *,
               has_gained: bool, is_awaited: bool) -> Callable[[], None]:
        with self._lock:
            tries = 1 if has_gained else self._barren.get(transfer.id, 0) + 1
            self._barren[transfer.id] = tries
            era = self._era
        delay_s = self._delay(tries, self._retry_max_delay_s)
        self._outcomes.waits(transfer, error, delay_s)
        fault = type(error).__name__
        if fault in NETWORK_FAULTS:
            self._gate.close_for_a_while()
            self._on_network_fault()
        return partial(self._ledger.waits, transfer.id, str(error) or fault, fault, delay_s,
                       urgent=is_awaited, is_due=lambda: self._era != era)
