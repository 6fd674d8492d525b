"""Downloads: the local file appears whole and verified, or not at all."""
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
import errno
import logging
import os
from pathlib import Path
import secrets
import shutil
import threading
import time
from typing import Any, BinaryIO, Optional
import zlib

from flightlog_bucket.errors import (
    Cancelled,
    ChecksumMismatch,
    FlightlogError,
    InvalidRequest,
    LocalDiskFull,
    LocalFileError,
    LocalFileExists,
    LocalFileUnreadable,
    Unavailable,
)
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.objects import EtagMD5, ObjectHead

_log = logging.getLogger(__name__)

_TRIES_WITHOUT_PROGRESS = 3
# Of the time that a call may take without progress: after this much a try could end too late.
_LAST_TRY = 0.6


class Download:
    """
    Fetches one object into a temporary file beside its target, then renames that.

    A connection that breaks is taken up again where it broke, as long as the object is the same.

    :param client: of the bucket
    :param key: of the object
    :param cancel: once set, the download ends with ``Cancelled``
    :param timeout_s: without progress it ends within this time
    :param clock: monotonic seconds
    """

    def __init__(self, client: S3Client, key: str, cancel: threading.Event, *, timeout_s: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key = key
        self._cancel = cancel
        self._timeout_s = timeout_s
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
        _check_target(target, overwrite)
        answer = self._get(None)
        head = ObjectHead.of(answer)
        self._md5 = EtagMD5(head.md5_part_size or 0)
        with closing(answer['Body']), _file_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _check_room(target, head.size)
            temporary = target.with_name(f'.flightlog-{secrets.token_hex(8)}.part')
            try:
                with open(temporary, 'xb') as stream:
                    self._receive(answer, head, stream)
                    self._verify(head)
                    stream.flush()
                    os.fsync(stream.fileno())
                _publish(temporary, target, overwrite)
            finally:
                temporary.unlink(missing_ok=True)
        return head.size

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
        if not same:
            raise ChecksumMismatch(f'what arrived of {self._key!r} ({self._received} of'
                                   f' {head.size} bytes) is not what S3 stores; try again')


def _check_target(target: Path, overwrite: bool) -> None:
    with _file_errors(target):
        try:
            target.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if not target.is_file():
            raise InvalidRequest(f'{target} is not a regular file; give another local_path')
        if not overwrite:
            raise LocalFileExists(f'there is {target} already; set overwrite, or give another'
                                  ' local_path')


def _check_room(target: Path, size: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise LocalDiskFull(f'{target} takes {size} bytes, and its disk has {free} left;'
                            ' make room')


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
    else:
        try:
            os.link(temporary, target)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise LocalFileExists(f'{target} was made by somebody else meanwhile; it was left'
                                  ' as it is') from None
        except OSError:
            # FAT and exFAT, on every USB stick, have no links.
            _check_target(target, overwrite)
            temporary.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _file_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except FlightlogError:
        raise
    except PermissionError:
        raise LocalFileUnreadable(f'no permission to write {target}; give the user of this'
                                  ' process write access to its folder') from None
    except ValueError:
        raise InvalidRequest(f'{str(target)!r} is not a path') from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LocalDiskFull(f'the disk of {target} is full; nothing was left there') from None
        raise LocalFileError(f'cannot write {target}: {error.strerror}') from error
