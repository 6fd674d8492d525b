"""The session token in use: when it is fetched anew, and how it stands."""
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
import threading
import time
from typing import NamedTuple, Optional

from flightlog_bucket.errors import FlightlogError, SessionServiceError
from flightlog_bucket.results import CredentialStatus
from flightlog_bucket.storage.session_token import SessionToken

# The scale of ``TokenKeeper.age()``: every token lives for one hour of it.
BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)
END = BEGIN + timedelta(hours=1)
_ENDED = END + timedelta(hours=1)

# A fetch that failed a moment ago, while others waited for it, has failed for them as well.
FAILURE_MEMORY_S = 2.0

# A policy that denies something denies it to every token, so that asking often is no use.
REPLACEMENT_INTERVAL_S = 60.0

# Requests that are under way can have been signed with one of the last few.
_KNOWN_TOKENS = 4


def boot_time_s() -> float:
    """Return seconds since boot, those in suspend included, where the system counts them."""
    clock = getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class _Arrived(NamedTuple):
    """
    A token that botocore has not put in place yet.

    When it has, it asks for the age once more, in the thread that fetched the token. Until then
    all other threads must see the age of the old one: they would sign with that, or with none.
    """

    thread: int
    lifetime_s: float
    asked_at_s: float


class TokenKeeper:
    """
    Gives botocore's refreshable credentials their two callables: a clock and a refresh.

    botocore refreshes when fifteen minutes are left, and must when ten are, whatever a token's
    life: a token of ten minutes would be fetched anew for every request. So the clock that it is
    given does not show the time, but the token's age, on a scale on which every token lives for
    one hour. The clock is monotonic: a robot's time of day can jump by years at the first fix.

    :param fetch: asks the session-token service
    :param clock: seconds that only grow
    """

    def __init__(self, fetch: Callable[[], SessionToken],
                 clock: Callable[[], float] = boot_time_s) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._lifetime_s = 0.0
        self._fetched_at = 0.0
        self._refused = False
        self._generation = 0
        self._arrived: Optional[_Arrived] = None
        self._failure: Optional[FlightlogError] = None
        self._failed_at = 0.0
        self._replacing = threading.Lock()
        self._replaced_at = float('-inf')
        self._candidate: Optional[tuple[SessionToken, float]] = None
        self._known: deque[SessionToken] = deque(maxlen=_KNOWN_TOKENS)

    @property
    def generation(self) -> int:
        """How many tokens have been fetched: names the one in use."""
        return self._generation

    def age(self) -> datetime:
        """Return the age of the token, as a moment between ``BEGIN`` and ``END``, or later."""
        with self._lock:
            if self._arrived and self._arrived.thread == threading.get_ident():
                self._use(self._arrived)
            if not self._generation or self._refused:
                return _ENDED
            lived = (self._clock() - self._fetched_at) / self._lifetime_s
            return BEGIN + min(lived, 2.0) * (END - BEGIN)

    def refresh(self) -> dict[str, str]:
        """
        Fetch a token; botocore sees to it that one thread at a time does.

        :returns: the token under botocore's names
        :raises FlightlogError: as ``SessionTokenService.fetch()``
        """
        with self._lock:
            candidate, self._candidate = self._candidate, None
        if candidate is None or self._clock() - candidate[1] >= candidate[0].lifetime_s:
            candidate = self._ask()
        token, asked_at = candidate
        with self._lock:
            self._arrived = _Arrived(threading.get_ident(), token.lifetime_s, asked_at)
        return {'access_key': token.access_key_id, 'secret_key': token.secret_access_key,
                'token': token.session_token, 'expiry_time': END.isoformat()}

    def _ask(self) -> tuple[SessionToken, float]:
        """Return a new token, and when it was asked for."""
        failure = self._failure
        if failure and self._clock() - self._failed_at < FAILURE_MEMORY_S:
            raise failure.with_traceback(None)
        asked_at = self._clock()
        try:
            token = self._fetch()
            took_s = self._clock() - asked_at
            if took_s >= token.lifetime_s:
                raise SessionServiceError(
                    f'the session token is valid for {token.lifetime_s:g} s, and took {took_s:g} s'
                    ' to come; let the session-token service give a longer life')
        except FlightlogError as error:
            with self._lock:
                self._failure, self._failed_at = error, self._clock()
            raise
        with self._lock:
            self._failure = None
            self._known.append(token)
        return token, asked_at

    def refuse(self, generation: int) -> None:
        """Use a token no more, unless it has been replaced already."""
        with self._lock:
            self._refused = self._refused or generation == self._generation

    def replace(self, generation: int) -> bool:
        """
        Fetch another token, as this one may be at fault; without one it stays in use.

        Asks the service at most once in ``REPLACEMENT_INTERVAL_S``.

        :param generation: of the token that something was denied to
        :returns: whether the next request will be signed with another token
        """
        with self._replacing:
            if generation != self._generation or self._refused:
                return True
            if self._clock() - self._replaced_at < REPLACEMENT_INTERVAL_S:
                return False
            self._replaced_at = self._clock()
            try:
                candidate = self._ask()
            except FlightlogError:
                return False  # status() tells why
            with self._lock:
                if generation == self._generation:
                    self._candidate, self._refused = candidate, True
            return True

    def redacted(self, text: str) -> str:
        """Return ``text`` with ``***`` for every part of the tokens in use."""
        with self._lock:
            known = list(self._known)
        secrets = {secret for token in known for secret in (
            token.access_key_id, token.secret_access_key, token.session_token)}
        # One can be a part of another.
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, '***')
        return text

    def _use(self, arrived: '_Arrived') -> None:
        self._lifetime_s, self._fetched_at = arrived.lifetime_s, arrived.asked_at_s
        self._generation += 1
        self._refused, self._arrived, self._candidate = False, None, None

    def status(self) -> CredentialStatus:
        """Return how the token stands, without asking anybody."""
        rest_s = (END - self.age()).total_seconds() * self._lifetime_s / 3600
        error = str(self._failure) if self._failure else ''
        if rest_s > 0:
            return CredentialStatus('valid', rest_s, error)
        state = 'failed' if error else 'expired' if self._generation else 'none'
        return CredentialStatus(state, None, error)
