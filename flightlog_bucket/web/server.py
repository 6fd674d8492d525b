"""The thread that serves HTTP."""
import asyncio
from contextlib import suppress
from functools import partial
import logging
import socket
import threading
from typing import Optional, TYPE_CHECKING

from flightlog_bucket.transfers.survival import PAUSE_S, survive
from flightlog_bucket.web.listener import listen, url_of
from flightlog_bucket.web.robot import Robot
from flightlog_bucket.web.token_file import TokenFile

if TYPE_CHECKING:  # they take a second to import: that is for the thread
    from flightlog_bucket.web.connections import Connections
    from flightlog_bucket.web.events import Hub

BIND_AGAIN_S = 10.0
# In which those who wait are told that the node is ending.
_LAST_WORDS_S = 0.1

_log = logging.getLogger(__name__)


class WebServer:
    """
    Serves the REST API, and the page for the field, in a thread of its own.

    Nothing of it is waited for by others: where its address is not there yet, or its port is
    taken, it tries again while the node works.

    :param robot: what it serves
    :raises ConfigurationError: if there is to be a token, and its file holds none
    """

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        token_file = robot.settings.http.token_file
        self._token = TokenFile(token_file) if token_file is not None else None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name='http', daemon=True)

    def start(self) -> None:
        """Begin to serve, as soon as that is possible."""
        self._thread.start()

    def close(self, within_s: float) -> None:
        """
        End all connections.

        :param within_s: seconds to wait for that
        """
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            self._thread.join(within_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            while not survive(partial(self._loop.run_until_complete, self._serve()), False):
                self._loop.run_until_complete(self._pause(PAUSE_S))
        finally:
            self._loop.close()

    async def _serve(self) -> bool:
        """Serve until that is to end."""
        from flightlog_bucket.web.app import application
        from flightlog_bucket.web.connections import Connections
        from flightlog_bucket.web.events import Hub
        hub = Hub(self._robot)
        self._robot.watch.add(hub, hub.refresh)
        try:
            connections = Connections(application(self._robot, hub, self._token))
            listener = await self._listener()
            if listener is not None:
                await self._answer(connections, listener, hub)
        finally:
            hub.close()
        return True

    async def _answer(self, connections: 'Connections', listener: socket.socket,
                      hub: 'Hub') -> None:
        server = await self._loop.create_server(connections.protocol, sock=listener)
        address, port = listener.getsockname()[:2]
        _log.info('HTTP: the page and the REST API are at %s', url_of(address, port))
        await self._stop.wait()
        server.close()
        hub.close()  # while those who wait can still be told
        await connections.end(_LAST_WORDS_S)

    async def _listener(self) -> Optional[socket.socket]:
        http, said = self._robot.settings.http, ''
        while not self._stop.is_set():
            try:
                return listen(http.address, http.port)
            except OSError as error:
                reason = error.strerror or str(error)
            if reason != said:
                _log.error('HTTP: cannot serve at %s port %d: %s; trying again every %.0f s',
                           http.address, http.port, reason, BIND_AGAIN_S)
                said = reason
            await self._pause(BIND_AGAIN_S)
        return None

    async def _pause(self, lasts_s: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop.wait(), lasts_s)
