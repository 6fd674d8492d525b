"""A server on loopback that sends the bytes that a test gives it, in the time it wants."""
from collections.abc import Callable
import json
import socket
import struct
import threading
from types import TracebackType
from typing import Optional


def http(body: bytes, *headers: str, status: str = '200 OK') -> bytes:
    """Return an HTTP answer with just these headers and ``Content-Length``."""
    lines = (f'HTTP/1.1 {status}', f'Content-Length: {len(body)}', *headers, '', '')
    return '\r\n'.join(lines).encode('latin-1') + body


def http_json(content: object, *headers: str) -> bytes:
    """Return an HTTP answer that holds JSON."""
    return http(json.dumps(content).encode(), *headers)


class RawServer:
    """
    Reads the head of one request of each connection, answers, and hangs up.

    :param answer: is given the connection; may send and wait as it likes
    :param reads_head: otherwise it answers without a look at the request
    """

    def __init__(self, answer: Callable[['Connection'], None], *, reads_head: bool = True) -> None:
        self._answer = answer
        self._reads_head = reads_head
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._stopping = threading.Event()

    def __enter__(self) -> 'RawServer':
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f'127.0.0.1:{self._listener.getsockname()[1]}'

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f'http://{self.address}/token'

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            connection = Connection(client, self._stopping)
            try:
                if self._reads_head:
                    connection.read_head()
                self._answer(connection)
            except OSError:
                pass  # the client hung up


class Connection:
    """
    One connection of a client, whose request has been read.

    :param client: its socket
    :param stopping: set when the test is over
    """

    def __init__(self, client: socket.socket, stopping: threading.Event) -> None:
        self._client = client
        self._stopping = stopping
        self.head = b''

    def read_head(self) -> None:
        """Read the head of the request."""
        while b'\r\n\r\n' not in self.head:
            block = self._client.recv(65536)
            if not block:
                return
            self.head += block

    def send(self, data: bytes) -> None:
        """Send at once."""
        self._client.sendall(data)

    def drip(self, data: bytes, interval_s: float) -> None:
        """Send byte by byte, until the test is over."""
        for index in range(len(data)):
            if self._stopping.wait(interval_s):
                return
            self._client.sendall(data[index:index + 1])

    def hold(self) -> None:
        """Send nothing until the test is over."""
        self._stopping.wait(60)

    def reset(self) -> None:
        """Break the connection off."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self._client.close()
