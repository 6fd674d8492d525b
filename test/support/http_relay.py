"""HTTP/1.1 as ``FaultProxy`` needs it: read a head, pass on a body, count its bytes."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import socket
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

BLOCK_BYTES = 65536
_MAX_HEAD_LINES = 200

# The sub-resources by which S3 tells its requests apart, the most telling first.
_KINDS = ('uploadId', 'uploads', 'list-type', 'delete', 'location')


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a request or an answer."""

    first_line: str
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Return a header; empty: there is none."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), '')

    def encoded(self, *, without: tuple[str, ...] = (), add: tuple[str, ...] = ()) -> bytes:
        """Return the head as bytes, some headers left out or added."""
        lines = [self.first_line,
                 *(f'{n}: {v}' for n, v in self.headers if n.lower() not in without), *add]
        return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first_line.split(' ')[0]

    @property
    def path(self) -> str:
        """The path of a request, decoded."""
        return unquote(urlsplit(self.first_line.split(' ')[1]).path)

    @property
    def kind(self) -> str:
        """Which request of S3 it is: ``uploads``, ``uploadId``, ``list-type``, ... or empty."""
        return next((kind for kind in _KINDS if kind in self._query), '')

    @property
    def upload_id(self) -> str:
        """The multipart upload that a request is about; empty: none."""
        return self._query.get('uploadId', [''])[0]

    @property
    def part(self) -> int:
        """The number of the part that a request sends; 0: it sends none."""
        return int(self._query.get('partNumber', ['0'])[0])

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first_line.split(' ')[1])

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return 'chunked' in self.get('Transfer-Encoding').lower()

    @property
    def content_length(self) -> int:
        """The length of the body; -1: not told."""
        text = self.get('Content-Length')
        return int(text) if text else -1

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.first_line.split(' ')[1]).query, keep_blank_values=True)


def read_head(stream: BinaryIO) -> Head:
    """
    Read up to the empty line.

    :raises ConnectionError: if the stream ends before it
    """
    lines = []
    for _ in range(_MAX_HEAD_LINES):
        line = stream.readline(BLOCK_BYTES)
        if not line.endswith(b'\n'):
            raise ConnectionError('the connection ended')
        text = line.decode('latin-1').rstrip('\r\n')
        if not text:
            pairs = (tuple(part.strip() for part in item.split(':', 1)) for item in lines[1:])
            return Head(lines[0], tuple((p[0], p[1]) for p in pairs))
        lines.append(text)
    raise ConnectionError('the head is too long')


def body_blocks(stream: BinaryIO, head: Head) -> Iterator[bytes]:
    """Give the body of a request as it is on the wire, the marks of its chunks included."""
    if head.is_chunked:
        yield from _chunk_blocks(stream)
    else:
        yield from _length_blocks(stream, max(0, head.content_length))


def _length_blocks(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0:
        block = stream.read1(min(length, BLOCK_BYTES))  # type: ignore[attr-defined]
        if not block:
            raise ConnectionError('the connection ended in a body')
        length -= len(block)
        yield block


def _chunk_blocks(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        mark = stream.readline(BLOCK_BYTES)
        if not mark.endswith(b'\n'):
            raise ConnectionError('the connection ended in a body')
        yield mark
        size = int(mark.split(b';')[0], 16)
        if size == 0:
            break
        yield from _length_blocks(stream, size + 2)
    while True:
        line = stream.readline(BLOCK_BYTES)
        yield line
        if line in (b'\r\n', b'\n', b''):
            return


def relay_answer(upstream: BinaryIO, client: socket.socket, method: str,
                 admit: Callable[[bytes], bytes], begun: Callable[[int], None]) -> bool:
    """
    Pass an answer on to the client.

    :param admit: sees every block of the body, and returns what may pass of it
    :param begun: is told the status before it passes
    :return: whether the connection of the client can serve another request
    """
    head = read_head(upstream)
    while head.status == 100:
        head = read_head(upstream)
    bodiless = method == 'HEAD' or head.status in (204, 304)
    is_framed = bodiless or head.is_chunked or head.content_length >= 0
    begun(head.status)
    client.sendall(head.encoded(without=('connection', 'keep-alive')))
    if bodiless:
        return True
    left = head.content_length if head.content_length >= 0 and not head.is_chunked else None
    while left is None or left > 0:
        block = upstream.read1(BLOCK_BYTES)  # type: ignore[attr-defined]
        if not block:
            return is_framed and left is None
        left = None if left is None else left - len(block)
        client.sendall(admit(block))
    return True
