"""A session-token service that answers what a test tells it to."""
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import threading
from types import TracebackType
from typing import Any, Optional

PATH = '/session-token'
_BLOCK = b' ' * 65536


@dataclass(frozen=True)
class Answer:
    """
    One answer.

    :param status: HTTP status
    :param body: the whole body
    :param headers: besides Content-Length
    :param delay_s: seconds before the first byte
    :param endless: after ``body`` comes white space until the client hangs up
    :param silent: hang up without an answer
    """

    status: int = 200
    body: bytes = b''
    headers: Mapping[str, str] = field(default_factory=lambda: {
        'Content-Type': 'application/json'})
    delay_s: float = 0.0
    endless: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Request:
    """One request as it came; the names of the headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def json_answer(content: Any, status: int = 200) -> Answer:
    """Answer any JSON."""
    return Answer(status=status, body=json.dumps(content).encode())


def token(access_key_id: str = 'ASIATESTTESTTEST', secret_access_key: str = 'test-secret',
          session_token: str = 'test-session-token', **more: Any) -> Answer:
    """Answer the document's JSON, and ``more`` (e.g. ``expiration``)."""
    return json_answer({'accessKeyId': access_key_id, 'secretAccessKey': secret_access_key,
                        'sessionToken': session_token, **more})


def without(name: str) -> Answer:
    """Answer the document's JSON less one field."""
    content = json.loads(token().body)
    del content[name]
    return json_answer(content)


def error(status: int, message: str = 'it is broken') -> Answer:
    """Answer an HTTP error."""
    return json_answer({'error': message}, status)


def not_json() -> Answer:
    """Answer 200 with a page of HTML, as a captive portal does."""
    return Answer(body=b'<html><body>Please log in</body></html>',
                  headers={'Content-Type': 'text/html'})


def empty() -> Answer:
    """Answer 200 with nothing."""
    return Answer()


def redirect(url: str, status: int = 302) -> Answer:
    """Answer a redirect."""
    return Answer(status=status, headers={'Location': url})


def slow(delay_s: float, then: Optional[Answer] = None) -> Answer:
    """Answer after ``delay_s`` seconds; the end of the test does not wait for it."""
    return replace(then or token(), delay_s=delay_s)


def huge() -> Answer:
    """Answer JSON that never ends."""
    return Answer(body=b'{"accessKeyId": "', endless=True)


def hang_up() -> Answer:
    """Close the connection without an answer."""
    return Answer(silent=True)


class ScriptedSessionService:
    """
    Answers from a queue, then with ``default``; records every request.

    :param default: the answer when the queue is empty; it can be changed while it runs
    :param bearer: answer 401 to a request without this bearer token; empty: not asked for
    """

    def __init__(self, default: Optional[Answer] = None, bearer: str = '') -> None:
        self.default = default or token()
        self.bearer = bearer
        self._queue: deque[Answer] = deque()
        self._requests: list[Request] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._server: Optional[_Server] = None

    def __enter__(self) -> 'ScriptedSessionService':
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stopping.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where to POST."""
        assert self._server is not None
        return f'http://127.0.0.1:{self._server.server_address[1]}{PATH}'

    @property
    def requests(self) -> list[Request]:
        """All requests so far."""
        with self._changed:
            return list(self._requests)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.requests)

    def queue(self, *answers: Answer) -> None:
        """Add answers, each for one request."""
        with self._changed:
            self._queue.extend(answers)

    def wait_for_requests(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until there were ``count`` requests in all."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout_s):
                raise TimeoutError(f'{len(self._requests)} of {count} requests came')

    def take(self, request: Request) -> Answer:
        """Record the request and return its answer."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            if self.bearer and request.headers.get('authorization') != f'Bearer {self.bearer}':
                return error(401, 'the bearer token is missing or wrong')
            return self._queue.popleft() if self._queue else self.default

    def pause(self, delay_s: float) -> bool:
        """Wait; tell whether the service still runs."""
        return not self._stopping.wait(delay_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # of more than 5, the others would be tried again after a second

    def __init__(self, service: ScriptedSessionService) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.service = service


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = 'HTTP/1.1'

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get('Content-Length', '0')))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.service.take(Request(self.command, self.path, headers, body))
        try:
            self._send(answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _send(self, answer: Answer) -> None:
        if answer.silent or (answer.delay_s and not self.server.service.pause(answer.delay_s)):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.endless:
            self.close_connection = True
        else:
            self.send_header('Content-Length', str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        while answer.endless and self.server.service.pause(0):
            self.wfile.write(_BLOCK)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
