"""One object in the bucket: look it up, list, delete, and prove what it holds."""
from dataclasses import dataclass
import hashlib
import re
from typing import Any, Optional
import zlib

from flightlog_bucket.errors import ObjectNotFound
from flightlog_bucket.results import Listing, StoredFile
from flightlog_bucket.storage import checksum
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.local_file import LocalFile

MAX_KEYS_PER_PAGE = 1000

_MD5_ETAG = re.compile(r'[0-9a-f]{32}(-[0-9]+)?')


@dataclass(frozen=True)
class ObjectHead:
    """
    What S3 tells of an object without sending it.

    :param size: bytes
    :param etag: without its quotes
    :param etag_is_md5: whether that is made of the content's MD5
    :param crc32: of the whole content; None where the server keeps none
    """

    size: int
    etag: str
    etag_is_md5: bool
    crc32: Optional[int]

    @classmethod
    def of(cls, answer: dict[str, Any]) -> 'ObjectHead':
        """Take it from an answer of S3 to any request for one object."""
        etag = str(answer.get('ETag', '')).strip('"')
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html, ETag
        encrypted = (answer.get('ServerSideEncryption', 'AES256') != 'AES256'
                     or 'SSECustomerAlgorithm' in answer)
        return cls(size=int(answer.get('ContentLength', 0)), etag=etag,
                   etag_is_md5=bool(_MD5_ETAG.fullmatch(etag)) and not encrypted,
                   crc32=_whole_crc32(answer))


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

    def list_page(self, prefix: str, max_keys: int, continuation_token: str) -> Listing:
        """
        Return one page of the objects whose keys begin with ``prefix``.

        :param prefix: a whole key prefix, in the machine's own folder
        :param max_keys: 1 to 1000
        :param continuation_token: ``next_token`` of the page before; empty: the first page
        """
        token = {'ContinuationToken': continuation_token} if continuation_token else {}
        answer = self.client.call('list_objects_v2', Prefix=prefix, MaxKeys=max_keys, **token)
        files = tuple(
            StoredFile(key=found['Key'], size=found['Size'], last_modified=found['LastModified'],
                       url=self.client.url(found['Key']))
            # A server that takes no notice of the token must not lead into another folder.
            for found in answer.get('Contents', ()) if found['Key'].startswith(prefix))
        more = answer.get('IsTruncated') and answer.get('NextContinuationToken')
        return Listing(files, more or '')

    def delete(self, key: str) -> None:
        """
        Delete an object.

        :raises ObjectNotFound: if there is none; S3 itself would report success
        """
        if self.head(key) is None:
            raise ObjectNotFound(f'there is no {key!r} in the bucket; nothing was deleted')
        self.client.call('delete_object', key=key)

    def holds(self, key: str, head: ObjectHead, file: LocalFile, part_size: int) -> bool:
        """
        Tell whether an object has the content of a local file.

        By the CRC-32 that the server keeps; else by an ETag that is made of the content's MD5;
        else by reading the object. What cannot be proved is not believed: a captive portal
        answers 200 to everything.

        :param key: of the object
        :param head: what S3 tells of it
        :param file: the local file
        :param part_size: bytes of a part, if it went up in parts
        """
        if head.size != file.size:
            return False
        if head.crc32 is not None:
            return head.crc32 == file.crc32()
        if head.etag_is_md5 and head.etag == _md5_etag(file, part_size, '-' in head.etag):
            return True
        return self._read_crc32(key) == file.crc32()

    def _read_crc32(self, key: str) -> int:
        crc = 0
        for block in self.client.blocks(self.client.call('get_object', key=key)['Body']):
            crc = zlib.crc32(block, crc)
        return crc


def _md5_etag(file: LocalFile, part_size: int, in_parts: bool) -> str:
    """Return the ETag that S3 gives to unencrypted content."""
    if not in_parts:
        return file.md5().hex()
    digests = [file.md5(offset, min(part_size, file.size - offset))
               for offset in range(0, file.size, part_size)]
    whole = hashlib.md5(b''.join(digests), usedforsecurity=False)
    return f'{whole.hexdigest()}-{len(digests)}'


def _whole_crc32(answer: dict[str, Any]) -> Optional[int]:
    """Return the CRC-32 of a whole object; None if S3 tells none, or one made of the parts'."""
    if answer.get('ChecksumType', 'FULL_OBJECT') != 'FULL_OBJECT':
        return None
    try:
        return checksum.decode(answer['ChecksumCRC32'])
    except (KeyError, ValueError):
        return None
