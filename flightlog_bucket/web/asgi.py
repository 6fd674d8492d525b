"""The words of ASGI: what a server and an application tell each other."""
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
import json
import re
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

_ABSOLUTE = re.compile(r'https?://([^/?#]*)', re.IGNORECASE)


def header_of(scope: Scope, name: bytes) -> str:
    """
    Return a header of a request; empty: it has none.

    :param name: in lower case
    """
    return next((value.decode('latin-1') for key, value in scope['headers'] if key == name), '')


def has_header(scope: Scope, name: bytes) -> bool:
    """
    Tell whether a request has a header.

    :param name: in lower case
    """
    return any(key == name for key, _ in scope['headers'])


def in_origin_form(scope: Scope) -> Scope:
    """Take a request for a whole URL as one for its path, at its host (RFC 9112, 3.2.2)."""
    match = _ABSOLUTE.match(scope['path'])
    if match is None:
        return scope
    headers = [(name, value) for name, value in scope['headers'] if name != b'host']
    path = scope['path'][match.end():] or '/'
    return {**scope, 'path': path, 'raw_path': path.encode('utf-8', 'surrogateescape'),
            'headers': [(b'host', match[1].encode('latin-1', 'replace')), *headers]}


async def refuse(send: Send, status: int, error: str, headers: Iterable[Header] = ()) -> None:
    """Answer a request with an error, as the REST API does."""
    body = json.dumps({'error': error, 'status': status}).encode()
    await send({'type': 'http.response.start', 'status': status, 'headers': [
        (b'content-type', b'application/json'), (b'content-length', b'%d' % len(body)),
        *headers]})
    await send({'type': 'http.response.body', 'body': body})
