"""Receives the body of an upload: coroutines read it, threads write it."""
import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Optional, TypeVar

from fastapi import Request
from flightlog_bucket.api.backend import BucketBackend, Reception
from flightlog_bucket.api.multipart_form import MAX_OVERHEAD_BYTES, ReceivedForm, UploadForm
from flightlog_bucket.api.request_body import Body
from flightlog_bucket.api.responses import Answer
from flightlog_bucket.errors import Busy, FileTooLarge, InvalidRequest
from flightlog_bucket.settings import KIB
from starlette.types import Receive, Scope, Send

T = TypeVar('T')

# The memory of an upload: once as it arrives, and once as one piece.
_BLOCK_BYTES = 512 * KIB
_PATIENCE_S = 60.0


class Receiving:
    """
    The body of one request.

    :param request: whose body nobody has read yet
    :param backend: that keeps the log
    :param executor: for what waits for the disk
    """

    def __init__(self, request: Request, backend: BucketBackend, executor: Executor) -> None:
        self._request = request
        self._backend = backend
        self._executor = executor
        self._length: Optional[int] = None
        self.is_read = False
        """Whether the body is at its end."""

    async def receive(self, max_file_size_bytes: int) -> ReceivedForm:
        """
        Receive the form; if that fails, nothing is left of it.

        :param max_file_size_bytes: what is announced to be larger is not begun with
        :raises FlightlogError: why it fails
        :raises ClientDisconnect: if nobody is there any more
        """
        self._check_length(max_file_size_bytes)
        form = UploadForm(self._request.headers.get('content-type', ''), self._begin)
        try:
            async for block in _blocks(self._body()):
                await self._in_thread(form.feed, block)
            return await self._in_thread(form.finish)
        except BaseException:
            # It waits for what is being written at this moment; nobody else need.
            with suppress(Busy):
                self._executor.submit(form.discard)
            raise

    def _check_length(self, max_file_size_bytes: int) -> None:
        self._length = _announced(self._request)
        if (self._length or 0) >= max_file_size_bytes + MAX_OVERHEAD_BYTES:
            raise FileTooLarge(f'the request has {self._length} bytes; a log must have fewer than'
                               f' {max_file_size_bytes} (max_file_size)')

    def _begin(self, filename: str) -> Reception:
        return self._backend.reception(filename, self._length)

    async def _body(self) -> AsyncIterator[bytes]:
        stream = self._request.stream()
        while True:
            try:
                yield await asyncio.wait_for(stream.__anext__(), _PATIENCE_S)
            except StopAsyncIteration:
                self.is_read = True
                return
            except asyncio.TimeoutError:
                raise InvalidRequest(f'nothing of the form has arrived for {_PATIENCE_S:.0f} s;'
                                     ' send it again') from None

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.wrap_future(self._executor.submit(call, *arguments))


class LingeringAnswer(Answer):
    """
    Refuses a body that still arrives, so that whoever sends it can read why.

    A connection that is closed while data arrives takes the answer with it (RFC 9112,
    section 9.6): so it is read on for a while, and thrown away.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and read on until the end of the body, or of patience."""
        self.headers['Connection'] = 'close'
        await send({'type': 'http.response.start', 'status': self.status_code,
                    'headers': self.raw_headers})
        await send({'type': 'http.response.body', 'body': self.body, 'more_body': True})
        await Body(receive).drain()
        await send({'type': 'http.response.body', 'body': b'', 'more_body': False})


def _announced(request: Request) -> Optional[int]:
    text = request.headers.get('content-length', '')
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidRequest('Content-Length is not a number of bytes')
    return int(text)


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather what arrives in small pieces: a thread is asked once a block."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
