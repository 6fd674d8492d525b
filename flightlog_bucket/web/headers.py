"""What every answer has: headers that keep a browser from being misused, and an end."""
from email.utils import formatdate
import logging

from flightlog_bucket.web.asgi import App, Message, Receive, refuse, Scope, Send

# By the OWASP Secure Headers Project, as far as it fits a server without encryption.
ALWAYS = {
    b'x-content-type-options': b'nosniff',
    b'x-frame-options': b'DENY',
    b'referrer-policy': b'no-referrer',
    b'cross-origin-opener-policy': b'same-origin',
    b'cross-origin-resource-policy': b'same-origin',
    b'permissions-policy': b'accelerometer=(), camera=(), display-capture=(), geolocation=(),'
                           b' gyroscope=(), microphone=(), payment=(), usb=()',
}
UNLESS_SET = {
    b'cache-control': b'no-store',
    b'content-security-policy': b"default-src 'none'; frame-ancestors 'none'; sandbox",
}

_log = logging.getLogger(__name__)


class Headers:
    """
    Adds the headers, and makes a surprise an answer that tells nothing of the inside.

    :param app: answers requests
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message['type'] == 'http.response.start':
                has_begun = True
                message['headers'] = _with_more(message.get('headers', ()))
            await send(message)
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # Without its query, which may hold a ticket.
            _log.exception('HTTP: internal error in %s %s', scope['method'], scope['path'])
            if not has_begun:
                await refuse(send_with_headers, 500, 'internal error, see the log of the node: '
                             + type(error).__name__)
            # Else the server closes the connection, so that the answer is seen to be cut off.


def _with_more(headers: object) -> list[tuple[bytes, bytes]]:
    given = [(name.lower(), value) for name, value in headers]  # type: ignore[attr-defined]
    names = {name for name, _ in given}
    return [(name, value) for name, value in given if name not in ALWAYS] + [
        *ALWAYS.items(), (b'date', formatdate(usegmt=True).encode()),
        *((name, value) for name, value in UNLESS_SET.items() if name not in names)]
