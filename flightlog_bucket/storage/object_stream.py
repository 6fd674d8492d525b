"""The content of one object as it arrives: connections that break are taken up again."""
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import format_datetime
import logging
import threading
import time
from types import TracebackType
from typing import Any, Optional
import zlib

from flightlog_bucket.errors import Cancelled, ChecksumMismatch, Unavailable
from flightlog_bucket.storage.byte_range import ByteRange
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.objects import EtagMD5, learn_part_size, ObjectHead

_log = logging.getLogger(__name__)

_TRIES_WITHOUT_PROGRESS = 3
# Of the time that a call may take without progress: after this much a try could end too late.
_LAST_TRY = 0.6


class ObjectStream:
    """
    Yields one object, or a range of it, in blocks; made when S3 has begun to send it.

    A connection that breaks is taken up again where it broke, as long as the object is the same.
    The last block of a whole object comes when all of it is proved. Not thread-safe; only
    reading takes the network's time, so that a reader may pause.

    :param client: of the bucket
    :param key: of the object
    :param cancel: once set, the next block is ``Cancelled``
    :param timeout_s: without progress a read ends within this time
    :param byte_range: None: the whole
    :param if_range: ETag in its quotes, or date, of the object that ``byte_range`` is meant for;
        of any other one the whole is sent (RFC 9110, section 13.1.5)
    :param clock: monotonic seconds
    :ivar size: bytes of the object
    :ivar start: of the range in it
    :ivar length: bytes of the range
    :ivar is_range: a part was asked for, and is given
    :ivar etag: of the object, without its quotes
    :ivar last_modified: aware, UTC; None: S3 does not tell
    :ivar on_close: is called when nobody reads on
    :raises RangeNotSatisfiable: if the object has no byte of the range
    """

    def __init__(self, client: S3Client, key: str, cancel: threading.Event, *, timeout_s: float,
                 byte_range: Optional[ByteRange] = None, if_range: str = '',
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._key, self._cancel = client, key, cancel
        self._timeout_s, self._clock = timeout_s, clock
        self.on_close: Callable[[], None] = lambda: None
        self._progress_at = clock()
        self._received = self._skip = self._crc = 0
        operation = 'head_object' if byte_range else 'get_object'
        told = client.call(operation, key=key, **self._with_checksum(operation))
        self._body = told.get('Body')
        try:
            self._begin(told, byte_range if _is_of(told, if_range) else None)
        except BaseException:
            self._close_body()
            raise

    def _begin(self, told: dict[str, Any], byte_range: Optional[ByteRange]) -> None:
        head = ObjectHead.of(told)
        self.size, self.etag = head.size, head.etag
        self.content_type = str(told.get('ContentType', ''))
        self.last_modified: Optional[datetime] = told.get('LastModified')
        self.is_range = byte_range is not None
        self.start, self.length = byte_range.within(head.size) if byte_range else (0, head.size)
        self._is_whole = self.length == head.size
        self._head = self._checkable(head) if self._is_whole else head
        self._md5 = EtagMD5(self._head.md5_part_size or 0)
        if self._body is None:
            self._go_on()
        self._blocks = self._proved()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._progress_at = self._clock()  # the reader may have paused
        return next(self._blocks)

    def __enter__(self) -> 'ObjectStream':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go; not while a block is read."""
        self._blocks.close()
        self._close_body()
        self.on_close()

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()

    def _with_checksum(self, operation: str) -> dict[str, str]:
        return ({'ChecksumMode': 'ENABLED'}
                if self._client.supports(operation, 'ChecksumMode') else {})

    def _checkable(self, head: ObjectHead) -> ObjectHead:
        """Find out what the ETag is made of, where there is nothing else to check by."""
        if head.crc32 is not None or head.md5_part_size is not None:
            return head
        return replace(head, md5_part_size=learn_part_size(self._client, self._key, head))

    def _proved(self) -> Generator[bytes, None, None]:
        for block in self._arriving():
            if self._received == self.length:
                self._verify()
            yield block
        if not self.length:
            self._verify()

    def _arriving(self) -> Iterator[bytes]:
        fruitless = 0
        while True:
            before = self._received
            try:
                yield from self._of_one_answer()
                if self._received >= self.length:
                    return
                failure = Unavailable(f'the connection ended after {self._received} of'
                                      f' {self.length} bytes of {self._key!r}')
            except Unavailable as error:
                failure = error
            fruitless = 0 if self._received > before else fruitless + 1
            stalled_s = self._clock() - self._progress_at
            if (fruitless >= _TRIES_WITHOUT_PROGRESS
                    or stalled_s >= self._timeout_s * _LAST_TRY):
                raise failure
            _log.debug('%s: going on after %d bytes: %s', self._key, self._received, failure)
            self._go_on()

    def _of_one_answer(self) -> Iterator[bytes]:
        for arrived in self._client.blocks(self._body):
            if self._cancel.is_set():
                raise Cancelled(f'the download of {self._key!r} was stopped')
            self._progress_at = self._clock()
            block = arrived[self._skip:][:self.length - self._received]
            self._skip -= min(self._skip, len(arrived))
            if block:
                self._take(block)
                yield block

    def _take(self, block: bytes) -> None:
        self._received += len(block)
        if self._is_whole:
            self._crc = zlib.crc32(block, self._crc)
            if self._head.crc32 is None and self._head.md5_part_size is not None:
                self._md5.update(block)

    def _go_on(self) -> None:
        """Ask for what has not arrived, of the same object."""
        at, end = self.start + self._received, self.start + self.length
        options = {'IfMatch': f'"{self.etag}"'}
        if (at, end) != (0, self.size):
            options['Range'] = f'bytes={at}-' + (str(end - 1) if end < self.size else '')
        answer = self._client.call('get_object', key=self._key, **options)
        self._body = answer['Body']
        if ObjectHead.of(answer).etag not in ('', self.etag):  # a server that knows no If-Match
            raise ChecksumMismatch(f'{self._key!r} was replaced while it was read; read it again')
        # A server that knows no ranges begins anew.
        is_part = str(answer.get('ContentRange', '')).startswith(f'bytes {at}-')
        self._skip = 0 if is_part else at

    def _verify(self) -> None:
        if not self._is_whole:
            return
        if self._head.crc32 is not None:
            same = self._crc == self._head.crc32
        elif self._head.md5_part_size is not None:
            same = self._md5.etag() == self.etag
        else:
            same = True
            _log.warning('%s could be checked by its size only: S3 tells no checksum of it, and'
                         ' its ETag is not made of its content', self._key)
        if not same:
            raise ChecksumMismatch(f'what arrived of {self._key!r} ({self._received} of'
                                   f' {self.size} bytes) is not what S3 stores; try again')


def _is_of(told: dict[str, Any], if_range: str) -> bool:
    """Tell whether an answer is of the object that ``if_range`` means; empty: it is."""
    if not if_range:
        return True
    if if_range.startswith('"'):
        return if_range == f'"{str(told.get("ETag", "")).strip(chr(34))}"'
    modified = told.get('LastModified')
    return (modified is not None and if_range
            == format_datetime(modified.astimezone(timezone.utc), usegmt=True))
