"""The connections of the web server."""
import asyncio
from collections import Counter
from typing import Any, Optional

from flightlog_bucket.web.connection import Connection
from uvicorn import Config
from uvicorn.server import ServerState

MOST = 64
KEEP_ALIVE_S = 15
MOST_HEAD_BYTES = 16 * 1024


class Connections:
    """
    All connections there are.

    :param app: ASGI; answers their requests
    """

    def __init__(self, app: Any) -> None:
        self._config = Config(app, http=_Guest, ws='none', lifespan='off', log_config=None,
                              access_log=False, server_header=False, date_header=False,
                              proxy_headers=False, timeout_keep_alive=KEEP_ALIVE_S,
                              h11_max_incomplete_event_size=MOST_HEAD_BYTES)
        self._config.load()
        self._state = ServerState()

    def protocol(self) -> asyncio.Protocol:
        """Return what serves a new connection."""
        return _Guest(config=self._config, server_state=self._state, app_state={},
                      _loop=asyncio.get_running_loop())

    async def end(self, within_s: float) -> None:
        """
        Close them all.

        :param within_s: seconds, for the answers that are on their way
        """
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=within_s)
        for connection in list(self._state.connections):
            connection.transport.abort()
        left = list(self._state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=within_s)


class _Guest(Connection):
    """One of ``MOST``: whoever comes then takes the place of one that has nothing to say."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve, if there is room."""
        super().connection_made(transport)
        guests = [c for c in self.connections if isinstance(c, _Guest) and not c.is_deaf]
        if len(guests) <= MOST:
            return
        leaver = self._leaver(guests)
        if leaver is not None:
            # close() would wait for a reader that need not come, and nobody would count it.
            leaver.transport.abort()
            self.connections.discard(leaver)
        elif len(self.connections) > 2 * MOST:  # more than can be told so
            transport.abort()
        else:
            self.turn_away()

    def _leaver(self, guests: 'list[_Guest]') -> 'Optional[_Guest]':
        """Return whose place this one may have: nobody keeps others out with many connections."""
        kept = next((c for c in guests if c is not self and c.is_kept), None)
        if kept is not None:
            return kept
        held = Counter(c.host for c in guests)
        greedy, most = held.most_common(1)[0]
        if most <= held[self.host]:
            return None
        # First those that have not asked for anything.
        return min((c for c in guests if c.host == greedy), key=lambda c: not c.is_idle)

    @property
    def host(self) -> str:
        """The address of the client."""
        return self.client[0] if self.client else ''
