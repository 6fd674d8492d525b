"""What ``FaultProxy`` can break, and what it remembers."""
from collections.abc import Callable
from dataclasses import dataclass, field
import time
from typing import Optional, Union
from xml.sax.saxutils import escape

from support.http_relay import Head


@dataclass(frozen=True)
class Page:
    """Answer a page that is not S3's instead of asking the server."""

    status: int
    body: bytes
    content_type: str = 'text/html'
    headers: tuple[str, ...] = ()

    def encoded(self, method: str) -> bytes:
        """Return it as it goes over the wire."""
        body = b'' if method == 'HEAD' else self.body
        lines = (f'HTTP/1.1 {self.status} Canned', f'Content-Type: {self.content_type}',
                 f'Content-Length: {len(body)}', *self.headers, '', '')
        return '\r\n'.join(lines).encode() + body


@dataclass(frozen=True)
class Reply:
    """Answer an error of S3 instead of asking the server."""

    status: int
    code: str
    message: str = 'said by the fault proxy'

    def page(self) -> Page:
        """Return it as S3 writes it."""
        return Page(self.status, (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{self.code}</Code>'
            f'<Message>{escape(self.message)}</Message></Error>').encode(), 'application/xml')


@dataclass(frozen=True)
class Tap:
    """
    Let a function see, change or hold up every block of a body.

    It is given the block's offset in the body and the block, and returns what goes on.
    """

    request: Optional[Callable[[int, bytes], bytes]] = None
    answer: Optional[Callable[[int, bytes], bytes]] = None


@dataclass(frozen=True)
class ResetUpload:
    """Reset the connection after so many bytes of the request's body."""

    after_bytes: int


@dataclass(frozen=True)
class CutAnswer:
    """Close the connection after so many bytes of the answer's body."""

    after_bytes: int


@dataclass(frozen=True)
class LoseAnswer:
    """
    Let the server do the work, then reset the connection instead of answering.

    :param meanwhile: called when the work is done
    """

    meanwhile: Callable[[], object] = bool


@dataclass(frozen=True)
class Delay:
    """Wait so many seconds before the server is asked."""

    seconds: float


@dataclass(frozen=True)
class Swallow:
    """Neither read the body nor answer, until ``heal``."""


Fault = Union[Reply, Page, Tap, ResetUpload, CutAnswer, LoseAnswer, Delay, Swallow]

SLOW_DOWN = Reply(503, 'SlowDown', 'Please reduce your request rate.')
INTERNAL_ERROR = Reply(500, 'InternalError', 'We encountered an internal error.')
NOT_IMPLEMENTED = Reply(501, 'NotImplemented', 'A header implies functionality that is not there.')
LOG_IN_PAGE = Page(200, b'<!DOCTYPE html><html><body>Please log in</body></html>')
EXPIRED_TOKEN = Reply(400, 'ExpiredToken', 'The provided token has expired.')
CLOCK_IS_OFF = Reply(403, 'RequestTimeTooSkewed',
                     'The difference between the request time and the current time is too large.')
ACCESS_DENIED = Reply(403, 'AccessDenied', 'Access Denied')


def flip(at: int) -> Callable[[int, bytes], bytes]:
    """Return a function for ``Tap`` that changes the byte at this offset."""
    def change(offset: int, block: bytes) -> bytes:
        if offset <= at < offset + len(block):
            changed = bytearray(block)
            changed[at - offset] ^= 1
            return bytes(changed)
        return block
    return change


@dataclass
class Rule:
    """A fault for the requests that match; ``left`` counts down, None: for all of them."""

    fault: Fault
    left: Optional[int]
    method: Optional[str]
    kind: Optional[str]
    key: Optional[str]
    header: Optional[str] = None

    def matches(self, head: Head) -> bool:
        """Tell whether this request is meant."""
        return (self.left != 0 and self.method in (None, head.method)
                and self.kind in (None, head.kind)
                and (self.key is None or head.path.endswith(self.key))
                and (self.header is None or head.get(self.header) != ''))


@dataclass
class Exchange:
    """
    One request that came, and how far it got.

    :param upload_id: of the multipart upload that it is about
    :param part: that it sends; 0: none
    :param body_bytes: of the request, that the client has sent
    :param status: of the answer; 0: none was begun
    :param is_acknowledged: a 2xx was passed on, to a client that still listened
    :param began_s: on the monotonic clock
    :param ended_s: on the monotonic clock; 0: it has not ended
    """

    method: str
    kind: str
    path: str
    connection: int
    upload_id: str = ''
    part: int = 0
    body_bytes: int = 0
    answer_bytes: int = 0
    status: int = 0
    is_done: bool = False
    is_acknowledged: bool = False
    began_s: float = field(default_factory=time.monotonic, repr=False)
    ended_s: float = field(default=0.0, repr=False)

    @classmethod
    def of(cls, head: Head, connection: int) -> 'Exchange':
        """Return it as it begins."""
        return cls(head.method, head.kind, head.path, connection, head.upload_id, head.part)

    def end(self, *, is_heard: bool) -> None:
        """Note its end."""
        self.ended_s = time.monotonic()
        self.is_done = True
        self.is_acknowledged = is_heard and 200 <= self.status < 300
