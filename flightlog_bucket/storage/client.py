"""
Calls of boto3, one client for the life of the process, and what their errors mean.

Timing: a call ends within ``request_timeout_s`` as long as nothing moves on the wire. A third of
it is for a session token; half of it for connecting, for each piece of a body, and for an answer;
what fails at once is tried again for the first third.
"""
from collections.abc import Callable, Iterator
import logging
import random
import threading
import time
from typing import Any
from urllib.parse import quote

from botocore import exceptions as boto_errors
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from flightlog_bucket.errors import (
    Cancelled,
    ChecksumMismatch,
    FlightlogError,
    NotAllowed,
    NotS3,
    StorageError,
    TokenRefused,
    Unavailable,
)
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage.boto import make_client
from flightlog_bucket.storage.contact import Contact
from flightlog_bucket.storage.credentials import TokenKeeper
from flightlog_bucket.storage.failures import failure

_log = logging.getLogger(__name__)

# What has arrived of one read is lost where the connection breaks.
_READ_BYTES = 64 * 1024
_FIRST_DELAY_S = 0.1

# Parameters that older versions of boto3 do not know, but that are no more than a header.
_HEADERS = {'IfNoneMatch': 'If-None-Match', 'ChecksumType': 'x-amz-checksum-type'}

# Older versions of botocore check no answer themselves.
_WRONG_CHECKSUM = getattr(boto_errors, 'FlexibleChecksumError', ())

# What botocore lets out where it makes no sense of a header or an element, e.g. of a date.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)

# What no answer of S3 goes without: a captive portal answers 200 to everything.
_ALWAYS_TOLD = {
    'head_object': 'ETag', 'get_object': 'ETag', 'put_object': 'ETag', 'upload_part': 'ETag',
    'create_multipart_upload': 'UploadId', 'complete_multipart_upload': 'ETag',
    'list_objects_v2': 'Name'}


