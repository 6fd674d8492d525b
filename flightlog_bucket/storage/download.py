"""Downloads: the local file appears whole and verified, or not at all."""
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
import logging
from pathlib import Path
import threading
import time
from typing import Any, BinaryIO, Optional
import zlib

from flightlog_bucket.errors import Cancelled, ChecksumMismatch, Unavailable
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.new_file import check_room, check_target, file_errors, NewFile
from flightlog_bucket.storage.objects import EtagMD5, learn_part_size, ObjectHead

OnReceived = Callable[[int, int], None]
"""Told how many bytes are here, and of how many; of none again where a server begins anew."""

_log = logging.getLogger(__name__)

_TRIES_WITHOUT_PROGRESS = 3
# Of the time that a call may take without progress: after this much a try could end too late.
_LAST_TRY = 0.6


class Download:
    """
    Fetches one object into a new file, which gets its name when all of it is proved.

    A connection that breaks is taken up again where it broke, as long as the object is the same.

    :param client: of the bucket
    :param key: of the object
    :param cancel: once set, the download ends with ``Cancelled``
    :param timeout_s: without progress it ends within this time
    :param on_received: raises nothing
    :param clock: monotonic seconds
    """

    def __init__(self, client: S3Client, key: str, cancel: threading.Event, *, timeout_s: float,
                 on_received: OnReceived = lambda received, total: None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key = key
        self._cancel = cancel
        self._timeout_s = timeout_s
        self._on_received = on_received
        self._clock = clock
        self._progress_at = clock()
        self._crc = 0
        self._received = 0
        self._md5 = EtagMD5(0)

    def run(self, target: Path, *, overwrite: bool) -> int:
        """
        Fetch the object.

        :param target: the local file; folders above it are made
        :param overwrite: replace an existing file
        :returns: its size in bytes
        :raises LocalFileExists: if there is one, and ``overwrite`` is not set
        :raises LocalDiskFull: if there is no room; nothing is left behind
        :raises ChecksumMismatch: if what arrived is not what S3 stores
        """
        check_target(target, overwrite)
        answer = self._get(None)
        with closing(answer['Body']), file_errors(target):
            head = self._checkable(ObjectHead.of(answer))
            self._md5 = EtagMD5(head.md5_part_size or 0)
            target.parent.mkdir(parents=True, exist_ok=True)
            check_room(target, head.size)
            self._on_received(0, head.size)
            with NewFile(target) as file:
                self._receive(answer, head, file.stream)
                self._verify(head)
                file.publish(overwrite=overwrite)
        return head.size

    def _checkable(self, head: ObjectHead) -> ObjectHead:
        """Find out what the ETag is made of, where there is nothing else to check by."""
        if head.crc32 is not None or head.md5_part_size is not None:
            return head
        return replace(head, md5_part_size=learn_part_size(self._client, self._key, head))

    def _get(self, head: Optional[ObjectHead]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if head is not None:
            options['IfMatch'] = f'"{head.etag}"'
            options['Range'] = f'bytes={self._received}-'
        elif self._client.supports('get_object', 'ChecksumMode'):
            options['ChecksumMode'] = 'ENABLED'
        return self._client.call('get_object', key=self._key, **options)

    def _receive(self, answer: dict[str, Any], head: ObjectHead, stream: BinaryIO) -> None:
        fruitless = 0
        while True:
            before = self._received
            try:
                for block in self._client.blocks(answer['Body']):
                    self._take(block, stream, head)
                if self._received >= head.size:
                    return
                failure: Unavailable = Unavailable(
                    f'the connection ended after {self._received} of {head.size} bytes of'
                    f' {self._key!r}')
            except Unavailable as error:
                failure = error
            fruitless = 0 if self._received > before else fruitless + 1
            stalled_s = self._clock() - self._progress_at
            if (fruitless >= _TRIES_WITHOUT_PROGRESS
                    or stalled_s >= self._timeout_s * _LAST_TRY):
                raise failure
            _log.debug('%s: going on after %d bytes: %s', self._key, self._received, failure)
            answer = self._resume(head, stream)

    def _take(self, block: bytes, stream: BinaryIO, head: ObjectHead) -> None:
        if self._cancel.is_set():
            raise Cancelled(f'the download of {self._key!r} was stopped')
        self._crc = zlib.crc32(block, self._crc)
        if head.crc32 is None and head.md5_part_size is not None:
            self._md5.update(block)
        stream.write(block)
        self._received += len(block)
        self._progress_at = self._clock()
        self._on_received(self._received, head.size)

    def _resume(self, head: ObjectHead, stream: BinaryIO) -> dict[str, Any]:
        if not self._received:
            return self._get(None)
        answer = self._get(head)
        if not str(answer.get('ContentRange', '')).startswith(f'bytes {self._received}-'):
            # The server knows no ranges: it began anew, and so does the file.
            stream.seek(0)
            stream.truncate()
            self._received = self._crc = 0
            self._md5 = EtagMD5(head.md5_part_size or 0)
        return answer

    def _verify(self, head: ObjectHead) -> None:
        same = self._received == head.size
        if head.crc32 is not None:
            same = same and self._crc == head.crc32
        elif head.md5_part_size is not None:
            same = same and self._md5.etag() == head.etag
        elif same:
            _log.warning('%s could be checked by its size only: S3 tells no checksum of it, and'
                         ' its ETag is not made of its content', self._key)
        if not same:
            raise ChecksumMismatch(f'what arrived of {self._key!r} ({self._received} of'
                                   f' {head.size} bytes) is not what S3 stores; try again')
