"""What S3 has listed a moment ago, so that who turns the pages does not list it again."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import threading
import time
from typing import Optional

from flightlog_bucket.results import StoredFile

KEPT_S = 60.0
MOST_FILES = 15_000


@dataclass(frozen=True)
class Listed:
    """
    Part of a listing.

    :param low: names after this one
    :param high: names before this one; empty: all that come after ``low``
    :param files: by key
    :param listed_s: when, monotonic seconds
    """

    low: str
    high: str
    files: Sequence[StoredFile]
    listed_s: float


class RecentListings:
    """
    Remembers parts of the listing for a minute. Thread-safe.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._parts: list[Listed] = []
        self._generation = 0

    @property
    def generation(self) -> int:
        """Another number after each ``clear()``."""
        with self._lock:
            return self._generation

    def add(self, low: str, high: str, files: Sequence[StoredFile], generation: int) -> None:
        """
        Remember a part; what is too much is forgotten, the oldest first.

        :param generation: before it was listed; nothing is remembered from before ``clear()``
        """
        with self._lock:
            if generation != self._generation:
                return
            self._forget_old()
            self._parts.append(Listed(low, high, files, self._clock()))
            while sum(len(part.files) for part in self._parts) > MOST_FILES:
                del self._parts[0]

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._parts = []
            self._generation += 1

    def below(self, name: str) -> Optional[Listed]:
        """Return the part that goes up to a name, or over it; None: there is none."""
        with self._lock:
            self._forget_old()
            for part in reversed(self._parts):
                # The name that follows ``low`` immediately is where the part ends.
                if f'{part.low}\0' < name and (not part.high or name <= part.high):
                    return part
        return None

    def _forget_old(self) -> None:
        now_s = self._clock()
        self._parts = [part for part in self._parts if now_s - part.listed_s < KEPT_S]
