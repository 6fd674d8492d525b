"""One client of the events."""
import asyncio
from contextlib import suppress
import threading

from flightlog_bucket.operations.standings_watch import Key
from flightlog_bucket.transfers.standing import Standing

MOST_PENDING = 500
"""Changes that wait for a client; of more, it is told anew how all stands."""


class EventClient:
    """
    What one client has not been told yet. Thread-safe; awaited in its event loop.

    :param loop: that the client is in
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._wants_all = True
        self._changed: dict[Key, Standing] = {}
        self._news = asyncio.Event()
        self._news.set()
        self._ended = asyncio.Event()

    def note(self, key: Key, standing: Standing) -> None:
        """Note how a transfer stands; what it was before is forgotten."""
        with self._lock:
            if self._wants_all:
                return  # how it stands is read later than this
            self._changed[key] = standing
            if len(self._changed) > MOST_PENDING:
                self._wants_all, self._changed = True, {}

    def want_all(self) -> None:
        """Note that it must be told anew how all stands."""
        with self._lock:
            self._wants_all, self._changed = True, {}

    def wake(self) -> None:
        """Let it be told, if there is something to tell."""
        with self._lock:
            has_news = self._wants_all or bool(self._changed)
        if has_news:
            self._in_loop(self._news)

    def end(self) -> None:
        """Let its stream end."""
        self._in_loop(self._ended)

    async def news(self) -> None:
        """Wait until there is something to tell."""
        await self._news.wait()

    async def ended(self) -> None:
        """Wait until its stream is to end."""
        await self._ended.wait()

    def take(self) -> tuple[bool, dict[Key, Standing]]:
        """Return whether it must be told how all stands, and else what has changed."""
        self._news.clear()
        with self._lock:
            # What comes from now on comes after what is read next.
            wants_all, self._wants_all = self._wants_all, False
            changed, self._changed = self._changed, {}
        return wants_all, changed

    def _in_loop(self, event: asyncio.Event) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the client
            self._loop.call_soon_threadsafe(event.set)
