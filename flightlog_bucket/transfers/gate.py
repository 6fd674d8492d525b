"""Holds uploads back while the network or the server cannot take any."""
from collections.abc import Callable
import threading
import time

from flightlog_bucket.transfers.backoff import full_jitter


class Gate:
    """
    Closed for a while by each failure in a row, and opened by a success. Thread-safe.

    A hundred logs that wait for a link are one question to it, not a hundred.

    :param max_delay_s: the longest time for which it is closed
    :param delay: how long, by failures in a row and ``max_delay_s``
    :param clock: monotonic seconds
    """

    def __init__(self, max_delay_s: float, *, delay: Callable[[int, float], float] = full_jitter,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._max_delay_s = max_delay_s
        self._delay = delay
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opens_s = 0.0

    def close_for_a_while(self) -> None:
        """Note a failure that another log would meet as well."""
        with self._lock:
            self._failures += 1
            self._opens_s = self._clock() + self._delay(self._failures, self._max_delay_s)

    def open(self) -> None:
        """Note that the network and the server work."""
        with self._lock:
            self._failures = 0
            self._opens_s = 0.0

    def opens_in_s(self) -> float:
        """Return for how many seconds it stays closed; 0: it is open."""
        with self._lock:
            return max(self._opens_s - self._clock(), 0.0)
