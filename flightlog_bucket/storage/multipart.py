"""
Uploads: one request for a small log, a multipart upload for a large one.

Every request carries the CRC-32 of its bytes, computed beforehand, and the server's answer must
prove that it has them. The final write is conditional (``If-None-Match: *``) where the server
can do that, so that no object is ever written over.
"""
import base64
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from itertools import combinations
import logging
import threading
import time
from types import MappingProxyType
from typing import Any, Optional

from flightlog_bucket.errors import (
    ChecksumMismatch,
    FlightlogError,
    NotSupported,
    Unavailable,
    UploadNotFound,
)
from flightlog_bucket.settings import MIB
from flightlog_bucket.storage import checksum
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.local_file import FilePart, LocalFile
from flightlog_bucket.storage.objects import ObjectHead, ObjectStore, PART_SIZE
from flightlog_bucket.threads import WorkerPool

_log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000

Parameters = Mapping[str, Any]

_PART_SUMS = 'full-object checksums'
_PUT_IF_FREE = 'conditional put'
_COMPLETE_IF_FREE = 'conditional complete'
_FORGET_MISSING_S = 3600.0


@dataclass(frozen=True)
class Part:
    """
    A part that S3 has acknowledged.

    :param number: from 1
    :param size: bytes
    :param crc32: of its bytes
    :param etag: as S3 gave it
    """

    number: int
    size: int
    crc32: int
    etag: str


