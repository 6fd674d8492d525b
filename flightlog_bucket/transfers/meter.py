"""How much of a log has moved, and how fast."""
from collections import deque
from collections.abc import Callable
import threading
import time
from typing import Optional

WINDOW_S = 5.0
"""The rate is that of the last so many seconds."""
_STEP_S = 0.25


class Meter:
    """
    Counts the bytes of one transfer. Thread-safe.

    The first number is of what is there from an earlier try: it counts, but has no rate.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._total = 0
        self._began_s: Optional[float] = None
        # Bytes, and when the first of them moved.
        self._steps: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """
        Note that bytes have moved.

        :param count: negative: they were for nothing
        """
        now_s = self._clock()
        with self._lock:
            self._total += count
            if self._began_s is None:
                self._began_s = now_s
                return
            if count <= 0:
                return
            if self._steps and now_s - self._steps[-1][0] < _STEP_S:
                first_s, before = self._steps.pop()
                self._steps.append((first_s, before + count))
            else:
                self._steps.append((now_s, count))
            self._forget(now_s)

    @property
    def sent_bytes(self) -> int:
        """What has moved, or was there."""
        return max(self._total, 0)

    @property
    def rate(self) -> float:
        """Bytes per second, over the last ``WINDOW_S``."""
        now_s = self._clock()
        with self._lock:
            self._forget(now_s)
            if self._began_s is None:
                return 0.0
            elapsed_s = min(now_s - self._began_s, WINDOW_S)
            return sum(count for _, count in self._steps) / max(elapsed_s, _STEP_S)

    def _forget(self, now_s: float) -> None:
        while self._steps and self._steps[0][0] <= now_s - WINDOW_S:
            self._steps.popleft()
