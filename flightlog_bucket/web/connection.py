"""One connection of the web server: uvicorn's, with a look at whether its client still moves."""
import asyncio
from contextlib import suppress
from http import HTTPStatus
import json
import logging
from typing import Any, Optional

from flightlog_bucket.web import pace
from flightlog_bucket.web.headers import ALWAYS, UNLESS_SET
import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_BLOCK_BYTES = 4096
# For whoever is turned away to read why.
_LAST_S = 2.0

_log = logging.getLogger(__name__)
# What clients do wrong is no line of the node's log: anybody could fill the disk with them.
_unheard = logging.Logger('unheard')
_unheard.addHandler(logging.NullHandler())


class Connection(H11Protocol):
    """Serves one client, as long as that moves."""

    _pace: pace.Pace
    _look: Optional[asyncio.TimerHandle] = None
    _received = 0
    _buffered = 0
    _drained = 0
    is_deaf = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _unheard

    @property
    def is_kept(self) -> bool:
        """Whether it is open only in case that there is another request."""
        return self.timeout_keep_alive_task is not None and self.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether no request is answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve."""
        super().connection_made(transport)
        self._pace = pace.Pace(self.loop.time())
        self._look_at_pace()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._received += len(data)
        # h11 looks at the size of a head only while that is not whole.
        while self.conn.their_state is h11.IDLE and len(data) > _HEAD_BLOCK_BYTES:
            self._take(data[:_HEAD_BLOCK_BYTES])
            data = data[_HEAD_BLOCK_BYTES:]
        self._take(data)

    def _take(self, data: bytes) -> None:
        if not self.is_deaf and not self.transport.is_closing():
            super().data_received(data)

    def turn_away(self) -> None:
        """Answer that there are too many connections, whatever is asked; then hang up."""
        self._answer(HTTPStatus.SERVICE_UNAVAILABLE,
                     'there are too many connections; try again in a few seconds',
                     ((b'retry-after', b'5'),))

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, if nothing was answered yet; then hang up."""
        if not self.is_idle:  # its body is broken: whoever reads it reads that it broke off
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        self._answer(HTTPStatus.BAD_REQUEST, 'this is no request of HTTP/1.1, or one too long')

    def _answer(self, status: HTTPStatus, error: str,
                more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        body = json.dumps({'error': error, 'status': int(status)}).encode()
        headers = [*ALWAYS.items(), *UNLESS_SET.items(), *more, (b'connection', b'close'),
                   (b'content-type', b'application/json'),
                   (b'content-length', b'%d' % len(body))]
        for event in (h11.Response(status_code=int(status), headers=headers,
                                   reason=status.phrase.encode()),
                      h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b'')
        # Closed at once, it could be reset by what still comes, and with it the answer.
        self.is_deaf = True
        self.loop.call_later(_LAST_S, self.transport.abort)
        with suppress(OSError):  # the client has reset it by now
            self.transport.write_eof()

    def _look_at_pace(self) -> None:
        fault = self._pace.look(self.loop.time(), self._waits_for(), self._moved())
        if fault is not None:
            _log.debug('HTTP: hung up on %s: %s', self.client and self.client[0], fault)
            self.transport.abort()
            return
        self._look = self.loop.call_later(pace.LOOK_S, self._look_at_pace)

    def _waits_for(self) -> str:
        """Return what is needed next of the client."""
        if self.flow.write_paused or self.transport.is_closing():
            return pace.READER
        if self.conn.their_state is h11.IDLE:
            # How long it is kept is uvicorn's affair.
            return pace.NOTHING if self.is_kept else pace.HEAD
        if self.conn.their_state is h11.SEND_BODY:
            # As long as there is something to be read, it is the server that is slow.
            is_behind = self.flow.read_paused or (not self.is_idle and self.cycle.body)
            return pace.NOTHING if is_behind else pace.BODY
        return pace.NOTHING

    def _moved(self) -> int:
        """Return how many bytes have come, and how many have been taken, so far."""
        # While writing is paused nothing is added to the buffer: it only drains.
        size = self.transport.get_write_buffer_size()
        self._drained += max(self._buffered - size, 0)
        self._buffered = size
        return self._received + self._drained
