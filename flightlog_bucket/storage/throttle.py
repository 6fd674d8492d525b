"""How fast logs may go out, and whether any may go out now."""
from collections.abc import Callable
import threading
import time
from typing import Optional, Protocol

from flightlog_bucket.errors import Paused

_SLICE_S = 0.05
_CREDIT_S = 0.1
_LOOK_AGAIN_S = 0.1


class Line(Protocol):
    """A connection that a part of a log is on."""

    def cut(self) -> None:
        """Break it off: what the system has taken and not sent yet is thrown away."""


class Throttle:
    """
    Limits what all uploads of a bucket send together. Thread-safe; can be changed at any time.

    :param max_bytes_per_s: 0 or None: no limit
    :param clock: monotonic seconds
    """

    def __init__(self, max_bytes_per_s: Optional[float] = None, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._rate = float(max_bytes_per_s or 0)
        # What was allowed so far is on the wire by then, at this rate.
        self._busy_until_s = 0.0
        self._paused = False
        self._lines: set[Line] = set()

    @property
    def max_bytes_per_s(self) -> float:
        """The limit; 0: none."""
        return self._rate

    @max_bytes_per_s.setter
    def max_bytes_per_s(self, limit: Optional[float]) -> None:
        with self._changed:
            self._rate = float(limit or 0)
            self._busy_until_s = 0.0
            self._changed.notify_all()

    @property
    def paused(self) -> bool:
        """Whether nothing may go out."""
        return self._paused

    def pause(self) -> None:
        """Let nothing more go out; what is on its way ends with ``Paused``."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()
            for line in self._lines:
                line.cut()

    def resume(self) -> None:
        """Let uploads go on."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def check_not_paused(self) -> None:
        """
        Tell whether an upload may go on.

        :raises Paused: if it may not
        """
        if self._paused:
            raise Paused('uploads are paused')

    def enter(self, line: Line) -> None:
        """
        Note a connection that is about to send; ``pause()`` cuts it until it has left.

        :raises Paused: if uploads are paused
        """
        with self._changed:
            self.check_not_paused()
            self._lines.add(line)

    def leave(self, line: Line) -> None:
        """Note that a connection sends no more; may be called more than once."""
        with self._changed:
            self._lines.discard(line)

    def take(self, wanted: int, check: Callable[[], None]) -> int:
        """
        Wait until bytes may go out; return how many.

        :param wanted: at most so many
        :param check: is called at least every 0.1 s; raises if they are not wanted any more
        :raises Paused: if uploads are paused, or are paused meanwhile
        """
        while True:
            check()
            with self._changed:
                self.check_not_paused()
                if not self._rate:
                    return wanted
                now_s = self._clock()
                wait_s = self._busy_until_s - now_s
                if wait_s <= 0:
                    allowed = min(wanted, max(1, int(self._rate * _SLICE_S)))
                    # Who comes late has not lost the time, within bounds.
                    self._busy_until_s = (max(self._busy_until_s, now_s - _CREDIT_S)
                                          + allowed / self._rate)
                    return allowed
                self._changed.wait(min(wait_s, _LOOK_AGAIN_S))
