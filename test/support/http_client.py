"""A plain HTTP client, and a port for the server that it talks to."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import http.client
import json
import secrets
import socket
from typing import Any, Optional

from support.expect import wait_until

WAIT_S = 30.0
Body = Optional[bytes]


@contextmanager
def kept_port(address: str = '127.0.0.1') -> Iterator[int]:
    """Return a port that nobody else gets, and that a server can listen at."""
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family) as keeper:
        # Bound, and not listening: it lets a server in that sets the same option.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((address, 0))
        yield keeper.getsockname()[1]


@dataclass(frozen=True)
class HttpAnswer:
    """What a server has answered; ``headers`` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body holds."""
        return json.loads(self.body)


def refused(answer: HttpAnswer, status: int, *words: str) -> None:
    """Fail unless it is an error of this status, in these words, and nothing else."""
    assert answer.status == status, answer.body
    assert set(answer.json()) == {'error', 'status'}, answer.body
    assert answer.json()['status'] == status, answer.body
    for word in words:
        assert word in answer.json()['error'], answer.body


class HttpClient:
    """
    Asks one server; each question has a connection of its own.

    :param port: on loopback
    :param token: that goes with each request; empty: none does
    """

    def __init__(self, port: int, token: str = '', address: str = '127.0.0.1') -> None:
        self.port = port
        self.address = address
        self._token = token

    def ask(self, method: str, path: str, body: Any = None,
            headers: Optional[Mapping[str, str]] = None) -> HttpAnswer:
        """
        Ask, and read all of the answer.

        :param body: bytes, an iterable of them, or what is sent as JSON
        """
        fields = {**self._authorization(), **(headers or {})}
        if isinstance(body, (dict, list)):
            body, fields['Content-Type'] = json.dumps(body).encode(), 'application/json'
        connection = http.client.HTTPConnection(self.address, self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body=body, headers=fields)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return HttpAnswer(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> HttpAnswer:
        """Ask for something."""
        return self.ask('GET', path, headers={k.replace('_', '-'): v for k, v in headers.items()})

    def post(self, path: str, body: Any = None, **headers: str) -> HttpAnswer:
        """Send something."""
        return self.ask('POST', path, body,
                        {k.replace('_', '-'): v for k, v in headers.items()})

    def upload(self, name: str, content: bytes, **fields: str) -> HttpAnswer:
        """Send a log, as a form of a browser does."""
        body, kind = form(name, content, **fields)
        return self.ask('POST', '/bucket/upload', body, {'Content-Type': kind})

    def connect(self, timeout_s: float = WAIT_S) -> socket.socket:
        """Return a connection of one's own."""
        return socket.create_connection((self.address, self.port), timeout_s)

    def serving(self) -> 'HttpClient':
        """Wait until it is served."""
        wait_until(self._is_served, WAIT_S)
        return self

    def _is_served(self) -> bool:
        try:
            return self.get('/').status == 200
        except OSError:
            return False

    def _authorization(self) -> dict[str, str]:
        return {'Authorization': f'Bearer {self._token}'} if self._token else {}


def form(name: str, content: bytes, **fields: str) -> tuple[bytes, str]:
    """
    Return a form with a file, and its content type.

    :param fields: besides the file
    """
    boundary = secrets.token_hex(16)
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
             for field, value in fields.items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file";'
                 f' filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
    whole = ''.join(parts).encode() + content + f'\r\n--{boundary}--\r\n'.encode()
    return whole, f'multipart/form-data; boundary={boundary}'
