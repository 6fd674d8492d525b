"""What an error code of S3 means here, to which object it happened, and what to do."""
from collections.abc import Callable

from flightlog_bucket.errors import (
    AuthenticationFailed,
    BucketNotFound,
    ChecksumMismatch,
    FileTooLarge,
    FlightlogError,
    InvalidRequest,
    MetadataTooLarge,
    NotAllowed,
    NotS3,
    NotSupported,
    ObjectExists,
    ObjectNotFound,
    StorageError,
    TokenRefused,
    Unavailable,
    UploadNotFound,
)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
TOKEN_CODES = frozenset((
    'ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'TokenRefreshRequired',
    'InvalidAccessKeyId', 'InvalidClientTokenId', 'UnrecognizedClientException',
    'SignatureDoesNotMatch', 'InvalidSecurity', 'AuthFailure'))
_DENIED_CODES = frozenset((
    'AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'Forbidden', 'UnauthorizedAccess'))
_DIGEST_CODES = frozenset((
    'BadDigest', 'InvalidDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch',
    'XAmzContentChecksumMismatch', 'InvalidPart'))
_REGION_CODES = frozenset((
    'PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'))
_BUSY_CODES = frozenset((
    'SlowDown', 'ServiceUnavailable', 'InternalError', 'RequestTimeout', 'OperationAborted',
    'ConditionalRequestConflict', 'RequestLimitExceeded', 'Throttling', 'ThrottlingException',
    'TooManyRequests', 'BandwidthLimitExceeded', 'QuotaExceeded', 'XMinioStorageFull'))

# Their arguments come from the settings and the server, none from whoever asks for an upload.
_SENDING = frozenset((
    'put_object', 'create_multipart_upload', 'upload_part', 'complete_multipart_upload',
    'abort_multipart_upload'))

# Of these a 404 of S3 itself means the bucket or the upload, and its code tells which.
_NEEDS_NO_OBJECT = _SENDING - {'abort_multipart_upload'} | {'list_parts', 'list_objects_v2'}

MAX_MESSAGE_CHARACTERS = 300


def failure(operation: str, *, code: str, http_status: int, message: str, bucket: str,
            key: str, redacted: Callable[[str], str] = str) -> FlightlogError:
    """
    Return the error for an answer of S3.

    :param operation: of boto3's client, e.g. ``put_object``
    :param code: of the answer, or the HTTP status as text where it had no body
    :param http_status: of the answer
    :param message: S3's own words
    :param bucket: the bucket's name
    :param key: the object's; empty for calls on the bucket
    :param redacted: takes what is secret out of S3's own words
    """
    where = f'{key!r} in bucket {bucket!r}' if key else f'bucket {bucket!r}'
    said = _one_line(redacted(code or f'HTTP {http_status}'), redacted(message))
    # An answer to HEAD has no body, so its status is all there is; S3 gives 400 for an expired
    # token there.
    if code in TOKEN_CODES or (operation == 'head_object' and http_status == 400):
        return TokenRefused(f'S3 does not accept the session token for {where} ({said}); check'
                            ' the session-token service')
    if code == 'RequestTimeTooSkewed':
        return AuthenticationFailed('the clock of this computer is more than 15 minutes off, so'
                                    f' that S3 refuses every request ({said}); set the clock')
    if code == 'NoSuchBucket':
        return BucketNotFound(f'there is no bucket {bucket!r}; check bucket_name, region and'
                              ' endpoint_url')
    if code == 'NoSuchUpload':
        return UploadNotFound(f'S3 does not know the multipart upload of {where} any more')
    if operation == 'get_object' and http_status == 412:
        return ChecksumMismatch(f'{where} was replaced while it was read; try again')
    if code == 'EntityTooLarge':
        return FileTooLarge(f'S3 takes no object as large as {where} ({said})')
    if code in _DIGEST_CODES:
        return ChecksumMismatch(f'the bytes of {where} did not arrive as they were sent ({said})')
    if code in _REGION_CODES:
        return StorageError(f'bucket {bucket!r} is in another region ({said}); set region')
    if code in _BUSY_CODES:
        return Unavailable(f'S3 cannot take the request for {where} now ({said})')
    return _by_status(operation, http_status, code, where, said)


def _by_status(operation: str, http_status: int, code: str, where: str,
               said: str) -> FlightlogError:
    if code == 'MetadataTooLarge':
        return MetadataTooLarge(f'the S3 server does not take the metadata of {where} ({said})')
    if code == 'NotImplemented' or http_status == 501:
        return NotSupported(f'this S3 server cannot do what was asked for {where} ({said})')
    if code in _DENIED_CODES or http_status in (401, 403):
        return NotAllowed(f'the session token does not allow this for {where} ({said}); compare'
                          ' its policy with the one in the README')
    if http_status == 404 and operation in _NEEDS_NO_OBJECT:
        return (StorageError(f'S3 refuses the request for {where} ({said})')
                if code == 'NoSuchKey' else
                NotS3(f'what answered {operation} for {where} is not S3, or a gateway whose'
                      f' server is away ({said})'))
    if code == 'NoSuchKey' or http_status == 404:
        return ObjectNotFound(f'there is no {where}')
    if code == 'PreconditionFailed' or http_status == 412:
        return ObjectExists(f'there is {where} already')
    if http_status == 429 or http_status >= 500:
        return Unavailable(f'S3 cannot take the request for {where} now ({said})')
    if code == 'InvalidArgument' and operation not in _SENDING:
        return InvalidRequest(f'S3 refuses an argument for {where} ({said})')
    return StorageError(f'S3 refuses the request for {where} ({said})')


def _one_line(code: str, message: str) -> str:
    text = f'{code}: {message}' if message else code
    return ''.join(c if c.isprintable() else ' ' for c in text)[:MAX_MESSAGE_CHARACTERS]
