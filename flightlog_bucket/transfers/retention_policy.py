"""Which local logs may go, once they are in the bucket."""
from collections.abc import Callable
from dataclasses import dataclass
import math
import time

from flightlog_bucket.errors import ConfigurationError

KEEP, AT_ONCE = 'keep', 'delete_after_upload'
KEEP_DAYS, FREE_SPACE = 'keep_days', 'free_space'

DAY_S = 24 * 3600.0
MAX_KEEP_DAYS = 3650.0
# A log that seems to have been due for longer than this has met a wrong clock.
_CREDIBLE_S = 3650 * DAY_S


@dataclass(frozen=True)
class RetentionPolicy:
    """
    When the local file of a stored log is deleted.

    :param mode: ``keep``: never; ``delete_after_upload``: as soon as the log is stored;
        ``keep_days``: some days after that; ``free_space``: when the disk is short, the oldest
        first
    :param keep_days: of ``keep_days``
    :param min_free_bytes: of ``free_space``: what the disk of a watched folder shall have left
    :param dry_run: say what would be deleted, and delete nothing
    :raises ConfigurationError: naming the setting and what it takes
    """

    mode: str = KEEP
    keep_days: float = 30.0
    min_free_bytes: int = 0
    dry_run: bool = False

    def __post_init__(self) -> None:
        modes = (KEEP, AT_ONCE, KEEP_DAYS, FREE_SPACE)
        if self.mode not in modes:
            raise ConfigurationError(f'retention is {self.mode!r}; give one of '
                                     + ', '.join(repr(mode) for mode in modes))
        if not 0 < self.keep_days <= MAX_KEEP_DAYS:
            raise ConfigurationError(f'keep_days is {self.keep_days}; give more than 0 and at most'
                                     f' {MAX_KEEP_DAYS:.0f}')
        if self.min_free_bytes < 0:
            raise ConfigurationError(f'min_free_bytes is {self.min_free_bytes}; give 0 or more')
        if self.mode == FREE_SPACE and not self.min_free_bytes:
            raise ConfigurationError("retention is 'free_space', and min_free_bytes is 0; give the"
                                     ' bytes that shall stay free')


class Ages:
    """
    How long ago logs were stored, as far as a clock that jumps can be believed.

    A computer without a battery for its clock begins in 1970, or when it was switched off, and
    jumps as soon as it finds a network. So an age below zero, or of ten years more than was asked
    for, is none: one of the two times is wrong. And no log that was stored since this process
    began is older than the process. (Before a log is deleted, S3 is asked for it with a request
    that is signed with this clock: AWS refuses that if the clock is wrong by 15 minutes.)

    :param wall: seconds since 1970
    :param monotonic: seconds, on a clock that does not jump
    """

    def __init__(self, wall: Callable[[], float] = time.time,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._began_wall_s = wall()
        self._began_s = monotonic()

    def of(self, settled_s: float, keep_s: float) -> float:
        """
        Return an age in seconds; NaN if it cannot be told.

        :param settled_s: when the log was stored, seconds since 1970
        :param keep_s: how long it is to be kept
        """
        age_s = self._wall() - settled_s
        if not 0 <= age_s <= keep_s + _CREDIBLE_S:
            return math.nan
        if settled_s >= self._began_wall_s:
            age_s = min(age_s, self._monotonic() - self._began_s)
        return age_s
