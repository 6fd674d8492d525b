"""
One log on its way in parts, also where another process has begun it.

A part is never sent twice once S3 has acknowledged it. What an earlier try has sent is compared
with the file before the upload is completed: the file may have been written to in place.
"""
import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
import logging
from typing import Any, Optional

from flightlog_bucket.errors import (
    FlightlogError,
    InvalidRequest,
    LocalFileChanged,
    NotAllowed,
    NotSupported,
    StorageError,
)
from flightlog_bucket.storage import checksum
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.features import (
    COMPLETE_IF_FREE,
    Features,
    KEPT_SUMS,
    LISTED_PARTS,
    PART_SUMS,
)
from flightlog_bucket.storage.file_part import FilePart, nobody, OnSent
from flightlog_bucket.storage.journal import Journal, Part, Progress
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.objects import PART_SIZE
from flightlog_bucket.storage.part_sizes import MAX_PARTS
from flightlog_bucket.storage.parts import Pace, run_all
from flightlog_bucket.storage.throttle import Throttle

_log = logging.getLogger(__name__)

_PARTS_PER_PAGE = 1000


class PartsOutdated(LocalFileChanged):
    """What an earlier try has sent is not what the file holds now."""


@dataclass(frozen=True)
class Means:
    """
    What all uploads of a bucket share.

    :param client: of the bucket
    :param features: of the server
    :param throttle: of all that is sent
    :param pace: how many parts at once
    """

    client: S3Client
    features: Features
    throttle: Throttle
    pace: Pace


