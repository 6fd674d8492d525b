"""
Uploads: one request for a small log, a multipart upload for a large one.

Every request carries the CRC-32 of its bytes, computed beforehand, and the server's answer must
prove that it has them. The final write is conditional (``If-None-Match: *``) where the server
can do that, so that no object is ever written over.
"""
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import logging
import time
from typing import Any, Optional

from flightlog_bucket.errors import (
    ChecksumMismatch,
    FlightlogError,
    LocalDiskFault,
    LocalFileError,
    NotAllowed,
    NotSupported,
    StorageError,
    Unavailable,
    UploadNotFound,
)
from flightlog_bucket.storage import checksum
from flightlog_bucket.storage.features import COMPLETE_IF_FREE, Features, PUT_IF_FREE, SUMS
from flightlog_bucket.storage.file_part import FilePart, nobody, OnSent
from flightlog_bucket.storage.journal import Journal, NO_JOURNAL, Progress
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.multipart import (
    content_md5,
    is_made_of,
    Means,
    MultipartUpload,
    PartsOutdated,
)
from flightlog_bucket.storage.objects import ObjectHead, ObjectStore
from flightlog_bucket.storage.part_sizes import fits, part_size
from flightlog_bucket.storage.parts import Pace
from flightlog_bucket.storage.throttle import Throttle
from flightlog_bucket.threads import WorkerPool

_log = logging.getLogger(__name__)

Parameters = Mapping[str, Any]

# A gateway may refuse for a while; an upload that S3 itself refuses must not be kept for ever.
_MAX_REFUSALS = 3


