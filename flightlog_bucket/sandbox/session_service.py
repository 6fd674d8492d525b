"""The session-token service of the sandbox: POST, and get temporary AWS credentials as JSON."""
from collections.abc import Callable
import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import socket
from typing import Optional

PATH = '/session-token'
_MAX_REQUEST_BYTES = 64 * 1024


class SessionTokenServer(ThreadingHTTPServer):
    """
    Serves the session tokens.

    :param listener: the listening socket
    :param issue: makes a token: the JSON object of the answer
    :param bearer_token: must come with each request; empty: not asked for
    """

    daemon_threads = True

    def __init__(self, listener: socket.socket, issue: Callable[[], dict[str, str]],
                 bearer_token: str = '') -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.issue = issue
        self.bearer_token = bearer_token


class _Handler(BaseHTTPRequestHandler):
    server: SessionTokenServer
    protocol_version = 'HTTP/1.1'
    timeout = 30

    def do_POST(self) -> None:
        if not self._skip_body():
            self.close_connection = True
            self._answer(413, {'error': 'the request is too large'})
        elif self.path.partition('?')[0] != PATH:
            self._answer(404, {'error': f'POST to {PATH}'})
        elif not self._is_authorized():
            self._answer(401, {'error': 'the bearer token is missing or wrong'},
                         ('WWW-Authenticate', 'Bearer'))
        else:
            self._answer(200, self.server.issue())

    def _refuse_method(self) -> None:
        self.close_connection = True
        self._answer(405, {'error': 'POST only'}, ('Allow', 'POST'))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse_method

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the terminal belongs to the person who plays."""

    def _skip_body(self) -> bool:
        length = self.headers.get('Content-Length', '0')
        if 'Transfer-Encoding' in self.headers or not length.isdecimal():
            return False
        if int(length) > _MAX_REQUEST_BYTES:
            return False
        self.rfile.read(int(length))
        return True

    def _is_authorized(self) -> bool:
        expected = f'Bearer {self.server.bearer_token}'.encode()
        given = self.headers.get('Authorization', '').encode('latin-1')
        return not self.server.bearer_token or hmac.compare_digest(expected, given)

    def _answer(self, status: int, content: dict[str, str],
                header: Optional[tuple[str, str]] = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        if header is not None:
            self.send_header(*header)
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
