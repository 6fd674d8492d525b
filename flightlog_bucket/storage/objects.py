"""One object in the bucket: look it up, list, delete, and prove what it holds."""
from collections.abc import Callable
from dataclasses import dataclass
import hashlib
import logging
import re
from typing import Any, Optional
import zlib

from flightlog_bucket.errors import FlightlogError, NotAllowed, ObjectNotFound, StorageError
from flightlog_bucket.results import DescribedFile, Listing, StoredFile
from flightlog_bucket.storage import checksum
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.log_metadata import content_in

_log = logging.getLogger(__name__)

MAX_KEYS_PER_PAGE = 1000
PART_SIZE = 'part-size'
"""Metadata of an object that went up in parts: their size in bytes, which its ETag depends on."""

_MD5_ETAG = re.compile(r'[0-9a-f]{32}(-[0-9]+)?')
_SIZE = re.compile(r'[1-9][0-9]{0,12}')


@dataclass(frozen=True)
class ObjectHead:
    """
    What S3 tells of an object without sending it.

    :param size: bytes
    :param etag: without its quotes
    :param crc32: of the whole content; None where the server keeps none
    :param md5_part_size: the ETag is made of the MD5s of parts of so many bytes; 0: of that of
        the whole content; None: of neither, or that is not known
    :param is_encrypted: in a way that makes the ETag of something else
    """

    size: int
    etag: str
    crc32: Optional[int]
    md5_part_size: Optional[int]
    is_encrypted: bool = False

    @classmethod
    def of(cls, answer: dict[str, Any]) -> 'ObjectHead':
        """Take it from an answer of S3 to any request for one object."""
        etag = _etag(answer)
        is_encrypted = (answer.get('ServerSideEncryption', 'AES256') != 'AES256'
                        or 'SSECustomerAlgorithm' in answer)
        return cls(size=int(answer.get('ContentLength', 0)), etag=etag,
                   crc32=_whole_crc32(answer), is_encrypted=is_encrypted,
                   md5_part_size=None if is_encrypted else _md5_part_size(etag, answer))


class EtagMD5:
    """
    Makes of content the ETag that S3 gives to it where it is not encrypted.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html

    :param part_size: bytes of a part of the upload; 0: it went up in one request
    """

    def __init__(self, part_size: int) -> None:
        self._part_size = part_size
        self._room = part_size
        self._current = hashlib.md5(usedforsecurity=False)
        self._parts: list[bytes] = []

    def update(self, block: bytes) -> None:
        """Add the next bytes of the content."""
        while self._part_size and len(block) > self._room:
            self._current.update(block[:self._room])
            block = block[self._room:]
            self._parts.append(self._current.digest())
            self._current, self._room = hashlib.md5(usedforsecurity=False), self._part_size
        self._current.update(block)
        self._room -= len(block)

    def etag(self) -> str:
        """Return the ETag of all that was added."""
        if not self._part_size:
            return self._current.hexdigest()
        parts = [*self._parts, self._current.digest()]
        whole = hashlib.md5(b''.join(parts), usedforsecurity=False)
        return f'{whole.hexdigest()}-{len(parts)}'


