"""Letting a client read why it is refused while it still sends."""
import asyncio
from contextlib import suppress
import time

from flightlog_bucket.web.asgi import App, has_header, Message, Receive, Scope, Send

# A connection that is closed on what has not been read is reset, and a reset can overtake the
# answer (RFC 9112, 9.6).
LINGER_S, LINGER_BYTES = 5.0, 64 * 1024 ** 2


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

    async def drain(self) -> None:
        """Throw away what is left of it, for a while."""
        ends_s, left = time.monotonic() + LINGER_S, LINGER_BYTES
        with suppress(asyncio.TimeoutError):
            while not self.has_ended and left > 0:
                wait_s = max(ends_s - time.monotonic(), 0.0)
                message = await asyncio.wait_for(self.receive(), wait_s)
                left -= len(message.get('body', b''))


class Lingering:
    """
    Reads on for a while where an answer comes before the end of the request, then hangs up.

    :param app: answers requests
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not has_body(scope):
            await self._app(scope, receive, send)
            return
        body = Body(receive)

        async def send_and_linger(message: Message) -> None:
            if not body.has_ended:
                if message['type'] == 'http.response.start':
                    message['headers'] = [*message.get('headers', ()), (b'connection', b'close')]
                elif not message.get('more_body', False):
                    await send({**message, 'more_body': True})
                    await body.drain()
                    message = {'type': 'http.response.body', 'body': b''}
            await send(message)
        await self._app(scope, body.receive, send_and_linger)


def has_body(scope: Scope) -> bool:
    """Tell whether a request says that it has a body."""
    return has_header(scope, b'content-length') or has_header(scope, b'transfer-encoding')