class Uploader:
    """
    Writes local files to keys that are free.

    :param store: of the bucket
    :param threshold_bytes: files from this size on go up in parts
    :param part_size_bytes: of a part; grows where a file would take too many
    :param max_concurrent_parts: requests that one upload has on the wire at once
    :param attributes: boto3 parameters of every new object, e.g. ``ServerSideEncryption``
    :param is_aws: the server is AWS's own, of which conditional writes are always demanded
    :param clock: monotonic seconds
    """

    def __init__(self, store: ObjectStore, *, threshold_bytes: int, part_size_bytes: int,
                 max_concurrent_parts: int, attributes: Parameters, is_aws: bool = False,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._client: S3Client = store.client
        self._threshold_bytes = threshold_bytes
        self._part_size_bytes = part_size_bytes
        self._max_concurrent_parts = max_concurrent_parts
        self._attributes = attributes
        self._demanded = {_PUT_IF_FREE, _COMPLETE_IF_FREE} if is_aws else set()
        self._clock = clock
        # What the server was found not to have, and until when that is believed.
        self._missing: dict[str, float] = {}
        self._missing_lock = threading.Lock()
        # Size and CRC-32 of what was sent to a key, and could not be proved to be there.
        self._unproved: dict[str, tuple[int, int]] = {}

    def upload(self, file: LocalFile, key: str, attributes: Parameters) -> None:
        """
        Write the file to the key; return when S3 has proved that it holds every byte.

        :param file: stays open until the call returns
        :param key: of the new object
        :param attributes: boto3 parameters of this object, e.g. ``ContentType``
        :raises ObjectExists: if there is an object under the key
        :raises LocalFileChanged: if the file is written to meanwhile; then there is no object
        """
        whole = {**self._attributes, **attributes}
        if file.size < self._threshold_bytes:
            answer, crc = self._put(file, key, whole)
        else:
            answer, crc = self._multipart(file, key, whole)
        self._unproved[key] = file.size, crc
        self._prove(file, key, answer, crc)
        del self._unproved[key]

    def holds(self, key: str, head: Optional[ObjectHead], file: LocalFile) -> bool:
        """Tell whether an object is there and has the content of the file."""
        return head is not None and self._store.holds(key, head, file)

    def is_unproved(self, key: str, file: LocalFile) -> bool:
        """Tell whether this file was sent to the key, and then was not what was there."""
        size, crc = self._unproved.get(key, (-1, 0))
        return size == file.size and crc == file.crc32()

    def _put(self, file: LocalFile, key: str,
             attributes: Parameters) -> tuple[dict[str, Any], int]:
        crc = file.crc32()
        answer = self._send(
            'put_object', key, {'Body': FilePart(file, 0, file.size), **attributes},
            {_PUT_IF_FREE: {'IfNoneMatch': '*'},
             'checksums': {'ChecksumCRC32': checksum.encode(crc)}},
            instead={'checksums': lambda: _content_md5(file)})
        return answer, crc

    def _multipart(self, file: LocalFile, key: str,
                   attributes: Parameters) -> tuple[dict[str, Any], int]:
        size = part_size(file.size, self._part_size_bytes)
        metadata = {**attributes.get('Metadata', {}), PART_SIZE: str(size)}
        created = self._send(
            'create_multipart_upload', key, {**attributes, 'Metadata': metadata},
            {_PART_SUMS: {'ChecksumAlgorithm': 'CRC32', 'ChecksumType': 'FULL_OBJECT'}})
        upload_id = created['UploadId']
        try:
            parts = self._send_parts(file, key, upload_id, size)
            file.check_not_cancelled()
            file.check_unchanged()
            return self._complete(file, key, upload_id, parts)
        except Unavailable:
            # The answer to this may have to be waited for in vain as well.
            background = WorkerPool(1, 'flightlog-abort')
            background.submit(self._abort, key, upload_id)
            background.shutdown(cancel_futures=False)
            raise
        except FlightlogError:
            self._abort(key, upload_id)
            raise

    def _send_parts(self, file: LocalFile, key: str, upload_id: str, size: int) -> list[Part]:
        pool = WorkerPool(self._max_concurrent_parts, 'flightlog-part', max_pending=MAX_PARTS)
        try:
            pending: list[Future[Part]] = [
                pool.submit(self._send_part, file, key, upload_id, 1 + offset // size, offset,
                            min(size, file.size - offset))
                for offset in range(0, file.size, size)]
            ended = wait(pending, return_when=FIRST_EXCEPTION).done
            pool.shutdown()
            # A part that arrives after the upload was aborted would be kept, and paid for.
            wait(pending)
            for failed in (p for p in ended if p.exception()):
                failed.result()
            return [p.result() for p in pending]
        finally:
            pool.shutdown()

    def _send_part(self, file: LocalFile, key: str, upload_id: str, number: int, offset: int,
                   size: int) -> Part:
        crc = file.crc32(offset, size)
        answer = self._send(
            'upload_part', key,
            {'UploadId': upload_id, 'PartNumber': number, 'Body': FilePart(file, offset, size)},
            {_PART_SUMS: {'ChecksumCRC32': checksum.encode(crc)}},
            instead={_PART_SUMS: lambda: _content_md5(file, offset, size)})
        return Part(number, size, crc, answer['ETag'])

    def _complete(self, file: LocalFile, key: str, upload_id: str,
                  parts: list[Part]) -> tuple[dict[str, Any], int]:
        crc = 0
        for part in parts:
            crc = checksum.combine(crc, part.crc32, part.size)
        plain = [{'PartNumber': p.number, 'ETag': p.etag} for p in parts]
        summed = [{**entry, 'ChecksumCRC32': checksum.encode(p.crc32)}
                  for entry, p in zip(plain, parts, strict=True)]
        try:
            answer = self._send(
                'complete_multipart_upload', key,
                {'UploadId': upload_id, 'MultipartUpload': {'Parts': plain}},
                {_COMPLETE_IF_FREE: {'IfNoneMatch': '*'},
                 _PART_SUMS: {'MultipartUpload': {'Parts': summed}, 'ChecksumType': 'FULL_OBJECT',
                              'ChecksumCRC32': checksum.encode(crc)}})
        except UploadNotFound:
            # The answer to an earlier try may have been lost after it did its work.
            if not self.holds(key, self._store.head(key), file):
                raise
            answer = {'ChecksumCRC32': checksum.encode(crc)}
        return answer, crc

    def _abort(self, key: str, upload_id: str) -> None:
        try:
            self._client.call('abort_multipart_upload', key=key, UploadId=upload_id)
        except UploadNotFound:
            pass
        except FlightlogError as error:
            _log.warning('the parts of %s that are up stay in the bucket until a lifecycle rule'
                         ' removes them (upload id %s): %s', key, upload_id, error)

    def _send(self, operation: str, key: str, required: Parameters,
              optional: Mapping[str, Parameters],
              instead: Mapping[str, Callable[[], Parameters]] = MappingProxyType({}),
              ) -> dict[str, Any]:
        """
        Call S3 with as many of the optional features as the SDK and the server have.

        :param operation: of boto3's S3 client
        :param key: of the object
        :param required: parameters that every try has
        :param optional: by feature, the parameters that use it
        :param instead: by feature, the parameters where it is missing
        """
        usable = [name for name, parameters in optional.items()
                  if self._missing.get(name, 0.0) <= self._clock()
                  and all(self._client.supports(operation, p) for p in parameters)]
        droppable = [name for name in usable if name not in self._demanded]
        refusal = NotSupported(f'{operation} takes none of {", ".join(optional)}')
        # The least is left out first, and what guards most is left out last; nothing is before
        # the server has said it twice, as a gateway on the way may have said it once.
        for left_out in ((), *(c for count in range(len(droppable) + 1)
                               for c in combinations(droppable, count))):
            merged = dict(required)
            for name, parameters in optional.items():
                if name in usable and name not in left_out:
                    merged.update(parameters)
                elif name in instead:
                    merged.update(instead[name]())
            try:
                answer = self._client.call(operation, key=key, **merged)
            except NotSupported as error:
                refusal = error
                continue
            self._note_missing(left_out)
            return answer
        raise refusal

    def _note_missing(self, names: Sequence[str]) -> None:
        with self._missing_lock:
            news = [name for name in names if name not in self._missing]
            self._missing.update(dict.fromkeys(names, self._clock() + _FORGET_MISSING_S))
        if news:
            _log.warning('this S3 server has no %s; uploads go on without', ' and no '.join(news))

    def _prove(self, file: LocalFile, key: str, answer: dict[str, Any], crc: int) -> None:
        told = ObjectHead.of(answer).crc32
        if told == crc or (told is None and self.holds(key, self._store.head(key), file)):
            return
        raise ChecksumMismatch(f'S3 answered that it stored {file.path} as {key!r}, but what is'
                               ' there is not the file')


def _content_md5(file: LocalFile, offset: int = 0,
                 length: Optional[int] = None) -> dict[str, str]:
    """Return the checksum that every server has known from the first day."""
    return {'ContentMD5': base64.b64encode(file.md5(offset, length)).decode('ascii')}


def part_size(file_size: int, wanted: int) -> int:
    """
    Return the size of the parts for a file, in bytes.

    :param file_size: bytes
    :param wanted: bytes; grows to whole MiB where the file would take more than 10,000 parts
    """
    needed = -(-file_size // MAX_PARTS)
    return wanted if needed <= wanted else -(-needed // MIB) * MIB
