"""The body of a request, and reading on where it is refused before its end."""
import asyncio
from contextlib import suppress
import math
import time

from starlette.types import Message, Receive

# A connection that is closed on what has not been read is reset, and a reset can overtake the
# answer (RFC 9112, 9.6).
LINGER_S = 5.0


class Body:
    """
    The body of a request.

    :param receive: brings it
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_ended = False

    async def receive(self) -> Message:
        """Return what has arrived next."""
        message = await self._receive()
        if message['type'] != 'http.request' or not message.get('more_body', False):
            self.has_ended = True
        return message

    async def drain(self, most_bytes: float = math.inf) -> None:
        """
        Throw away what is left of it, for a while.

        :param most_bytes: that are read
        """
        ends_s, left = time.monotonic() + LINGER_S, most_bytes
        with suppress(asyncio.TimeoutError):
            while not self.has_ended and left > 0:
                wait_s = max(ends_s - time.monotonic(), 0.0)
                message = await asyncio.wait_for(self.receive(), wait_s)
                left -= len(message.get('body', b''))
