"""What happens on the robot, told as it happens to everybody who has the page open."""
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
import json
import logging
import threading
import time
from typing import Any

from flightlog_bucket.errors import Busy, FlightlogError
from flightlog_bucket.operations.standings_watch import Key, MOVING
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.web.event_client import EventClient
from flightlog_bucket.web.field_state import news_of, robot_state
from flightlog_bucket.web.field_transfers import changes, open_transfers
from flightlog_bucket.web.field_work import FieldWork
from flightlog_bucket.web.robot import Robot

MOST_CLIENTS = 16
TRANSFERS_PERIOD_S = 0.5
"""Between two events of transfers."""
STATE_PERIOD_S = 1.0
"""Between two looks at the state."""
STATE_REFRESH_S = 30.0
"""So often the state is told where it is no news: it tells how long ago things were."""
BEAT_S = 15.0
"""Of silence, after which a comment shows that the connection is alive."""
_AGAIN_S = 2.0

_HELLO = b'retry: 2000\n\n'
_BEAT = b': alive\n\n'

_log = logging.getLogger(__name__)

Say = Callable[[bytes], Awaitable[None]]


class Hub:
    """
    Hands what changes to the clients of ``GET /robot/events``.

    It is a ``Viewer`` of ``StandingsWatch``, in whose thread it is shown how transfers stand; the
    clients are in an event loop. A slow one misses states in between, and never the last one.

    :param robot: whose events these are
    :param clock: monotonic seconds
    """

    def __init__(self, robot: Robot, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.work = FieldWork(robot.settings.bucket.request_timeout_s)
        self._robot = robot
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: set[EventClient] = set()
        # Looked at twice a second, whether or not they move.
        self._moving: dict[Key, Standing] = {}
        self._closed = False

    def show(self, direction: str, standing: Standing) -> None:
        """Take note of how a transfer stands now."""
        key = direction, standing.id
        with self._lock:
            if not self._clients or self._moving.get(key) == standing:
                return
            self._moving.pop(key, None)
            if standing.state in MOVING:
                self._moving[key] = standing
            for client in self._clients:
                client.note(key, standing)

    def flush(self) -> None:
        """Wake the clients that have news; each goes at its own pace."""
        with self._lock:
            for client in self._clients:
                client.wake()

    def refresh(self) -> None:
        """Tell every client anew which transfers there are: one is not there any more."""
        with self._lock:
            for client in self._clients:
                client.want_all()
                client.wake()

    def join(self) -> EventClient:
        """
        Tell one more, in the running event loop.

        :raises Busy: if there are too many, or the node is ending
        """
        client = EventClient(asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                raise Busy('events: the node is ending')
            if len(self._clients) >= MOST_CLIENTS:
                raise Busy(f'events: {len(self._clients)} clients are connected already; close'
                           ' some of their pages')
            self._clients.add(client)
        return client

    def leave(self, client: EventClient) -> None:
        """Tell it nothing more."""
        with self._lock:
            self._clients.discard(client)
            if not self._clients:
                self._moving.clear()

    def close(self) -> None:
        """End the streams, from any thread; does not wait."""
        with self._lock:
            self._closed = True
            for client in self._clients:
                client.end()
        self.work.close()

    async def messages(self, client: EventClient) -> AsyncGenerator[bytes, None]:
        """Yield what a client is told, as ``text/event-stream``; ends with ``close()``."""
        outbox: asyncio.Queue[bytes] = asyncio.Queue(1)
        ends = [asyncio.ensure_future(work) for work in (
            self._tell_transfers(client, outbox.put), self._tell_state(outbox.put),
            client.ended())]
        message = asyncio.ensure_future(outbox.get())
        try:
            yield _HELLO
            while True:
                await asyncio.wait([message, *ends], timeout=BEAT_S,
                                   return_when=asyncio.FIRST_COMPLETED)
                if message.done():
                    yield message.result()
                    message = asyncio.ensure_future(outbox.get())
                elif any(end.done() for end in ends):
                    return
                else:
                    yield _BEAT
        finally:
            for task in (message, *ends):
                task.add_done_callback(_note_surprise)
                task.cancel()

    async def _tell_transfers(self, client: EventClient, say: Say) -> None:
        while True:
            await client.news()
            wants_all, changed = client.take()
            read = (partial(open_transfers, self._robot) if wants_all
                    else partial(changes, self._robot, changed))
            try:
                await say(_event('transfers', await self.work.on_disk(read)))
            except FlightlogError as error:  # e.g. the ledger cannot be read; the state tells it
                _log.debug('%s', error)
                client.want_all()
                client.wake()
                await asyncio.sleep(_AGAIN_S)
            await asyncio.sleep(TRANSFERS_PERIOD_S)

    async def _tell_state(self, say: Say) -> None:
        told: object = None
        told_s = 0.0
        while True:
            try:
                state = await self.work.of_state(robot_state, self._robot)
            except FlightlogError as error:
                _log.debug('%s', error)
                await asyncio.sleep(_AGAIN_S)
                continue
            news = news_of(state)
            if news != told or self._clock() - told_s >= STATE_REFRESH_S:
                await say(_event('state', state))
                told, told_s = news, self._clock()
            await asyncio.sleep(STATE_PERIOD_S)


def _event(name: str, content: Mapping[str, Any]) -> bytes:
    data = json.dumps(content, allow_nan=False, separators=(',', ':'))
    return f'event: {name}\ndata: {data}\n\n'.encode()


def _note_surprise(task: 'asyncio.Future[Any]') -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error('internal error in the events of the page', exc_info=error)
