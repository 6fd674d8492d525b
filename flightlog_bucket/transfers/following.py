"""Bags that a recorder has spoken of: looked at until they are closed, wherever they are."""
from collections.abc import Callable
from dataclasses import dataclass, replace
import logging
import os
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.transfers.bag_directory import Announced, BagLook

_log = logging.getLogger(__name__)

_MAX_FOLLOWED = 100


@dataclass
class _Followed:
    announced: Announced
    since_s: float
    next_look_s: float


class Following:
    """
    The directories to look at again and again; each until its bag is closed, or quiet.

    Thread-safe: who announces a bag does so while the others are looked at.

    :param settle_s: how long a bag of which nothing waits must be quiet
    :param clock: monotonic seconds
    """

    def __init__(self, settle_s: float, clock: Callable[[], float]) -> None:
        self._settle_s = settle_s
        self._period_s = min(max(settle_s / 4, 0.2), 5.0)
        self._clock = clock
        self._lock = threading.Lock()
        self._followed: dict[Path, _Followed] = {}

    def __contains__(self, directory: Path) -> bool:
        with self._lock:
            return directory in self._followed

    def follow(self, directory: Path, announced: Announced) -> Announced:
        """
        Look at a bag from now on.

        :returns: what all that was said of it comes to
        """
        now_s = self._clock()
        with self._lock:
            before = self._followed.pop(directory, None)
            if before is not None:
                announced = replace(announced,
                                    up_to=max(before.announced.up_to, announced.up_to))
            if len(self._followed) >= _MAX_FOLLOWED:
                del self._followed[next(iter(self._followed))]
            self._followed[directory] = _Followed(announced, now_s, now_s + self._period_s)
        return announced

    def announced(self, directory: Path) -> Announced:
        """Return what was said of a bag."""
        with self._lock:
            followed = self._followed.get(directory)
        return followed.announced if followed else Announced()

    def due(self) -> list[Path]:
        """Return the directories to look at now."""
        now_s = self._clock()
        with self._lock:
            return [d for d, followed in self._followed.items() if followed.next_look_s <= now_s]

    def next_look_s(self) -> Optional[float]:
        """Return on the monotonic clock when the next one is to be looked at; None: none is."""
        with self._lock:
            return min((f.next_look_s for f in self._followed.values()), default=None)

    def drop(self, directory: Path) -> None:
        """Follow a directory no more."""
        with self._lock:
            self._followed.pop(directory, None)

    def looked(self, directory: Path, look: BagLook) -> None:
        """Note what a look at a bag has led to."""
        now_s = self._clock()
        with self._lock:
            followed = self._followed.get(directory)
        if followed is None:
            return
        followed.next_look_s = now_s + self._period_s
        if look.accepted or look.waiting:
            followed.since_s = now_s
        if look.is_closed and not look.waiting:
            self.drop(directory)
        elif now_s - followed.since_s >= self._settle_s:
            _log.info('%r: its metadata.yaml has not come', os.fspath(directory))
            self.drop(directory)
