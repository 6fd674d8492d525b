"""When something was last heard of an upload."""
from collections.abc import Callable
import time

from flightlog_bucket.cli.backend import OnStep, Step

# The result of a silent upload may have been lost; a node keeps it for a minute.
_RESULT_AGAIN_S = 3.0
_MOST_AGAIN_S = 20.0


class LastNews:
    """
    Passes on what is told of an upload, and tells when that has been long ago.

    :param on_step: is told all of it
    :param clock: monotonic seconds
    """

    def __init__(self, on_step: OnStep, clock: Callable[[], float] = time.monotonic) -> None:
        self._on_step = on_step
        self._clock = clock
        self._again_in_s = _RESULT_AGAIN_S
        self._next_s = clock() + self._again_in_s

    def step(self, step: Step) -> None:
        """Pass it on."""
        self._again_in_s = _RESULT_AGAIN_S
        self._next_s = self._clock() + self._again_in_s
        self._on_step(step)

    def is_silent(self) -> bool:
        """Tell whether there was no news for some time; then not again for a longer one."""
        now_s = self._clock()
        if now_s < self._next_s:
            return False
        self._again_in_s = min(2 * self._again_in_s, _MOST_AGAIN_S)
        self._next_s = now_s + self._again_in_s
        return True