class S3Client:
    """
    Calls S3 for one bucket, with session tokens that renew themselves.

    ``contact`` knows how S3 has answered.

    :param settings: of the bucket
    :param tokens: keeps the session token
    :param clock: monotonic seconds
    """

    def __init__(self, settings: BucketSettings, tokens: TokenKeeper, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._bucket = settings.bucket_name
        self._secure = settings.is_secure
        self._timeout_s = settings.request_timeout_s
        self._tokens = tokens
        self._clock = clock
        self.contact = Contact(clock)
        self._closed = threading.Event()
        self._client, self._base_url = make_client(settings, tokens)
        self._added = threading.local()
        self._client.meta.events.register('before-call.s3', self._before_call)
        self._client.meta.events.register('before-call.s3.HeadBucket', self._before_head_bucket)
        config = self._client.meta.config
        self._without_hash = config.merge(Config(s3={**(config.s3 or {}),
                                                     'payload_signing_enabled': False}))
        self._takes_md5_for_hash = True

    def url(self, key: str) -> str:
        """Return the object's URL, percent-encoded; right for region, endpoint and style."""
        return self._base_url + quote(key, safe='/~')

    def supports(self, operation: str, parameter: str) -> bool:
        """Tell whether the parameter can be used with this version of boto3."""
        return parameter in _HEADERS or self._knows(operation, parameter)

    def _knows(self, operation: str, parameter: str) -> bool:
        name = self._client.meta.method_to_api_mapping[operation]
        return parameter in self._client.meta.service_model.operation_model(
            name).input_shape.members

    def close(self) -> None:
        """End waits between tries; calls that are on the wire end by themselves."""
        self._closed.set()

    def fetch_credentials(self) -> None:
        """
        Fetch a session token now, unless there is a valid one.

        :raises FlightlogError: as ``SessionTokenService.fetch()``
        """
        # Signing a URL takes credentials, and sends nothing.
        self._client.generate_presigned_url('head_bucket', Params={'Bucket': self._bucket})

    def call(self, operation: str, *, key: str = '', **parameters: Any) -> dict[str, Any]:
        """
        Call S3; try again what failed at once, and renew a session token that is refused.

        :param operation: of boto3's S3 client, e.g. ``put_object``
        :param key: the object's; empty for calls on the bucket
        :param parameters: the operation's other parameters
        :returns: boto3's answer
        :raises FlightlogError: whatever went wrong
        """
        deadline = self._clock() + self._timeout_s / 3
        delay_s = _FIRST_DELAY_S
        may_renew = True
        while True:
            # Where there is none yet, the request itself fetches the first.
            generation = self._tokens.generation or 1
            try:
                return self._request(operation, key, parameters)
            except TokenRefused:
                if not may_renew:
                    raise
                may_renew = False
                self._tokens.refuse(generation)
            except NotAllowed:
                # Some servers say no more than 403 of a token that has expired.
                if not may_renew or not self._tokens.replace(generation):
                    raise
                may_renew = False
            except (Unavailable, ChecksumMismatch) as error:
                if self._clock() + delay_s >= deadline:
                    raise
                _log.debug('%s, trying again: %s', operation, error)
                if self._closed.wait(random.uniform(delay_s / 2, delay_s)):  # noqa: S311
                    raise Cancelled(f'{operation} was stopped') from None
                delay_s *= 2

    def blocks(self, body: Any) -> Iterator[bytes]:
        """
        Yield the body of an answer as it arrives.

        :param body: ``Body`` of the answer to ``get_object``
        :raises Unavailable: if the connection breaks before its end
        :raises ChecksumMismatch: if what arrived is not what S3 stores
        """
        try:
            while block := body.read(_READ_BYTES):
                yield block
        except (BotoCoreError, OSError) as error:
            raise _no_answer('get_object', error) from error
        finally:
            body.close()

    def _request(self, operation: str, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
        target = {'Bucket': self._bucket, **({'Key': key} if key else {})}
        self._added.headers = {_HEADERS[p]: value for p, value in parameters.items()
                               if p in _HEADERS and not self._knows(operation, p)}
        known = {p: value for p, value in parameters.items()
                 if _HEADERS.get(p) not in self._added.headers}
        self._added.has_asked_where = False
        if 'Body' in parameters:
            parameters['Body'].seek(0)  # an earlier try has read it
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**target, **known)
        except ClientError as error:
            told = error.response.get('Error', {})
            http_status = error.response.get('ResponseMetadata', {}).get('HTTPStatusCode', 0)
            if self._wants_hash(http_status, str(told.get('Code', ''))):
                return self._request_with_hash(operation, key, parameters)
            raise self.contact.failed(operation, failure(
                operation, code=str(told.get('Code', '')), http_status=http_status,
                message=str(told.get('Message', '')), bucket=self._bucket, key=key,
                redacted=self._tokens.redacted)) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise self.contact.failed(operation, _no_answer(operation, error)) from error
        except FlightlogError:
            raise  # of the session token; some are ValueErrors as well
        except _UNREADABLE as error:
            raise self.contact.failed(operation, _not_s3(operation)) from error
        if not _is_of_s3(operation, answer, secure=self._secure):
            if 'Body' in answer:
                answer['Body'].close()
            raise self.contact.failed(operation, _not_s3(operation))
        self.contact.succeeded()
        return answer

    def _request_with_hash(self, operation: str, key: str,
                           parameters: dict[str, Any]) -> dict[str, Any]:
        self._takes_md5_for_hash = False
        try:
            return self._request(operation, key, parameters)
        except FlightlogError:
            self._takes_md5_for_hash = True  # that was not what was missing
            raise

    def _before_call(self, params: dict[str, Any], **_: Any) -> None:
        params['headers'].update(getattr(self._added, 'headers', {}))
        # Over plain http botocore signs a SHA-256 of the body. The MD5 of the same bytes is signed
        # as well, so where there is one, the server can check that nobody has changed them.
        self._added.skips_hash = self._takes_md5_for_hash and 'Content-MD5' in params['headers']
        if self._added.skips_hash and 'client_config' in params.get('context', {}):
            params['context']['client_config'] = self._without_hash

    def _before_head_bucket(self, **_: Any) -> None:
        # botocore asks where the bucket is if a request is redirected, and asks so again if that
        # is redirected too, for ever: a captive portal redirects everything.
        if self._added.has_asked_where:
            raise LookupError('a redirect to nowhere')
        self._added.has_asked_where = True

    def _wants_hash(self, http_status: int, code: str) -> bool:
        """Tell whether a request may have failed because it had no hash but the MD5."""
        return (getattr(self._added, 'skips_hash', False) and code != 'BadDigest'
                and (http_status in (400, 501) or code == 'SignatureDoesNotMatch'))


def _is_of_s3(operation: str, answer: dict[str, Any], *, secure: bool) -> bool:
    """Tell whether an answer that is no error can be S3's; a portal can send an ETag as well."""
    told = answer.get('ResponseMetadata', {})
    # AWS, Ceph, MinIO and rclone send x-amz-request-id, moto the x-amzn-requestid of AWS's others.
    # Who answers over TLS has proved who he is, and not every server there sends one.
    if not secure and not told.get('RequestId'):
        return False
    if operation == 'delete_object':
        return told.get('HTTPStatusCode') in (200, 204)
    return operation not in _ALWAYS_TOLD or bool(answer.get(_ALWAYS_TOLD[operation]))


def _no_answer(operation: str, error: Exception) -> FlightlogError:
    """Return the error for a request that got no answer of S3."""
    cause = getattr(error, 'kwargs', {}).get('error')
    if isinstance(cause, FlightlogError):
        return cause  # raised while botocore read the body from a file
    if isinstance(error, SSLError):
        return Unavailable(f'no secure connection to S3: {cause or error}; check the clock of'
                           ' this computer, its certificates and endpoint_url')
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return Unavailable(f'S3 did not answer in time ({type(error).__name__} in {operation});'
                           ' check the network and endpoint_url')
    if isinstance(error, _WRONG_CHECKSUM):
        return ChecksumMismatch('what arrived is not what S3 stores; try again')
    if isinstance(error, (BotoConnectionError, HTTPClientError, IncompleteReadError, OSError)):
        return Unavailable(f'S3 cannot be reached, or the connection broke'
                           f' ({type(error).__name__} in {operation}); check the network and'
                           ' endpoint_url')
    if isinstance(error, ResponseParserError):
        return _not_s3(operation)
    # Its text can hold the whole URL.
    return StorageError(f'{operation} failed ({type(error).__name__}); check endpoint_url')


def _not_s3(operation: str) -> FlightlogError:
    return NotS3(f'what answered {operation} is not S3; check endpoint_url, and whether'
                        ' the network asks for a log-in')