@dataclass(frozen=True)
class Sent:
    """
    An object that S3 has proved to hold.

    :param crc32: of its content
    :param etag: without its quotes
    """

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
    :param throttle: of all that is sent
    :param clock: monotonic seconds
    """

    def __init__(self, store: ObjectStore, *, threshold_bytes: int, part_size_bytes: int,
                 max_concurrent_parts: int, attributes: Parameters, is_aws: bool = False,
                 throttle: Optional[Throttle] = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._threshold_bytes = threshold_bytes
        self._part_size_bytes = part_size_bytes
        self._attributes = attributes
        self.features = Features(store.client, (PUT_IF_FREE, COMPLETE_IF_FREE) if is_aws else (),
                                 clock=clock)
        self._means = Means(store.client, self.features, throttle or Throttle(),
                            Pace(max_concurrent_parts))
        # Size and CRC-32 of what was sent to a key, and could not be proved to be there.
        self._unproved: dict[str, tuple[int, int]] = {}
        # How often S3 refused to go on with a multipart upload.
        self._refusals: dict[str, int] = {}

    @property
    def pace(self) -> Pace:
        """How many parts of one upload go at once."""
        return self._means.pace

    def upload(self, file: LocalFile, key: str, attributes: Parameters, *,
               journal: Journal = NO_JOURNAL, progress: Optional[Progress] = None,
               on_sent: Optional[OnSent] = None) -> Sent:
        """
        Write the file to the key; return when S3 has proved that it holds every byte.

        :param file: stays open until the call returns
        :param key: of the new object
        :param attributes: boto3 parameters of this object, e.g. ``ContentType``
        :param journal: of this file; with one, a multipart upload that a fault ends stays open
        :param progress: of an earlier try with this key
        :param on_sent: see ``OnSent``
        :raises ObjectExists: if there is an object under the key
        :raises LocalFileChanged: if the file is written to meanwhile; then there is no object
        """
        self._means.throttle.check_not_paused()
        whole = {**self._attributes, **attributes}
        if progress is None and file.size < self._threshold_bytes:
            answer, crc = self._put(file, key, whole, journal, on_sent or nobody)
        else:
            answer, crc = self._multipart(file, key, whole, journal, progress, on_sent)
        self._unproved[key] = file.size, crc
        etag = self._prove(file, key, answer, crc)
        del self._unproved[key]
        return Sent(crc, etag)

    def find(self, key: str) -> Optional[ObjectHead]:
        """Look an object up; None if there is none, or that may not be asked."""
        try:
            return self._store.head(key)
        except NotAllowed:
            # A policy with conditions on ListBucket hides that there is nothing. The write is
            # conditional, and tells.
            _log.debug('%s cannot be looked up', key)
            return None

    def holds(self, key: str, head: Optional[ObjectHead], file: LocalFile) -> bool:
        """Tell whether an object is there and has the content of the file."""
        return head is not None and self._store.holds(key, head, file,
                                                      self._means.throttle.check_not_paused)

    def is_unproved(self, key: str, file: LocalFile) -> bool:
        """Tell whether this file was sent to the key, and then was not what was there."""
        size, crc = self._unproved.get(key, (-1, 0))
        return size == file.size and crc == file.crc32()

    def give_up(self, key: str, upload_id: str, journal: Journal, reason: str) -> None:
        """
        Abort a multipart upload, if that is possible, and note how it ended.

        :param key: of the object that it would have made
        :param upload_id: S3's name of it
        :param journal: of the file
        :param reason: why it is not gone on with
        """
        self._refusals.pop(upload_id, None)
        journal.forgotten(reason, is_gone=self._aborted(key, upload_id))

    def leave(self, progress: Progress, head: ObjectHead, journal: Journal) -> None:
        """
        Give up an upload to a key that is taken; by itself, where it was completed.

        :param progress: of the upload
        :param head: what S3 tells of the object
        :param journal: of the file
        """
        if is_made_of(head.etag, progress, head.size):
            journal.forgotten('it was completed', is_gone=True)
        else:
            self.give_up(progress.key, progress.upload_id, journal, 'another object has its key')

    def abort(self, key: str, upload_id: str) -> None:
        """
        Remove the parts of a multipart upload.

        :param key: of the object that it would have made
        :param upload_id: S3's name of it
        """
        with suppress(UploadNotFound):
            self._store.client.call('abort_multipart_upload', key=key, UploadId=upload_id)

    def _put(self, file: LocalFile, key: str, attributes: Parameters, journal: Journal,
             on_sent: OnSent) -> tuple[dict[str, Any], int]:
        crc = file.crc32()
        body = FilePart(file, 0, file.size, self._means.throttle, on_sent)
        on_sent(0)
        try:
            answer = self.features.call(
                'put_object', key, {'Body': body, **attributes},
                {PUT_IF_FREE: {'IfNoneMatch': '*'},
                 SUMS: {'ChecksumCRC32': checksum.encode(crc)}},
                instead={SUMS: lambda: content_md5(file.md5())})
        except FlightlogError:
            body.take_back()
            raise
        finally:
            if body.was_sent:
                journal.may_be_stored(key)
        return answer, crc

    def _multipart(self, file: LocalFile, key: str, attributes: Parameters, journal: Journal,
                   progress: Optional[Progress],
                   on_sent: Optional[OnSent]) -> tuple[dict[str, Any], int]:
        if progress is not None and not fits(file.size, progress.part_size):
            self.give_up(key, progress.upload_id, journal, 'its parts are of another size')
            progress = None
        while True:
            upload = MultipartUpload(self._means, file, key, journal, on_sent)
            try:
                answer = self._run(upload, attributes, progress)
            except UploadNotFound:
                journal.forgotten('S3 does not know it any more', is_gone=True)
                upload.take_back()
                # The answer to an earlier try may have been lost after it did its work.
                if self.holds(key, self.find(key), file):
                    crc = file.crc32()
                    return {'ChecksumCRC32': checksum.encode(crc)}, crc
                if progress is None:
                    raise
            except PartsOutdated as error:
                self.give_up(key, upload.upload_id, journal, str(error))
                upload.take_back()
            except FlightlogError as error:
                self._end(upload, journal, error)
                raise
            else:
                self._refusals.pop(upload.upload_id, None)
                journal.forgotten('it was completed', is_gone=True)
                return answer
            progress = None  # from the beginning, once: nothing of an earlier try is left

    def _run(self, upload: MultipartUpload, attributes: Parameters,
             progress: Optional[Progress]) -> tuple[dict[str, Any], int]:
        if progress is None:
            upload.create(attributes, part_size(upload.file.size, self._part_size_bytes))
        else:
            upload.resume(progress)
        upload.send_parts()
        return upload.complete()

    def _end(self, upload: MultipartUpload, journal: Journal, error: FlightlogError) -> None:
        """Keep a multipart upload for the next try, or abort it."""
        if not upload.upload_id or (
                journal is not NO_JOURNAL and self._may_go_on(upload, error)):
            return
        upload.take_back()
        arguments = upload.key, upload.upload_id, journal, str(error)
        if isinstance(error, Unavailable):
            # The answer to this may have to be waited for in vain as well.
            background = WorkerPool(1, 'flightlog-abort')
            background.submit(self.give_up, *arguments)
            background.shutdown(cancel_futures=False)
        else:
            self.give_up(*arguments)

    def _may_go_on(self, upload: MultipartUpload, error: FlightlogError) -> bool:
        """Tell whether another try can go on where this one ended."""
        if isinstance(error, LocalDiskFault):
            return True
        if not error.retryable or isinstance(error, LocalFileError):
            return False
        if isinstance(error, ChecksumMismatch):
            return not upload.is_completing  # S3 has other parts than it acknowledged
        if type(error) in (StorageError, NotSupported):
            before = 0 if upload.has_gained else self._refusals.get(upload.upload_id, 0)
            count = before + 1
            self._refusals[upload.upload_id] = count
            return count < _MAX_REFUSALS
        return True

    def _aborted(self, key: str, upload_id: str) -> bool:
        try:
            self.abort(key, upload_id)
        except FlightlogError as error:
            _log.warning('the parts of %s that are up stay in the bucket until a lifecycle rule'
                         ' removes them (upload id %s): %s', key, upload_id, error)
            return False
        return True

    def _prove(self, file: LocalFile, key: str, answer: dict[str, Any], crc: int) -> str:
        """Return the ETag of the object, once it is certain that it has the file's content."""
        told = ObjectHead.of(answer)
        if told.crc32 == crc:
            head = None if told.etag else self.find(key)
            return told.etag or (head.etag if head else '')
        if told.crc32 is None:
            # One of the MD5s of the parts: of what the server received.
            if told.etag in file.learned_etags:
                return told.etag
            head = self._store.head(key)
            if head is not None and self.holds(key, head, file):
                return head.etag
        raise ChecksumMismatch(f'S3 answered that it stored {file.path} as {key!r}, but what is'
                               ' there is not the file')
