"""How much may be asked for at once."""
from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from http import HTTPStatus

from flightlog_bucket.api.request_body import Body
from flightlog_bucket.errors import Busy
from flightlog_bucket.web.asgi import App, header_of, Message, Receive, refuse, Scope, Send
from flightlog_bucket.web.guard import DOWNLOAD
from flightlog_bucket.web.lingering import has_body

UPLOAD = '/bucket/upload'
MOST_UPLOADS = MOST_DOWNLOADS = 4
MOST_BODY_BYTES = 64 * 1024
"""Of a request that is no upload."""
RETRY_AFTER_S = 5


class Places:
    """
    So many requests of one kind at once.

    :param most: of them
    :param what: they do
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """
        Have one of them.

        :raises Busy: if all are taken
        """
        if self._taken >= self._most:
            raise Busy(f'{self._taken} {self._what}; try again in a few seconds')
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Limits:
    """
    Bounds what requests hold of this server: bodies in memory, logs on the way.

    :param app: answers requests
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._uploads = Places(MOST_UPLOADS, 'logs are being received')
        self._downloads = Places(MOST_DOWNLOADS, 'logs are being fetched')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path, method = scope['path'], scope['method']
        with ExitStack() as place:
            try:
                if path == UPLOAD and method == 'POST':
                    place.enter_context(self._uploads.one())
                    receive = _releasing(receive, place)
                elif path.startswith(DOWNLOAD) and method == 'GET':
                    place.enter_context(self._downloads.one())
                elif has_body(scope):
                    receive = await _read_whole(scope, receive)
            except Busy as error:
                await refuse(send, error.status, str(error),
                             [(b'retry-after', b'%d' % RETRY_AFTER_S)])
            except _TooLong:
                await refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                             f'the request has more than {MOST_BODY_BYTES} bytes')
            except _Gone:
                return
            else:
                await self._app(scope, receive, send)


class _TooLong(Exception):
    pass


class _Gone(Exception):
    pass


def _releasing(receive: Receive, place: ExitStack) -> Receive:
    """Give the place back with the end of the body: S3 may take long for the log."""
    body = Body(receive)

    async def receive_and_release() -> Message:
        message = await body.receive()
        if body.has_ended:
            place.close()
        return message
    return receive_and_release


async def _read_whole(scope: Scope, receive: Receive) -> Receive:
    """Read a small body first, so that its parser has all of it."""
    length = header_of(scope, b'content-length')
    if length.isdecimal() and int(length) > MOST_BODY_BYTES:
        raise _TooLong
    body, content = Body(receive), bytearray()
    while not body.has_ended:
        message = await body.receive()
        if message['type'] == 'http.disconnect':
            raise _Gone
        content += message.get('body', b'')
        if len(content) > MOST_BODY_BYTES:
            raise _TooLong
    whole: list[Message] = [
        {'type': 'http.request', 'body': bytes(content), 'more_body': False}]

    async def receive_whole() -> Message:
        return whole.pop() if whole else await receive()
    return receive_whole
