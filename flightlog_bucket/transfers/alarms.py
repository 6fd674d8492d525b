"""Calls that are due later, from one thread however many there are."""
from collections.abc import Callable
import heapq
import threading
import time
from typing import Optional, Protocol


class Alarm:
    """
    A call that is due at a time.

    :param due_s: on the monotonic clock
    :param ring: the call; short, and raises nothing
    """

    def __init__(self, due_s: float, ring: Callable[[], None]) -> None:
        self.due_s = due_s
        self.ring = ring
        self.cancelled = False

    def cancel(self) -> None:
        """Let it not ring, unless it rings already."""
        self.cancelled = True

    def __lt__(self, other: 'Alarm') -> bool:
        return self.due_s < other.due_s


class After(Protocol):
    """Anything that sets an alarm, e.g. ``Alarms.after``."""

    def __call__(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` in ``delay_s`` seconds."""


class Alarms:
    """One daemon thread, begun by the first alarm, that sleeps until the next one is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarms: list[Alarm] = []
        self._begun = False
        self._closed = False

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        """
        Set an alarm.

        :param delay_s: seconds from now
        :param ring: called in the thread of the alarms; short, and raises nothing
        """
        alarm = Alarm(time.monotonic() + delay_s, ring)
        with self._changed:
            heapq.heappush(self._alarms, alarm)
            if not self._begun:
                threading.Thread(target=self._run, name='alarms', daemon=True).start()
                self._begun = True
            self._changed.notify()
        return alarm

    def close(self) -> None:
        """Ring no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (alarm := self._next()) is not None:
            if not alarm.cancelled:
                alarm.ring()

    def _next(self) -> Optional[Alarm]:
        with self._changed:
            while not self._closed:
                wait_s = self._alarms[0].due_s - time.monotonic() if self._alarms else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._alarms)
                self._changed.wait(wait_s)
            return None