class ObjectStore:
    """
    Requests for single objects and listings.

    :param client: of the bucket
    """

    def __init__(self, client: S3Client) -> None:
        self.client = client

    def head(self, key: str) -> Optional[ObjectHead]:
        """
        Look an object up; None if there is none.

        :raises FlightlogError: ``NotAllowed`` also where the policy hides that there is none
        """
        options = ({'ChecksumMode': 'ENABLED'}
                   if self.client.supports('head_object', 'ChecksumMode') else {})
        try:
            return ObjectHead.of(self.client.call('head_object', key=key, **options))
        except ObjectNotFound:
            return None

    def describe(self, key: str) -> DescribedFile:
        """
        Tell what is in the log that an object holds, by its metadata.

        :raises ObjectNotFound: if there is none
        """
        answer = self.client.call('head_object', key=key)
        file = StoredFile(key=key, size=int(answer.get('ContentLength', 0)),
                          last_modified=answer['LastModified'], url=self.client.url(key),
                          etag=_etag(answer))
        return DescribedFile(file, content_in(_metadata(answer)))

    def list_page(self, prefix: str, max_keys: int, continuation_token: str,
                  start_after: str = '') -> Listing:
        """
        Return one page of the objects whose keys begin with ``prefix``.

        :param prefix: a whole key prefix, in the machine's own folder
        :param max_keys: 1 to 1000
        :param continuation_token: ``next_token`` of the page before; empty: the first page
        :param start_after: a whole key that those on the first page come after; empty: all do
        """
        place = ({'ContinuationToken': continuation_token} if continuation_token
                 else {'StartAfter': start_after} if start_after else {})
        answer = self.client.call('list_objects_v2', Prefix=prefix, MaxKeys=max_keys, **place)
        files = tuple(
            StoredFile(key=found['Key'], size=found['Size'], last_modified=found['LastModified'],
                       url=self.client.url(found['Key']), etag=_etag(found))
            # A server that takes no notice of the token must not lead into another folder.
            for found in answer.get('Contents', ()) if found['Key'].startswith(prefix))
        more = answer.get('IsTruncated') and answer.get('NextContinuationToken')
        return Listing(files, more or '')

    def list_all(self, prefix: str, continuation_token: str,
                 check: Callable[[], None]) -> Listing:
        """
        Return all pages as one.

        :param prefix: as for ``list_page()``
        :param continuation_token: as for ``list_page()``
        :param check: is called between pages; raises if there are to be no more
        :raises StorageError: if the server would never come to an end
        """
        files: list[StoredFile] = []
        token, seen = continuation_token, set()
        while True:
            check()
            page = self.list_page(prefix, MAX_KEYS_PER_PAGE, token)
            files += page.files
            seen.add(token)
            token = page.next_token
            if not token:
                return Listing(tuple(files), '')
            if token in seen:
                raise StorageError('the S3 server lists the same page again and again; ask for'
                                   ' single pages, with max_keys')

    def delete(self, key: str) -> None:
        """
        Delete an object.

        :raises ObjectNotFound: if there is none; S3 itself would report success
        """
        if self.head(key) is None:
            self._check_bucket(key)
            raise ObjectNotFound(f'there is no {key!r} in the bucket; nothing was deleted')
        self.client.call('delete_object', key=key)

    def _check_bucket(self, key: str) -> None:
        """Raise ``BucketNotFound`` if that is why: the 404 of a HEAD does not say it."""
        try:
            self.list_page(key, 1, '')
        except NotAllowed as error:
            _log.debug('whether there is a bucket cannot be asked: %s', error)

    def holds(self, key: str, head: ObjectHead, file: LocalFile,
              check: Callable[[], None]) -> bool:
        """
        Tell whether an object has the content of a local file.

        By the CRC-32 that the server keeps and an ETag that is made of the content's MD5, as far
        as there are these; else by reading the object. A CRC-32 alone is not believed where the
        ETag contradicts it: some servers only repeat the one that the client told them.

        :param key: of the object
        :param head: what S3 tells of it
        :param file: the local file
        :param check: is called while the object is read; raises if it is not to be any more
        """
        if head.size != file.size:
            return False
        if head.crc32 is not None and head.crc32 != file.crc32():
            return False
        # What went up in parts is large, and its CRC-32 is no repetition: the parts' were sent.
        if head.crc32 is not None and head.md5_part_size != 0:
            return True
        if head.md5_part_size is not None and head.etag == file.etag(head.md5_part_size):
            return True
        return self._read_crc32(key, file, check) == file.crc32()

    def _read_crc32(self, key: str, file: LocalFile, check: Callable[[], None]) -> int:
        crc = 0
        for block in self.client.blocks(self.client.call('get_object', key=key)['Body']):
            file.check_not_cancelled()
            check()
            crc = zlib.crc32(block, crc)
        return crc


def learn_part_size(client: S3Client, key: str, head: ObjectHead) -> Optional[int]:
    """
    Ask for the size of an object's first part, in bytes; None if its ETag cannot be made of it.

    :param client: of the bucket
    :param key: of the object
    :param head: what S3 tells of it
    """
    match = _MD5_ETAG.fullmatch(head.etag)
    if (not match or not match.group(1) or head.is_encrypted
            or not client.supports('head_object', 'PartNumber')):
        return None
    try:
        size = int(client.call('head_object', key=key, PartNumber=1).get('ContentLength', 0))
    except FlightlogError as error:
        _log.debug('%s: the size of its parts cannot be asked: %s', key, error)
        return None
    # A server that knows no parts tells the size of the whole.
    return size if size > 0 and -(-head.size // size) == int(match.group(1)[1:]) else None


def _etag(answer: dict[str, Any]) -> str:
    return str(answer.get('ETag', '')).strip('"')


def _metadata(answer: dict[str, Any]) -> dict[str, str]:
    # Header names have no case, and some servers write them in their own.
    return {str(name).lower(): str(value)
            for name, value in answer.get('Metadata', {}).items()}


def _md5_part_size(etag: str, answer: dict[str, Any]) -> Optional[int]:
    match = _MD5_ETAG.fullmatch(etag)
    if not match:
        return None
    if not match.group(1):
        return 0
    told = _metadata(answer).get(PART_SIZE, '')
    return int(told) if _SIZE.fullmatch(told) else None


def _whole_crc32(answer: dict[str, Any]) -> Optional[int]:
    """Return the CRC-32 of a whole object; None if S3 tells none, or one made of the parts'."""
    if answer.get('ChecksumType', 'FULL_OBJECT') != 'FULL_OBJECT':
        return None
    try:
        return checksum.decode(answer['ChecksumCRC32'])
    except (KeyError, ValueError):
        return None
