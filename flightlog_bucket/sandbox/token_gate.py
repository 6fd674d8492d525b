"""
What moto leaves out of S3's authentication: a session token has an end.

moto checks signatures, tokens and policies, but accepts a token for ever.
"""
from collections.abc import Callable, Iterable
import re
import threading
import time
from typing import Any
from xml.sax.saxutils import escape

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
REFUSALS = {
    'ExpiredToken': ('400 Bad Request', 'The provided token has expired.'),
    'InvalidToken': ('400 Bad Request', 'The provided token is malformed or otherwise invalid.'),
    'InvalidAccessKeyId': (
        '403 Forbidden',
        'The AWS access key ID you provided does not exist in our records.'),
    'AccessDenied': ('403 Forbidden', 'Access Denied'),
}
_ACCESS_KEY = re.compile(r'Credential=([A-Za-z0-9]+)(?:/|%2F)', re.IGNORECASE)

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TokenGate:
    """
    Stands before moto and refuses the requests whose session token has ended.

    :param application: moto's WSGI application
    """

    def __init__(self, application: _Wsgi) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._deadlines: dict[str, float] = {}
        self._ended: dict[str, str] = {}

    def admit(self, access_key_id: str, lifetime_s: float) -> None:
        """Let this access key in for ``lifetime_s`` seconds from now."""
        with self._lock:
            self._deadlines[access_key_id] = time.monotonic() + lifetime_s

    def end_all(self, code: str) -> None:
        """Refuse every access key admitted so far, with this error code of S3."""
        with self._lock:
            self._ended.update(dict.fromkeys(self._deadlines, code))

    def __call__(self, environ: dict[str, Any],
                 start_response: Callable[..., Any]) -> Iterable[bytes]:
        code = self._refusal(environ)
        if not code:
            return self._application(environ, start_response)
        status, message = REFUSALS[code]
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
                f'<Message>{escape(message)}</Message></Error>').encode()
        # The body of the request stays unread, so this connection cannot serve another one.
        start_response(status, [('Content-Type', 'application/xml'), ('Connection', 'close'),
                                ('Content-Length', str(len(body)))])
        return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else body]

    def _refusal(self, environ: dict[str, Any]) -> str:
        match = _ACCESS_KEY.search(environ.get('HTTP_AUTHORIZATION', '')
                                   + '&' + environ.get('QUERY_STRING', ''))
        if not match:
            return ''
        with self._lock:
            access_key_id = match.group(1)
            if access_key_id in self._ended:
                return self._ended[access_key_id]
            ended = time.monotonic() >= self._deadlines.get(access_key_id, float('inf'))
            return 'ExpiredToken' if ended else ''
