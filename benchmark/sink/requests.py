"""What the sink answers: as S3, as far as uploads and downloads of single objects go."""
import base64
from collections.abc import Mapping
from email.utils import formatdate
import json
import re
from types import MappingProxyType
import uuid
from xml.sax.saxutils import escape

from benchmark.sink.connection import Connection, Head
from benchmark.sink.records import Record, Records

TOKEN_PATH = '/session-token'  # noqa: S105 - where one is fetched
ACCESS_KEY_ID, SECRET_ACCESS_KEY = 'benchmarkaccesskey', 'benchmark-secret-access-key'

_CHECKSUM = re.compile(r'x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)')
_TRAILER = re.compile(rb'(x-amz-checksum-[a-z0-9]+):([A-Za-z0-9+/=]+)')
_RANGE = re.compile(r'bytes=(\d+)-(\d*)')
_MODIFIED = formatdate(1_753_626_622, usegmt=True)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_ELEMENTS = {'crc32': 'ChecksumCRC32', 'crc32c': 'ChecksumCRC32C', 'sha1': 'ChecksumSHA1',
             'crc64nvme': 'ChecksumCRC64NVME', 'sha256': 'ChecksumSHA256',
             'type': 'ChecksumType'}


def serve(connection: Connection, records: Records) -> None:
    """Answer the requests of a connection until the client hangs up."""
    while head := connection.read_head():
        _Answer(connection, records, head).send()


