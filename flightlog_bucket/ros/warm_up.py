"""The first session token, fetched in the background from the start on."""
from collections.abc import Callable
from concurrent.futures import Executor, Future
import logging
import time

from flightlog_bucket.errors import Busy
from flightlog_bucket.transfers.alarms import After
from flightlog_bucket.transfers.backoff import full_jitter

WARNING_PERIOD_S = 600.0

_log = logging.getLogger(__name__)


class CredentialWarmUp:
    """
    Tries until there is a session token, so that ~/info tells early whether the way to it works.

    :param fetch: fetches a session token, or raises
    :param pool: where it runs
    :param after: sets an alarm
    :param max_delay_s: the longest pause between two tries
    """

    def __init__(self, fetch: Callable[[], None], pool: Executor, after: After, *,
                 max_delay_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._pool = pool
        self._after = after
        self._max_delay_s = max_delay_s
        self._monotonic = monotonic
        self._attempts = 0
        self._last_warning = ''
        self._next_warning_s = 0.0
        self._closed = False

    def begin(self) -> None:
        """Try in the background."""
        if not self._closed:
            self._attempts += 1
            try:
                attempt = self._pool.submit(self._fetch)
            except Busy as error:  # the node is ending, or there are no more threads for now
                _log.debug('%s', error)
                self._again()
            else:
                attempt.add_done_callback(self._ended)

    def close(self) -> None:
        """Try no more."""
        self._closed = True

    def _ended(self, attempt: 'Future[None]') -> None:
        if self._closed or attempt.cancelled():
            return
        error = attempt.exception()
        if error is None:
            if self._last_warning:
                _log.info('there is a session token now')
            return
        self._warn(str(error))
        self._again()

    def _again(self) -> None:
        self._after(full_jitter(self._attempts, self._max_delay_s), self.begin)

    def _warn(self, problem: str) -> None:
        now_s = self._monotonic()
        if problem != self._last_warning or now_s >= self._next_warning_s:
            _log.warning('no session token yet, trying on: %s', problem)
            self._last_warning = problem
            self._next_warning_s = now_s + WARNING_PERIOD_S
