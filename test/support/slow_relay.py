"""A relay that notes when bytes came from the client, and can be as slow as a radio link."""
from contextlib import suppress
import socket
import threading
import time
from types import TracebackType
from typing import Optional
from urllib.parse import urlsplit

_BLOCK_BYTES = 4096


class SlowRelay:
    """
    Passes on TCP to ``upstream_url``, up so fast, down at once.

    :param upstream_url: e.g. ``Sandbox.endpoint_url``
    :param bytes_per_s: of all connections together, from the client; 0: no limit
    """

    def __init__(self, upstream_url: str, bytes_per_s: float = 0) -> None:
        parts = urlsplit(upstream_url)
        self._upstream = (parts.hostname or '', parts.port or 80)
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_s = 0.0
        self._arrived: list[tuple[float, int]] = []
        self._listener: Optional[socket.socket] = None

    def __enter__(self) -> 'SlowRelay':
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        # What is on its way to a slow receiver is little, as on a real link.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BLOCK_BYTES)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        assert self._listener is not None
        with self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        """What the client takes for the server."""
        assert self._listener is not None
        return f'http://127.0.0.1:{self._listener.getsockname()[1]}'

    def arrived(self, since_s: float = 0.0, until_s: float = float('inf')) -> int:
        """Return the bytes that came in a time, by the monotonic clock."""
        with self._lock:
            return sum(count for at_s, count in self._arrived if since_s <= at_s < until_s)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._upstream) as upstream:
            down = threading.Thread(target=_pass_on, args=(upstream, client), daemon=True)
            down.start()
            block_bytes = _BLOCK_BYTES if self._bytes_per_s else 1 << 18
            with suppress(OSError):
                while block := client.recv(block_bytes):
                    self._note(len(block))
                    upstream.sendall(block)
            _end(client, upstream)
            down.join()

    def _note(self, count: int) -> None:
        with self._lock:
            now_s = time.monotonic()
            self._arrived.append((now_s, count))
            if not self._bytes_per_s:
                return
            self._free_s = max(self._free_s, now_s) + count / self._bytes_per_s
            wait_s = self._free_s - now_s
        time.sleep(wait_s)  # this is the link


def _pass_on(upstream: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while block := upstream.recv(1 << 18):
            client.sendall(block)
    _end(client, upstream)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):  # it has ended
            one.shutdown(socket.SHUT_RDWR)
