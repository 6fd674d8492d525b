"""The words of ASGI: what a server and an application tell each other."""
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
import json
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


def header_of(scope: Scope, name: bytes) -> str:
    """
    Return a header of a request; empty: it has none.

    :param name: in lower case
    """
    return next((value.decode('latin-1') for key, value in scope['headers'] if key == name), '')


async def refuse(send: Send, status: int, error: str, headers: Iterable[Header] = ()) -> None:
    """Answer a request with an error, as the REST API does."""
    body = json.dumps({'error': error, 'status': status}).encode()
    await send({'type': 'http.response.start', 'status': status, 'headers': [
        (b'content-type', b'application/json'), (b'content-length', b'%d' % len(body)),
        *headers]})
    await send({'type': 'http.response.body', 'body': body})
