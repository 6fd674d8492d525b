"""What is measured again and again, where a measurement may hang."""
from collections.abc import Callable
import threading
import time
from typing import Generic, NamedTuple, Optional, TypeVar

from flightlog_bucket.transfers.survival import survive

T = TypeVar('T')


class Measured(NamedTuple, Generic[T]):
    """
    The last measurement.

    :param value: None: there is none yet
    :param age_s: seconds since it ended; without one, since the first was begun
    """

    value: Optional[T]
    age_s: float


class Measurement(Generic[T]):
    """
    Measures in a daemon thread of its own, and remembers the last value.

    :param name: of the thread
    :param measure: what may hang, e.g. on a disk; a surprise in it is logged, and gives no value
    :param period_s: between the end of one and the begin of the next
    :param clock: monotonic seconds
    """

    def __init__(self, name: str, measure: Callable[[], Optional[T]], *, period_s: float = 1.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._measure = measure
        self._period_s = period_s
        self._clock = clock
        self._stopped = threading.Event()
        self._last: tuple[Optional[T], float] = (None, clock())
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._last = (None, self._clock())
        self._thread.start()

    def stop(self) -> None:
        """Measure no more; returns at once, whatever hangs."""
        self._stopped.set()

    def latest(self) -> Measured[T]:
        """Return the last measurement; never waits."""
        value, moment_s = self._last
        return Measured(value, self._clock() - moment_s)

    def _run(self) -> None:
        while not self._stopped.is_set():
            value = survive(self._measure, None)
            if value is not None:
                self._last = (value, self._clock())
            self._stopped.wait(self._period_s)
