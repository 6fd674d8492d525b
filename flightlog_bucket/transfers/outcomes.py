"""What a person reads of transfers: lines in the log, and the last errors."""
from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone
import logging
from pathlib import Path
import threading
import time

from flightlog_bucket.errors import Cancelled, FlightlogError, LedgerUnavailable
from flightlog_bucket.logs.verdict import VALID
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Transfer

LAST_ERRORS = 10
WARNING_PERIOD_S = 60.0

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Outcomes:
    """
    One line for each thing that a person should know. Thread-safe.

    Without a network every log fails again and again: of that, one line a minute says enough.

    :param ledger: counts what waits
    :param now: the time of day, aware
    :param clock: monotonic seconds
    """

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime] = _now,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._errors: deque[str] = deque(maxlen=LAST_ERRORS)
        self._next_warning_s = 0.0

    def last_errors(self) -> tuple[str, ...]:
        """Return the last errors with their times, newest first."""
        with self._lock:
            return tuple(reversed(self._errors))

    def stored(self, transfer: Transfer, log: StoredLog) -> None:
        """Say that a log is in the bucket."""
        _log.info('%s %s as %s, %d bytes%s',
                  'was already stored:' if log.already_stored else 'stored', transfer.path,
                  log.s3_key, log.file_size, f' ({transfer.note})' if transfer.note else '')
        if log.content.verdict not in ('', VALID):
            _log.warning('%s is %s: %s', transfer.path, log.content.verdict, log.content.reason)

    def rejected(self, transfer: Transfer, error: BaseException) -> None:
        """Say that a log is refused until a person acts."""
        self.note(transfer.path, str(error))
        _log.error('rejected: %s: %s', transfer.path, error)

    def waits(self, transfer: Transfer, error: BaseException, delay_s: float) -> None:
        """Say that a log is tried again later."""
        is_surprise = not isinstance(error, FlightlogError)
        self.note(transfer.path, str(error) or type(error).__name__)
        if is_surprise or self._may_warn():
            _log.warning('not stored yet, tried again in %.0f s: %s: %s%s', delay_s,
                         transfer.path, error, self._how_many_wait(),
                         exc_info=error if is_surprise else None)

    def warn(self, problem: str) -> None:
        """Say what is in the way of all transfers."""
        if self._may_warn():
            _log.warning('%s', problem)

    def note(self, path: Path, reason: str) -> None:
        """Remember an error."""
        stamp = self._now().isoformat(timespec='seconds')
        with self._lock:
            self._errors.append(f'{stamp} {path}: {reason}')

    def _how_many_wait(self) -> str:
        try:
            return f' ({self._ledger.counts().queued} logs wait)'
        except (LedgerUnavailable, Cancelled):  # said elsewhere
            return ''

    def _may_warn(self) -> bool:
        with self._lock:
            if self._clock() < self._next_warning_s:
                return False
            self._next_warning_s = self._clock() + WARNING_PERIOD_S
            return True
