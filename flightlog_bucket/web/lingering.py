"""Letting a client read why it is refused while it still sends."""
from flightlog_bucket.api.request_body import Body
from flightlog_bucket.web.asgi import App, has_header, Message, Receive, Scope, Send

LINGER_BYTES = 64 * 1024 ** 2


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
                    await body.drain(LINGER_BYTES)
                    message = {'type': 'http.response.body', 'body': b''}
            await send(message)
        await self._app(scope, body.receive, send_and_linger)


def has_body(scope: Scope) -> bool:
    """Tell whether a request says that it has a body."""
    return has_header(scope, b'content-length') or has_header(scope, b'transfer-encoding')
