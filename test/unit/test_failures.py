"""What S3 says, and the error that it becomes."""
from flightlog_bucket.errors import (
    AuthenticationFailed,
    BucketNotFound,
    ChecksumMismatch,
    FileTooLarge,
    FlightlogError,
    InvalidRequest,
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
from flightlog_bucket.storage.failures import failure, TOKEN_CODES
from hypothesis import given
from hypothesis import strategies as st
import pytest

KEY = 'flight_logs/drone-1/20250727_143022_x.ulg'


def failed(operation: str, code: str, http_status: int, message: str = 'said S3',
           key: str = KEY) -> FlightlogError:
    return failure(operation, code=code, http_status=http_status, message=message, bucket='logs',
                   key=key)


@pytest.mark.parametrize('operation, code, http_status, error, says', [
    # the session token
    ('put_object', 'ExpiredToken', 400, TokenRefused, 'check the session-token service'),
    ('put_object', 'InvalidToken', 400, TokenRefused, 'does not accept the session token'),
    ('put_object', 'InvalidAccessKeyId', 403, TokenRefused, 'InvalidAccessKeyId: said S3'),
    ('get_object', 'SignatureDoesNotMatch', 403, TokenRefused, 'session token'),
    ('upload_part', 'InvalidClientTokenId', 403, TokenRefused, 'session token'),
    ('list_objects_v2', 'TokenRefreshRequired', 400, TokenRefused, 'session token'),
    ('head_object', '400', 400, TokenRefused, 'does not accept the session token'),
    ('put_object', 'RequestTimeTooSkewed', 403, AuthenticationFailed, 'set the clock'),
    # the policy
    ('put_object', 'AccessDenied', 403, NotAllowed, 'compare its policy'),
    ('head_object', '403', 403, NotAllowed, 'does not allow this'),
    ('head_object', 'Forbidden', 403, NotAllowed, 'does not allow this'),
    ('get_object', 'AllAccessDisabled', 403, NotAllowed, 'does not allow this'),
    ('get_object', 'SomethingNew', 403, NotAllowed, 'SomethingNew: said S3'),
    ('get_object', 'SomethingNew', 401, NotAllowed, 'does not allow this'),
    # what is not there, and what is
    ('get_object', 'NoSuchKey', 404, ObjectNotFound, f'there is no {KEY!r} in bucket'),
    ('head_object', '404', 404, ObjectNotFound, f'there is no {KEY!r}'),
    ('head_object', 'NotFound', 404, ObjectNotFound, f'there is no {KEY!r}'),
    ('put_object', '404', 404, NotS3, 'a gateway whose server is away (404'),
    ('list_parts', '404', 404, NotS3, 'is not S3'),
    ('list_objects_v2', '404', 404, NotS3, 'is not S3'),
    ('upload_part', 'NoSuchKey', 404, StorageError, 'refuses the request'),
    ('put_object', 'NoSuchBucket', 404, BucketNotFound, 'check bucket_name, region and endpoint'),
    ('upload_part', 'NoSuchUpload', 404, UploadNotFound, 'any more'),
    ('put_object', 'PreconditionFailed', 412, ObjectExists, 'already'),
    ('complete_multipart_upload', 'PreconditionFailed', 412, ObjectExists, 'already'),
    ('head_object', '412', 412, ObjectExists, 'already'),
    ('get_object', 'PreconditionFailed', 412, ChecksumMismatch, 'was replaced while it was read'),
    # the bytes
    ('put_object', 'BadDigest', 400, ChecksumMismatch, 'did not arrive as they were sent'),
    ('put_object', 'IncompleteBody', 400, ChecksumMismatch, 'did not arrive'),
    ('put_object', 'XAmzContentSHA256Mismatch', 400, ChecksumMismatch, 'did not arrive'),
    ('complete_multipart_upload', 'InvalidPart', 400, ChecksumMismatch, 'did not arrive'),
    ('put_object', 'EntityTooLarge', 400, FileTooLarge, 'no object as large'),
    # the server
    ('put_object', 'PermanentRedirect', 301, StorageError, 'in another region'),
    ('get_object', 'AuthorizationHeaderMalformed', 400, StorageError, 'set region'),
    ('put_object', 'NotImplemented', 501, NotSupported, 'cannot do what was asked'),
    ('put_object', 'SomethingNew', 501, NotSupported, 'cannot do'),
    ('put_object', 'SlowDown', 503, Unavailable, 'cannot take the request'),
    ('put_object', 'InternalError', 500, Unavailable, 'cannot take'),
    ('put_object', 'InternalError', 200, Unavailable, 'cannot take'),
    ('put_object', 'RequestTimeout', 400, Unavailable, 'cannot take'),
    ('put_object', 'OperationAborted', 409, Unavailable, 'cannot take'),
    ('put_object', 'ConditionalRequestConflict', 409, Unavailable, 'cannot take'),
    ('put_object', 'SomethingNew', 429, Unavailable, 'cannot take'),
    ('head_object', '503', 503, Unavailable, 'cannot take'),
    ('put_object', 'XMinioStorageFull', 507, Unavailable, 'XMinioStorageFull'),
    ('list_objects_v2', 'InvalidArgument', 400, InvalidRequest, 'refuses an argument'),
    ('put_object', 'InvalidArgument', 400, StorageError, 'InvalidArgument: said S3'),
    ('upload_part', 'InvalidArgument', 400, StorageError, 'InvalidArgument: said S3'),
    ('put_object', 'SomethingNew', 400, StorageError, 'SomethingNew: said S3'),
    ('put_object', '', 413, StorageError, 'HTTP 413'),
    ('put_object', 'SomethingNew', 409, StorageError, 'refuses the request'),
    ('put_object', '', 0, StorageError, 'refuses the request')])
def test_the_error_for_an_answer(operation, code, http_status, error, says):
    found = failed(operation, code, http_status)
    assert type(found) is error
    assert says in str(found)


@pytest.mark.parametrize('code', sorted(TOKEN_CODES))
def test_every_code_for_a_bad_token(code):
    assert type(failed('put_object', code, 403)) is TokenRefused


def test_an_error_names_the_bucket_where_there_is_no_key():
    assert "for bucket 'logs' now" in str(failed('list_objects_v2', 'SlowDown', 503, key=''))


@pytest.mark.parametrize('message', ['', 'two\nlines\x1b[2J', '\u202e', 'x' * 100_000])
@pytest.mark.parametrize('code', ['NewCode', 'New\nCode\x1b', 'X' * 100_000, ''])
def test_what_a_server_says_stays_one_short_line(code, message):
    said = str(failed('put_object', code, 400, message))
    assert said.isprintable()
    assert len(said) < 500


def test_what_is_secret_is_taken_out_before_the_message_is_cut():
    message = 'x' * 290 + 'hidden token'
    error = failure('put_object', code='hidden', http_status=400, message=message, bucket='logs',
                    key=KEY, redacted=lambda text: text.replace('hidden', '***'))
    assert '***: xxx' in str(error)
    assert 'hid' not in str(error)


@given(st.text(), st.integers(0, 999), st.text(), st.text(max_size=50),
       st.sampled_from(['put_object', 'head_object', 'get_object', 'list_objects_v2']))
def test_every_answer_becomes_an_error_of_the_tree(code, http_status, message, key, operation):
    found = failed(operation, code, http_status, message, key)
    assert isinstance(found, FlightlogError)
    assert 400 <= found.status < 600
    assert str(found).isprintable()


@pytest.mark.parametrize('code, http_status, retryable', [
    ('ExpiredToken', 400, True), ('AccessDenied', 403, True), ('NoSuchBucket', 404, True),
    ('SlowDown', 503, True), ('BadDigest', 400, True), ('RequestTimeTooSkewed', 403, True),
    ('PreconditionFailed', 412, False), ('EntityTooLarge', 400, False), ('NoSuchKey', 404, True),
    ('404', 404, True)])
def test_a_fault_that_does_not_lie_with_the_log_is_tried_again(code, http_status, retryable):
    assert failed('put_object', code, http_status).retryable is retryable
