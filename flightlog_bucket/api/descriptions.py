"""What the OpenAPI description tells of the REST API."""
from typing import Any, Optional

from fastapi import Response
from flightlog_bucket.logs.formats import BAG_METADATA, BAG_WAL, FORMATS
from pydantic import BaseModel

CONTENT_TYPES = frozenset(
    log_format.content_type for log_format in (*FORMATS, BAG_METADATA, BAG_WAL))
"""Of logs; what is of another type is sent as ``application/octet-stream``."""


class Failure(BaseModel):
    """What went wrong."""

    error: str
    status: int


class StoredLog(BaseModel):
    """A log that is in the bucket, its checksum verified."""

    success: bool
    status: int
    s3_key: str
    file_url: str
    file_size: int
    content_type: str
    already_stored: bool
    verdict: str
    verdict_reason: str


class ListedFile(BaseModel):
    """An object in the bucket."""

    key: str
    size: int
    last_modified: str
    url: str


class ListedFiles(BaseModel):
    """One page of a listing, or all of it; ``next_token`` asks for the next one."""

    success: bool
    status: int
    files: list[ListedFile]
    count: int
    next_token: Optional[str]


class DeletedLog(BaseModel):
    """The object that is gone."""

    success: bool
    status: int
    s3_key: str


class Credentials(BaseModel):
    """How the session token stands: none, valid, expired or failed."""

    state: str
    expires_in_s: Optional[float]
    error: str


class BucketInfo(BaseModel):
    """How the connection is set."""

    success: bool
    status: int
    bucket_name: str
    region: str
    endpoint_url: Optional[str]
    upload_prefix: str
    robot_instance_id: str
    machine_prefix: str
    session_token_url: str
    allowed_extensions: list[str]
    max_file_size: int
    validation_level: str
    upload_corrupt: bool
    request_timeout: float
    credentials: Credentials


class AcceptedLog(BaseModel):
    """A log that is kept on the robot until it is stored; ``transfer_id`` is its ``id`` there."""

    success: bool
    status: int
    transfer_id: int


_MEANINGS = {
    400: 'a value, a name or a log that cannot be meant',
    401: 'no session token is to be had, or S3 does not accept it',
    403: "another machine's, or the policy of the session token does not allow it",
    404: 'there is no such log, or no such bucket',
    409: 'the log changed meanwhile, or all its keys are taken',
    413: 'the log is too large',
    416: 'the log has no byte of the range',
    422: 'the log is of its format, and damaged',
    499: 'the call was stopped',
    500: 'internal error: a mistake of this software',
    502: 'S3, or the session-token service, gave an answer that it should not',
    503: 'S3 cannot be reached, or there is too much to do; try again later',
    507: 'the disk has no room, or cannot be written'}
_OF_NETWORK = (400, 401, 403, 404, 499, 500, 502, 503)


def _failures(*statuses: int) -> dict[int, Any]:
    return {status: {'model': Failure, 'description': _MEANINGS[status]}
            for status in sorted(statuses)}


def _described(model: type[BaseModel], description: str, *failures: int) -> dict[str, Any]:
    """
    Return what a route with a result is made of.

    ``default`` keeps FastAPI from telling of its own error 422, which is answered with 400.
    """
    return {'responses': {200: {'model': model, 'description': description},
                          **_failures(*failures),
                          'default': {'model': Failure, 'description': 'any other error'}}}


def _content(description: str) -> dict[str, Any]:
    binary = {'schema': {'type': 'string', 'format': 'binary'}}
    return {'description': description,
            'content': dict.fromkeys(sorted(CONTENT_TYPES), binary)}


UPLOAD = _described(StoredLog, 'the log is stored', *_OF_NETWORK, 409, 413, 422, 507)
UPLOAD['responses'][202] = {'model': AcceptedLog,
                            'description': 'the log is accepted (enqueue_only); until it is'
                                           ' stored, GET /robot/transfers shows it by this id'}
UPLOAD['openapi_extra'] = {'requestBody': {'required': True, 'content': {
    'multipart/form-data': {'schema': {
        'type': 'object', 'required': ['file'], 'additionalProperties': False, 'properties': {
            'file': {'type': 'string', 'format': 'binary', 'description': 'a finished log'},
            'custom_filename': {'type': 'string', 'description':
                                "the name that the object gets; default: the file's own"},
            'last_modified': {'type': 'number', 'minimum': 0, 'description':
                              'when the file was written, in seconds since 1970: the time in the'
                              ' key, where the log itself does not tell its start'},
            'enqueue_only': {'type': 'boolean', 'description':
                             'answer as soon as the log is accepted safely (202)'}}}}}}}
LIST = _described(ListedFiles, 'the logs of this machine', *_OF_NETWORK)
DELETE = _described(DeletedLog, 'the log is gone from the bucket', *_OF_NETWORK)
INFO = _described(BucketInfo, 'how the connection is set', 500, 503)
DOWNLOAD: dict[str, Any] = {
    'response_class': Response,
    'responses': {
        **_described(Failure, '', *_OF_NETWORK, 416)['responses'],
        200: _content('the log'), 206: _content('the part that the header Range asks for')},
    'openapi_extra': {'parameters': [
        {'name': name, 'in': 'header', 'required': False, 'schema': {'type': 'string'},
         'description': description} for name, description in (
             ('Range', 'one range of bytes; anything else: the whole log'),
             ('If-Range', 'ETag or date of the log that Range is meant for'))]}}
