"""Now and then: abort what was given up, and forget what is long done with."""
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
import logging
import threading
import time
from typing import Optional

from flightlog_bucket.errors import (
    AuthenticationFailed,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    NotS3,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Orphan
from flightlog_bucket.transfers.survival import survive

KEEP_SETTLED = timedelta(days=30)
_PERIOD_S = 24 * 3600.0
_LEAST_PAUSE_S = 0.1
_MAX_JOBS = 1000
# Of the network, the session-token service or the clock, none of the upload.
PASSING = (Unavailable, Cancelled, AuthenticationFailed, NotS3, SessionServiceError)

Job = Callable[[], None]

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Housekeeping:
    """
    One thread, which sleeps until it is woken, or a day is over.

    What a passing fault has kept from being done is tried again, after longer and longer pauses.

    :param ledger: knows the multipart uploads that were given up
    :param abort: aborts one, by key and upload id; raises ``FlightlogError``
    :param retry_max_delay_s: the longest of these pauses
    :param now: the time of day, aware
    :param delay: of the next try, by tries in a row and ``retry_max_delay_s``
    :param clock: monotonic seconds
    """

    def __init__(self, ledger: Ledger, abort: Callable[[str, str], None], *,
                 retry_max_delay_s: float = 300.0, now: Callable[[], datetime] = _now,
                 delay: Callable[[int, float], float] = full_jitter,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._abort = abort
        self._retry_max_delay_s = retry_max_delay_s
        self._now = now
        self._delay = delay
        self._clock = clock
        self._jobs: deque[Job] = deque(maxlen=_MAX_JOBS)
        self._next_daily_s = clock()
        self._failures = 0
        self._news = threading.Event()
        self._closed = False

    def start(self) -> None:
        """Begin to work."""
        threading.Thread(target=self._run, name='housekeeping', daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._closed = True
        self._news.set()

    def wake(self) -> None:
        """Look for what is to be done: the network works."""
        self._news.set()

    def later(self, job: Job) -> None:
        """
        Do a job as soon as that is possible.

        :param job: raises one of ``PASSING`` where it is to be done later
        """
        self._jobs.append(job)
        self._news.set()

    def abort_orphans(self, *, again: bool = False) -> bool:
        """
        Abort the multipart uploads that were given up.

        :param again: also those that could not be aborted before
        :returns: False if a passing fault is in the way
        """
        for orphan in self._ledger.orphanage.all():
            if self._closed or (orphan.problem and not again):
                continue
            if isinstance(self._aborted(orphan), PASSING):  # another time
                return False
        return True

    def abort(self, orphan: Orphan) -> Optional[FlightlogError]:
        """
        Abort one multipart upload now, or as soon as a passing fault is over.

        :returns: why it is still there; None: it is not
        """
        problem = self._aborted(orphan)
        if isinstance(problem, PASSING):
            self._news.set()
        return problem

    def turn(self) -> float:
        """Do what there is to be done; return in how many seconds to look again."""
        is_daily = self._clock() >= self._next_daily_s
        if is_daily:
            self._next_daily_s = self._clock() + _PERIOD_S
        try:
            is_done = self.abort_orphans(again=is_daily) and self._do_jobs()
            if is_daily:
                self._ledger.forget_settled(self._now() - KEEP_SETTLED)
        except (LedgerUnavailable, Cancelled) as error:
            _log.debug('%s', error)
            is_done = False
        daily_s = max(self._next_daily_s - self._clock(), 0.0)
        if is_done:
            self._failures = 0
            return daily_s
        self._failures += 1
        return min(max(self._delay(self._failures, self._retry_max_delay_s), _LEAST_PAUSE_S),
                   daily_s)

    def _aborted(self, orphan: Orphan) -> Optional[FlightlogError]:
        try:
            self._abort(orphan.key, orphan.upload_id)
            self._ledger.orphanage.aborted(orphan)
        except PASSING as error:
            _log.debug('%s is not aborted yet: %s', orphan.upload_id, error)
            return error
        except LedgerUnavailable as error:  # it is looked for again
            _log.debug('%s', error)
        except FlightlogError as error:
            self._stays(orphan, error)
            return error
        else:
            _log.debug('the multipart upload %s of %s is aborted', orphan.upload_id, orphan.key)
        return None

    def _stays(self, orphan: Orphan, error: FlightlogError) -> None:
        if not orphan.problem:
            _log.warning('the parts of %s that are up stay in the bucket until a lifecycle rule'
                         ' removes them (upload id %s, given up because %s): %s', orphan.key,
                         orphan.upload_id, orphan.reason, error)
        self._ledger.orphanage.stays(orphan, str(error))

    def _do_jobs(self) -> bool:
        """Do the jobs; return False if a passing fault is in the way."""
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            try:
                job()
            except (*PASSING, LedgerUnavailable) as error:
                _log.debug('not done yet: %s', error)
                self._jobs.append(job)
                return False
            except FlightlogError as error:
                _log.info('%s', error)
        return True

    def _run(self) -> None:
        # At the start, and once a day: the policy may allow by now what it did not.
        while not self._closed:
            self._news.wait(survive(self.turn, self._retry_max_delay_s))
            self._news.clear()
