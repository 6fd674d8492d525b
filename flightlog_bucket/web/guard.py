"""Who may ask for what: the checks ahead of every request."""
from http import HTTPStatus
from typing import Optional
from urllib.parse import parse_qs

from flightlog_bucket.web.asgi import (
    App,
    has_header,
    header_of,
    in_origin_form,
    Receive,
    refuse,
    Scope,
    Send,
)
from flightlog_bucket.web.hosts import KnownHosts, KnownOrigins
from flightlog_bucket.web.tickets import Tickets
from flightlog_bucket.web.token_file import TokenFile

DOWNLOAD = '/bucket/download/'
"""What stands before the key in the path of a download."""
_SAFE = ('GET', 'HEAD')
_LONGEST_QUERY = 4096


class Gate:
    """
    Turns away what no person on this server's own page, nor a program, would send.

    :param app: answers the others
    :param hosts: of this computer
    :param origins: of pages that may have requests sent
    """

    def __init__(self, app: App, hosts: KnownHosts, origins: KnownOrigins) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope = in_origin_form(scope)
        host, origin = header_of(scope, b'host'), header_of(scope, b'origin')
        if has_header(scope, b'content-length') and has_header(scope, b'transfer-encoding'):
            # RFC 9112, 6.1: somebody on the way may see another end of it.
            await refuse(send, HTTPStatus.BAD_REQUEST, 'the request has a Content-Length and a'
                         ' Transfer-Encoding; send one of them', [(b'connection', b'close')])
        elif not self._hosts.is_known(host):
            await refuse(send, HTTPStatus.MISDIRECTED_REQUEST,
                         f'this computer is not known as {host[:100]!r}; use its address, or name'
                         ' it in http_allowed_hosts')
        elif not self._may(scope, origin, host):
            await refuse(send, HTTPStatus.FORBIDDEN,
                         'Access denied: the page of another server has sent this; name that'
                         ' server in http_cors_origins, if it may')
        else:
            await self._app(scope, receive, send)

    def _may(self, scope: Scope, origin: str, host: str) -> bool:
        if self._origins.is_named(origin):
            return True
        is_safe = scope['method'] in _SAFE
        # A link to the page may be anywhere.
        if header_of(scope, b'sec-fetch-site') == 'cross-site' and not is_page(scope):
            return False
        return is_safe or not origin or self._origins.is_known(origin, host)


class Lock:
    """
    Asks for the token.

    :param app: answers who has it
    :param token: the right one
    :param tickets: for downloads by links
    """

    def __init__(self, app: App, token: TokenFile, tickets: Tickets) -> None:
        self._app = app
        self._token = token
        self._tickets = tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        error = None if is_page(scope) else self._error(scope)
        if error is None:
            await self._app(scope, receive, send)
            return
        challenge = b'Bearer realm="flightlog_bucket"'
        if header_of(scope, b'authorization'):
            challenge += b', error="invalid_token"'  # RFC 6750, 3.1
        await refuse(send, HTTPStatus.UNAUTHORIZED, f'Authentication failed: {error}',
                     [(b'www-authenticate', challenge)])

    def _error(self, scope: Scope) -> Optional[str]:
        """Return why a request is refused; None: it is not."""
        if _ticket(scope) and scope['method'] in _SAFE:
            if self._tickets.is_good(_ticket(scope), scope['path'].removeprefix(DOWNLOAD)):
                return None
            return 'the link is not for this log, or older than 10 minutes; get a new one'
        scheme, _, token = header_of(scope, b'authorization').partition(' ')
        if scheme.lower() != 'bearer':
            return 'send the token of http_token_file, as Authorization: Bearer <token>'
        if not self._token.is_right(token.strip().encode('latin-1')):
            return 'the token is not that of http_token_file'
        return None


def is_page(scope: Scope) -> bool:
    """Tell whether the page is asked for, which holds no data."""
    return bool(scope['path'] == '/' and scope['method'] in _SAFE)


def _ticket(scope: Scope) -> str:
    query: bytes = scope['query_string']
    if not scope['path'].startswith(DOWNLOAD) or len(query) > _LONGEST_QUERY:
        return ''
    return parse_qs(query.decode('latin-1')).get('ticket', [''])[-1]
