"""Lines that stay true for long, each said now and then."""
from collections.abc import Callable
import logging
import time

_log = logging.getLogger(__name__)


class Warnings:
    """
    Says each of them once in a while.

    :param period_s: seconds between two lines of one subject
    :param monotonic: seconds
    """

    def __init__(self, period_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._monotonic = monotonic
        self._next_s: dict[str, float] = {}

    def warn(self, subject: str, message: str, *args: object) -> None:
        """
        Say it, unless something of this subject was said just now.

        :param subject: one of few
        """
        now_s = self._monotonic()
        if now_s >= self._next_s.get(subject, now_s):
            self._next_s[subject] = now_s + self._period_s
            _log.warning(message, *args)
