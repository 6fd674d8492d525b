"""How far a transfer of this process is, told in steps."""
from collections.abc import Callable
import threading
import time

from flightlog_bucket.cli.backend import OnStep, Step
from flightlog_bucket.transfers.meter import Meter

DOWNLOADING, QUEUED, UPLOADING = 'downloading', 'queued', 'uploading'
_PERIOD_S = 0.1


class UploadProgress:
    """
    Sums up the tries of all files of one log; what it tells never goes back. Thread-safe.

    :param total_bytes: of all files
    :param on_step: is told at most every 0.1 s, and at once when a try begins or ends
    :param clock: monotonic seconds
    """

    def __init__(self, total_bytes: int, on_step: OnStep, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._total_bytes = total_bytes
        self._on_step = on_step
        self._clock = clock
        self._lock = threading.Lock()
        self._meter = Meter(clock=clock)
        self._done_bytes = 0
        self._shown_bytes = 0
        self._next_s = 0.0
        self._tries = 0
        self._tell(QUEUED)

    def begin(self, tries: int) -> None:
        """Note that a try of a file begins, and which one it is."""
        with self._lock:
            self._meter = Meter(clock=self._clock)
            self._tries = tries
            self._tell(UPLOADING)

    def on_sent(self, count: int) -> None:
        """Note bytes that went out, or, as a negative number, that they went for nothing."""
        with self._lock:
            self._meter.add(count)
            if self._clock() >= self._next_s:
                self._tell(UPLOADING)

    def waits(self, reason: str, delay_s: float) -> None:
        """Note that the try has failed, and when the next one is."""
        with self._lock:
            self._tell(QUEUED, reason, delay_s)

    def stored(self, size_bytes: int) -> None:
        """Note that a file is in the bucket."""
        with self._lock:
            self._done_bytes += size_bytes
            rate = self._meter.rate
            self._meter = Meter(clock=self._clock)
            self._tell(UPLOADING, rate=rate)

    def _tell(self, state: str, reason: str = '', delay_s: float = 0.0,
              rate: 'float | None' = None) -> None:
        if state != UPLOADING:
            rate = 0.0
        elif rate is None:
            rate = self._meter.rate
        sent = min(self._done_bytes + max(self._meter.sent_bytes, 0), self._total_bytes)
        self._shown_bytes = max(self._shown_bytes, sent)
        left = self._total_bytes - self._shown_bytes
        self._next_s = self._clock() + _PERIOD_S
        self._on_step(Step(state, self._shown_bytes, self._total_bytes, rate,
                           left / rate if rate > 0 else None, self._tries, reason, delay_s))


class DownloadProgress:
    """
    Tells how far a download is.

    :param on_step: is told at most every 0.1 s, and of the last byte
    :param clock: monotonic seconds
    """

    def __init__(self, on_step: OnStep, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._on_step = on_step
        self._clock = clock
        self._meter = Meter(clock=clock)
        self._shown_bytes = 0
        self._next_s = 0.0

    def on_received(self, received: int, total: int) -> None:
        """Note how many bytes are here."""
        self._meter.add(received - self._meter.sent_bytes)
        self._shown_bytes = max(self._shown_bytes, received)
        if self._clock() < self._next_s and received < total:
            return
        self._next_s = self._clock() + _PERIOD_S
        rate = self._meter.rate
        self._on_step(Step(DOWNLOADING, self._shown_bytes, total, rate,
                           (total - received) / rate if rate > 0 else None, 1))
