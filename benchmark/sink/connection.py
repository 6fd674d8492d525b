"""HTTP/1.1 as the sink needs it: bodies are read to be thrown away, files are sent as they are."""
from collections.abc import Mapping
from dataclasses import dataclass
import mmap
import os
from pathlib import Path
import socket
import ssl
from typing import Optional
from urllib.parse import parse_qsl, unquote, urlsplit

_HEAD_BYTES = 64 * 1024
_BLOCK_BYTES = 1024 * 1024
_TAIL_BYTES = 1024
_MAX_KEPT_BYTES = 4 * 1024 * 1024
_REASONS = {200: 'OK', 204: 'No Content', 206: 'Partial Content', 400: 'Bad Request',
            404: 'Not Found', 416: 'Range Not Satisfiable'}


@dataclass(frozen=True)
class Head:
    """
    The head of a request.

    :param method: e.g. ``PUT``
    :param path: decoded
    :param query: decoded; a name without value has an empty one
    :param headers: the names in lower case
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def decoded_length(self) -> int:
        """Bytes of the content; the frame of ``aws-chunked`` does not count."""
        told = self.headers.get('x-amz-decoded-content-length')
        return int(told or self.headers.get('content-length') or 0)


class Connection:
    """
    One connection of a client.

    :param peer: its socket, with or without TLS
    """

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._is_plain = not isinstance(peer, ssl.SSLSocket)
        self._block = bytearray(_BLOCK_BYTES)
        self._ahead = b''  # received, and not used yet

    def read_head(self) -> Optional[Head]:
        """Return the head of the next request; None where the client has hung up."""
        while b'\r\n\r\n' not in self._ahead:
            received = self._peer.recv(_HEAD_BYTES)
            if not received or len(self._ahead) > _HEAD_BYTES:
                return None
            self._ahead += received
        raw, self._ahead = self._ahead.split(b'\r\n\r\n', 1)
        first, *lines = raw.decode('latin-1').split('\r\n')
        method, target, _ = first.split(' ', 2)
        parts = urlsplit(target)
        pairs = (line.partition(':') for line in lines)
        head = Head(method, unquote(parts.path),
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value.strip() for name, _, value in pairs})
        if '100-continue' in head.headers.get('expect', '').lower():
            self._peer.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        return head

    def discard_body(self, head: Head) -> bytes:
        """Read the body and return its end, which holds the trailer of ``aws-chunked``."""
        if 'chunked' in head.headers.get('transfer-encoding', '').lower():
            return self._discard_chunks()
        return self._discard(int(head.headers.get('content-length') or 0))

    def read_body(self, head: Head) -> bytes:
        """Read a small body and return it."""
        size = int(head.headers.get('content-length') or 0)
        if size > _MAX_KEPT_BYTES:
            raise ConnectionError(f'a body of {size} bytes is too large')
        return self._take(size)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes = b'') -> None:
        """Send an answer; ``Content-Length`` is that of the body unless it is given."""
        self._peer.sendall(_encoded(status, {'Content-Length': str(len(body)), **headers}) + body)

    def answer_file(self, status: int, headers: Mapping[str, str], path: Path, begin: int,
                    end: int) -> None:
        """Send bytes ``begin`` to ``end`` (exclusive) of a file."""
        self._peer.sendall(_encoded(status, {**headers, 'Content-Length': str(end - begin)}))
        with open(path, 'rb') as stream:
            if not self._is_plain:
                self._send_encrypted(stream.fileno(), begin, end)
                return
            while begin < end:
                begin += os.sendfile(self._peer.fileno(), stream.fileno(), begin, end - begin)

    def _send_encrypted(self, file: int, begin: int, end: int) -> None:
        if begin == end:
            return
        with mmap.mmap(file, 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
            while begin < end:
                with view[begin:min(begin + _BLOCK_BYTES, end)] as block:
                    self._peer.sendall(block)
                    begin += len(block)

    def _discard(self, size: int) -> bytes:
        """Read so many bytes and return the last of them."""
        kept = min(size, _TAIL_BYTES)
        left = size - kept
        used = min(left, len(self._ahead))
        self._ahead = self._ahead[used:]
        left -= used
        # Linux then drops what has come without copying it; TLS has to see it.
        # https://man7.org/linux/man-pages/man7/tcp.7.html
        options = (socket.MSG_TRUNC,) if self._is_plain else ()
        while left:
            count = self._peer.recv_into(self._block, min(left, _BLOCK_BYTES), *options)
            if not count:
                raise ConnectionError('the connection ended in a body')
            left -= count
        return self._take(kept)

    def _discard_chunks(self) -> bytes:
        tail = b''
        while size := int(self._line().partition(b';')[0], 16):
            tail = (tail + self._discard(size))[-_TAIL_BYTES:]
            self._line()
        while line := self._line():
            tail += b'\r\n' + line
        return tail

    def _line(self) -> bytes:
        while b'\r\n' not in self._ahead:
            self._receive_more()
        line, self._ahead = self._ahead.split(b'\r\n', 1)
        return line

    def _take(self, size: int) -> bytes:
        while len(self._ahead) < size:
            self._receive_more()
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken

    def _receive_more(self) -> None:
        received = self._peer.recv(_HEAD_BYTES)
        if not received or len(self._ahead) > _MAX_KEPT_BYTES:
            raise ConnectionError('the connection ended in a body')
        self._ahead += received


def _encoded(status: int, headers: Mapping[str, str]) -> bytes:
    lines = (f'HTTP/1.1 {status} {_REASONS[status]}',
             *(f'{name}: {value}' for name, value in headers.items()), '', '')
    return '\r\n'.join(lines).encode('latin-1')