class _Answer:
    """The answer to one request."""

    def __init__(self, connection: Connection, records: Records, head: Head) -> None:
        self._connection = connection
        self._records = records
        self._head = head
        _, _, self._bucket_and_key = head.path.partition('/')
        self._bucket, _, self._key = self._bucket_and_key.partition('/')
        self._common = {'Server': 'sink', 'Date': formatdate(usegmt=True),
                        'x-amz-request-id': uuid.uuid4().hex[:16].upper()}

    def send(self) -> None:
        """Read the rest of the request, and answer."""
        method, query = self._head.method, self._head.query
        if self._head.path == TOKEN_PATH:
            self._send_token()
        elif method == 'PUT':
            self._put(query)
        elif method == 'POST' and 'uploads' in query:
            self._begin()
        elif method == 'POST' and 'uploadId' in query:
            self._complete(query['uploadId'])
        elif method == 'DELETE':
            self._delete(query)
        elif method in ('GET', 'HEAD'):
            self._get(is_head=method == 'HEAD')
        else:
            self._connection.discard_body(self._head)
            self._refuse(400, 'InvalidRequest')

    def _send_token(self) -> None:
        self._connection.discard_body(self._head)
        token = {'accessKeyId': ACCESS_KEY_ID, 'secretAccessKey': SECRET_ACCESS_KEY,
                 'sessionToken': 'any'}
        self._connection.answer(200, {**self._common, 'Content-Type': 'application/json'},
                                json.dumps(token).encode())

    def _put(self, query: Mapping[str, str]) -> None:
        tail = self._connection.discard_body(self._head)
        checksums = self._checksums()
        checksums.update({name.decode(): value.decode()
                          for name, value in _TRAILER.findall(tail)})
        # A client that sends the MD5 of the content can compare it with the ETag.
        told = self._head.headers.get('content-md5')
        etag = base64.b64decode(told).hex() if told else f'{uuid.uuid4().hex}-1'
        if self._key and 'partNumber' in query:
            self._records.note_part(query['uploadId'], int(query['partNumber']),
                                    self._head.decoded_length)
        elif self._key:
            self._records.put(self._key, Record(
                self._head.decoded_length, etag, self._of_object(),
                {**checksums, 'x-amz-checksum-type': 'FULL_OBJECT'}))
        self._connection.answer(200, {**self._common, **checksums, 'ETag': f'"{etag}"'})

    def _begin(self) -> None:
        self._connection.read_body(self._head)
        upload_id = self._records.begin(self._of_object())
        asked = {name: self._head.headers[name] for name in
                 ('x-amz-checksum-algorithm', 'x-amz-checksum-type') if name in self._head.headers}
        self._send_xml('InitiateMultipartUploadResult', {
            'Bucket': self._bucket, 'Key': self._key, 'UploadId': upload_id}, asked)

    def _complete(self, upload_id: str) -> None:
        self._connection.read_body(self._head)
        checksums = self._checksums()
        try:
            record = self._records.complete(self._key, upload_id, checksums)
        except FileNotFoundError:
            self._refuse(404, 'NoSuchUpload')
            return
        told = {_ELEMENTS[name.rpartition('-')[2]]: value for name, value in checksums.items()}
        self._send_xml('CompleteMultipartUploadResult', {
            'Location': f'/{self._bucket_and_key}', 'Bucket': self._bucket, 'Key': self._key,
            'ETag': f'"{record.etag}"', **told})

    def _delete(self, query: Mapping[str, str]) -> None:
        self._connection.discard_body(self._head)
        if 'uploadId' in query:
            self._records.abort(query['uploadId'])
        else:
            self._records.remove(self._key)
        self._connection.answer(204, self._common)

    def _get(self, *, is_head: bool) -> None:
        self._connection.discard_body(self._head)
        if not self._key:
            self._send_xml('ListBucketResult', {'Name': self._bucket, 'KeyCount': '0',
                                                'MaxKeys': '1000', 'IsTruncated': 'false'})
            return
        record = self._records.find(self._key)
        if record is None or not (is_head or record.path):
            self._refuse(404, 'NoSuchKey')
            return
        headers = {**self._common, **record.headers, 'ETag': f'"{record.etag}"',
                   'Last-Modified': _MODIFIED, 'Accept-Ranges': 'bytes'}
        wanted = _RANGE.fullmatch(self._head.headers.get('range', ''))
        if wanted is None and self._head.headers.get('x-amz-checksum-mode'):
            headers.update(record.checksums)
        begin = int(wanted.group(1)) if wanted else 0
        end = min(record.size, int(wanted.group(2)) + 1) if wanted and wanted.group(2) \
            else record.size
        if begin > end:
            self._refuse(416, 'InvalidRange')
            return
        if wanted:
            headers['Content-Range'] = f'bytes {begin}-{end - 1}/{record.size}'
        status = 206 if wanted else 200
        if is_head:
            self._connection.answer(status, {**headers, 'Content-Length': str(end - begin)})
        else:
            self._connection.answer_file(status, headers, record.file, begin, end)

    def _of_object(self) -> dict[str, str]:
        """Return the headers that the object keeps."""
        return {name: value for name, value in self._head.headers.items()
                if name == 'content-type' or name.startswith('x-amz-meta-')}

    def _checksums(self) -> dict[str, str]:
        return {name: value for name, value in self._head.headers.items()
                if _CHECKSUM.fullmatch(name) or name == 'x-amz-checksum-type'}

    def _send_xml(self, name: str, content: Mapping[str, str],
                  headers: Mapping[str, str] = MappingProxyType({})) -> None:
        inner = ''.join(f'<{n}>{escape(v)}</{n}>' for n, v in content.items())
        body = f'{_XML}<{name} {_NAMESPACE}>{inner}</{name}>'.encode()
        is_head = self._head.method == 'HEAD'
        self._connection.answer(
            200, {**self._common, **headers, 'Content-Type': 'application/xml',
                  'Content-Length': str(len(body))}, b'' if is_head else body)

    def _refuse(self, status: int, code: str) -> None:
        body = f'{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>'.encode()
        is_head = self._head.method == 'HEAD'
        self._connection.answer(
            status, {**self._common, 'Content-Type': 'application/xml',
                     'Content-Length': str(len(body))}, b'' if is_head else body)
