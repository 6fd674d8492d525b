"""The thread that sees how transfers move on, and shows it."""
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
import logging
import threading
import time
from typing import Optional, Protocol

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.transfers.survival import PAUSE_S, survive

TICK_S = 0.5
"""Between two looks at what moves."""
UPLOAD, DOWNLOAD = 'upload', 'download'
"""The directions."""
MOVING = ('uploading', 'downloading')

# What thousands of changes at once take, must not be felt by a flight.
_CHUNK = 100
_BREATH_S = 0.2
_FAILED_S: Optional[float] = -1.0

Key = tuple[str, int]
"""The direction and the id of a transfer."""
Read = Callable[[Collection[int]], Iterable[Standing]]

_log = logging.getLogger(__name__)


class Viewer(Protocol):
    """Is shown how transfers stand, always in the same thread."""

    def show(self, direction: str, standing: Standing) -> None:
        """Take note of how a transfer stands now."""

    def flush(self) -> Optional[float]:
        """Show what is due; return in how many seconds the next is due; None: nothing waits."""


class StandingsWatch:
    """
    Reads how transfers stand when that changes, and twice a second of those that move.

    It sleeps while nothing changes. Thread-safe.

    :param clock: monotonic seconds
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        # In the order of the changes; first those that somebody follows.
        self._urgent: dict[Key, None] = {}
        self._dirty: dict[Key, None] = {}
        self._followed: set[Key] = set()
        self._moving: set[Key] = set()
        self._next_tick_s = 0.0
        self._next_chunk_s = 0.0
        self._closed = False
        self._thread: Optional[threading.Thread] = None
        self._sources: Mapping[str, Read] = {}
        self._viewers: Sequence[Viewer] = ()
        self._told_of_gone: tuple[Callable[[], None], ...] = ()

    def begin(self, sources: Mapping[str, Read], viewers: Sequence[Viewer]) -> None:
        """
        Show what changes from now on, and what has changed already.

        :param sources: tell, by direction, how transfers stand; may wait for the disk
        :param viewers: are shown it
        """
        self._sources, self._viewers = sources, viewers
        self._thread = threading.Thread(target=self._run, name='standings', daemon=True)
        self._thread.start()

    def add(self, viewer: Viewer, on_gone: Callable[[], None]) -> None:
        """
        Show what changes from now on to one more, once this has begun.

        :param on_gone: called when some that have changed are not there any more
        """
        with self._changed:
            self._viewers = (*self._viewers, viewer)
            self._told_of_gone = (*self._told_of_gone, on_gone)

    def changed(self, direction: str, ids: Collection[int]) -> None:
        """Note that these transfers have changed; returns at once."""
        with self._changed:
            for key in [(direction, number) for number in ids]:
                (self._urgent if key in self._followed else self._dirty)[key] = None
            self._changed.notify_all()

    def follow(self, direction: str, ids: Collection[int]) -> None:
        """Look at these before all others, and now."""
        with self._changed:
            self._followed.update((direction, number) for number in ids)
        self.changed(direction, ids)

    def unfollow(self, direction: str, ids: Collection[int]) -> None:
        """Look at these as at all others."""
        with self._changed:
            self._followed.difference_update((direction, number) for number in ids)

    def close(self, within_s: float) -> None:
        """Show nothing more; wait so long for what is being shown."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        pause_s: Optional[float] = None
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news, self._pause_s(pause_s))
                if self._closed:
                    return
                keys = self._take()
            has_failed = not self._look_at(keys)
            pause_s, has_flushed = self._flush()
            if has_failed or not has_flushed:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, PAUSE_S)
                pause_s = 0.0

    def _has_news(self) -> bool:
        if self._closed or self._urgent:
            return True
        return bool(self._dirty) and self._clock() >= self._next_chunk_s

    def _pause_s(self, viewers_pause_s: Optional[float]) -> Optional[float]:
        now_s = self._clock()
        pauses = [] if viewers_pause_s is None else [viewers_pause_s]
        if self._moving:
            pauses.append(max(self._next_tick_s - now_s, 0.0))
        if self._dirty:
            pauses.append(max(self._next_chunk_s - now_s, 0.0))
        return min(pauses, default=None)

    def _take(self) -> list[Key]:
        now_s = self._clock()
        keys = _some_of(self._urgent)
        if now_s >= self._next_chunk_s:
            chunk = _some_of(self._dirty)
            keys.update(chunk)
            if len(chunk) == _CHUNK:
                self._next_chunk_s = now_s + _BREATH_S
        if now_s >= self._next_tick_s:
            keys.update(dict.fromkeys(self._moving))
            self._next_tick_s = now_s + TICK_S
        return list(keys)

    def _look_at(self, keys: Sequence[Key]) -> bool:
        """Show these; what cannot be shown now comes again; return whether all were shown."""
        all_shown = True
        for direction in self._sources:
            wanted = [number for of, number in keys if of == direction]
            failed = survive(partial(self._show, direction, wanted), wanted) if wanted else []
            if failed:
                self.changed(direction, failed)
                all_shown = False
        return all_shown

    def _show(self, direction: str, wanted: Sequence[int]) -> list[int]:
        """Show how these stand; return those that could not be shown."""
        try:
            standings = list(self._sources[direction](wanted))
        except FlightlogError as error:  # e.g. the ledger cannot be read; said elsewhere
            _log.debug('%s', error)
            return list(wanted)
        if self._closed:
            return []
        self._moving.difference_update((direction, number) for number in wanted)
        self._moving.update((direction, standing.id) for standing in standings
                            if standing.state in MOVING)
        if len(standings) < len(wanted):
            # After the last standing of them that was read, and so after it was shown.
            for on_gone in self._told_of_gone:
                survive(on_gone, None)
        return [standing.id for standing in standings if not self._show_all(direction, standing)]

    def _show_all(self, direction: str, standing: Standing) -> bool:
        """Show it to every viewer; return whether none has failed."""
        shown = [survive(partial(_shown, viewer, direction, standing), False)
                 for viewer in self._viewers]
        return all(shown)

    def _flush(self) -> tuple[Optional[float], bool]:
        """Return when the viewers want to show more, and whether none has failed."""
        if self._closed:
            return None, True
        pauses = [survive(viewer.flush, _FAILED_S) for viewer in self._viewers]
        due = min((pause_s for pause_s in pauses if pause_s is not None), default=None)
        return due, _FAILED_S not in pauses


def _shown(viewer: Viewer, direction: str, standing: Standing) -> bool:
    viewer.show(direction, standing)
    return True


def _some_of(keys: dict[Key, None]) -> dict[Key, None]:
    """Take out the first of them."""
    some = dict.fromkeys(islice(keys, _CHUNK))
    for key in some:
        del keys[key]
    return some