class MultipartUpload:
    """
    One multipart upload: ``create()`` or ``resume()``, then ``send_parts()``, then ``complete()``.

    :param means: shared with other uploads
    :param file: stays open for as long as this is in use
    :param key: of the new object
    :param journal: is told of every step
    :param on_sent: is told of the bytes that go to the network, and of those that are up already
    """

    def __init__(self, means: Means, file: LocalFile, key: str, journal: Journal,
                 on_sent: Optional[OnSent]) -> None:
        self._means = means
        self.file = file
        self._journal = journal
        self._on_sent = on_sent or nobody
        self._told: list[int] = []
        self._part_size = 0
        self._parts: dict[int, Part] = {}
        self._earlier: frozenset[int] = frozenset()
        self._md5s: dict[int, bytes] = {}
        self.key = key
        self.upload_id = ''
        self.is_completing = False
        self.has_gained = False

    def create(self, attributes: Mapping[str, Any], part_size: int) -> None:
        """
        Open a new multipart upload.

        Where its answer is lost, S3 has one that nobody knows of: it has no parts, costs nothing,
        and a lifecycle rule removes it. To find it would take the right to list uploads.

        :param attributes: boto3 parameters of the object
        :param part_size: bytes of every part but the last
        """
        self._means.throttle.check_not_paused()
        metadata = {**attributes.get('Metadata', {}), PART_SIZE: str(part_size)}
        created = self._means.features.call(
            'create_multipart_upload', self.key, {**attributes, 'Metadata': metadata},
            {PART_SUMS: {'ChecksumAlgorithm': 'CRC32', 'ChecksumType': 'FULL_OBJECT'}})
        self._part_size = part_size
        self.upload_id = created['UploadId']
        self._journal.began(self.key, self.upload_id, part_size)
        self._on_sent(0)

    def resume(self, progress: Progress) -> None:
        """
        Go on with an earlier one.

        :param progress: how far it came, with a part size that fits the file
        :raises UploadNotFound: if S3 does not know it any more
        """
        self._means.throttle.check_not_paused()
        self._part_size = progress.part_size
        self.upload_id = progress.upload_id
        self._parts = {part.number: part for part in progress.parts
                       if part.number <= self._count and part.size == self._range(part.number)[1]}
        self._compare_with_s3()
        self._earlier = frozenset(self._parts)
        self._told.append(sum(part.size for part in self._parts.values()))
        self._on_sent(self._told[0])
        _log.info('%s: the upload goes on; %d of %d parts are up', self.file.shown,
                  len(self._parts), self._count)

    def send_parts(self) -> None:
        """Send what is not up yet."""
        missing = (n for n in range(1, self._count + 1) if n not in self._earlier)
        for part in run_all((partial(self._send_part, n) for n in missing), self._means.pace,
                            'flightlog-part'):
            self._parts[part.number] = part

    def take_back(self) -> None:
        """Note that all its parts are up for nothing."""
        self._on_sent(-sum(self._told))
        self._told.clear()

    def complete(self) -> tuple[dict[str, Any], int]:
        """
        Make an object of the parts; return S3's answer and the CRC-32 of the object.

        :raises PartsOutdated: if an earlier try has sent what the file does not hold any more
        :raises ObjectExists: if there is an object under the key
        :raises UploadNotFound: also if S3 did it, and its answer was lost
        """
        self._check_earlier()
        self.file.check_unchanged()
        self.file.check_not_cancelled()
        self._means.throttle.check_not_paused()
        parts = [self._parts[number] for number in range(1, self._count + 1)]
        crc = 0
        for part in parts:
            crc = checksum.combine(crc, part.crc32, part.size)
        self.file.learn(crc, self._part_size, self._etag())
        plain = [{'PartNumber': p.number, 'ETag': p.etag} for p in parts]
        summed = [{**entry, 'ChecksumCRC32': checksum.encode(p.crc32)}
                  for entry, p in zip(plain, parts, strict=True)]
        self.is_completing = True
        self._journal.may_be_stored(self.key)
        answer = self._means.features.call(
            'complete_multipart_upload', self.key,
            {'UploadId': self.upload_id, 'MultipartUpload': {'Parts': plain}},
            {COMPLETE_IF_FREE: {'IfNoneMatch': '*'},
             PART_SUMS: {'MultipartUpload': {'Parts': summed}, 'ChecksumType': 'FULL_OBJECT',
                         'ChecksumCRC32': checksum.encode(crc)}})
        return answer, crc

    @property
    def _count(self) -> int:
        return -(-self.file.size // self._part_size)

    def _range(self, number: int) -> tuple[int, int]:
        """Return offset and length of a part."""
        offset = (number - 1) * self._part_size
        return offset, min(self._part_size, self.file.size - offset)

    def _send_part(self, number: int) -> Part:
        self._means.throttle.check_not_paused()
        offset, size = self._range(number)
        features = self._means.features
        crc = self._sum(number, with_md5=not features.has(KEPT_SUMS))
        body = FilePart(self.file, offset, size, self._means.throttle, self._on_sent)
        # Of a server that keeps no CRC-32s, what is needed for the proof is sent along.
        md5 = content_md5(self._md5s[number]) if number in self._md5s else {}
        try:
            answer = features.call(
                'upload_part', self.key,
                {'UploadId': self.upload_id, 'PartNumber': number, 'Body': body, **md5},
                {PART_SUMS: {'ChecksumCRC32': checksum.encode(crc)}},
                instead={PART_SUMS: lambda: content_md5(self._md5(number))})
        except FlightlogError:
            body.take_back()
            raise
        if 'ChecksumCRC32' not in answer:
            # Then the object's ETag has to prove it, which is made of the MD5s of the parts.
            features.note_missing(KEPT_SUMS)
        part = Part(number, size, crc, answer['ETag'])
        self._journal.acknowledged(part)
        self._told.append(size)
        self.has_gained = True
        return part

    def _sum(self, number: int, *, with_md5: bool) -> int:
        """Return the CRC-32 of the part as it is in the file; keep its MD5, if wanted."""
        sums = self.file.sums(*self._range(number), with_md5=with_md5)
        if sums.md5 is not None:
            self._md5s[number] = sums.md5
        return sums.crc32

    def _md5(self, number: int) -> bytes:
        if number not in self._md5s:
            self._md5s[number] = self.file.md5(*self._range(number))
        return self._md5s[number]

    def _etag(self) -> str:
        """Return the ETag that the object should get; empty where the server keeps CRC-32s."""
        if self._means.features.has(KEPT_SUMS):
            return ''
        return checksum.etag_of([self._md5(n) for n in range(1, self._count + 1)], in_parts=True)

    def _check_earlier(self) -> None:
        with_md5 = not self._means.features.has(KEPT_SUMS)
        for number in sorted(self._earlier):
            self._means.throttle.check_not_paused()
            if self._sum(number, with_md5=with_md5) != self._parts[number].crc32:
                raise PartsOutdated(f'{self.file.shown} was written to after a part of it was'
                                    ' sent')

    def _compare_with_s3(self) -> None:
        """Believe S3, where it may be asked, rather than the journal."""
        if not self._means.features.has(LISTED_PARTS):
            return
        try:
            listed = {entry['PartNumber']: entry for entry in self._listed()}
        except (NotAllowed, InvalidRequest, StorageError) as error:
            if type(error) not in (NotAllowed, InvalidRequest, StorageError, NotSupported):
                raise
            _log.debug('%s: which parts are up cannot be asked: %s', self.key, error)
            self._means.features.note_missing(LISTED_PARTS)
            return
        known, self._parts = self._parts, {}
        for number in sorted(n for n in listed if 1 <= n <= self._count):
            part = known.get(number)
            if part and _bare(part.etag) == _bare(listed[number].get('ETag', '')):
                self._parts[number] = part
            elif adopted := self._adopted(number, listed[number]):
                self._parts[number] = adopted
                self._journal.acknowledged(adopted)

    def _listed(self) -> Iterator[dict[str, Any]]:
        marker = 0
        for _ in range(MAX_PARTS):
            answer = self._means.client.call(
                'list_parts', key=self.key, UploadId=self.upload_id, MaxParts=_PARTS_PER_PAGE,
                PartNumberMarker=marker)
            entries = answer.get('Parts', [])
            yield from entries
            last = entries[-1]['PartNumber'] if entries else 0
            if not answer.get('IsTruncated') or last <= marker:
                return
            marker = last

    def _adopted(self, number: int, entry: dict[str, Any]) -> Optional[Part]:
        """Return a part whose acknowledgement was lost, if it is that of the file."""
        offset, size = self._range(number)
        if entry.get('Size') != size:
            return None
        sums = self.file.sums(offset, size, with_md5=True)
        told = entry.get('ChecksumCRC32')
        is_same = (told == checksum.encode(sums.crc32) if told
                   else sums.md5 is not None and _bare(entry.get('ETag', '')) == sums.md5.hex())
        return Part(number, size, sums.crc32, entry['ETag']) if is_same else None


def content_md5(digest: bytes) -> dict[str, str]:
    """Return the checksum that every server has known from the first day."""
    return {'ContentMD5': base64.b64encode(digest).decode('ascii')}


def is_made_of(etag: str, progress: Progress, file_size: int) -> bool:
    """Tell whether an object's ETag is that of a completed upload, as far as it can be told."""
    parts = sorted(progress.parts, key=lambda part: part.number)
    try:
        md5s = [bytes.fromhex(_bare(part.etag)) for part in parts]
    except ValueError:
        return False
    return (sum(part.size for part in parts) == file_size
            and etag == checksum.etag_of(md5s, in_parts=True))


def _bare(etag: str) -> str:
    return etag.strip('"')
