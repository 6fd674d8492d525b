"""The connections of the web server."""
import asyncio
from typing import Any

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
        if len(self.connections) <= MOST:
            return
        if len(self.connections) > 2 * MOST:  # more than can be told so
            transport.abort()
            return
        idle = next((c for c in list(self.connections)
                     if isinstance(c, _Guest) and c is not self and c.is_kept), None)
        if idle is not None:
            idle.transport.close()
            self.connections.discard(idle)
        else:
            self.turn_away()
