"""What a bucket connection is set to: one immutable record, checked as a whole."""
from dataclasses import dataclass, field
import os
from pathlib import Path
import re
from typing import Optional
from urllib.parse import urlsplit, urlunsplit

from flightlog_bucket.errors import ConfigurationError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

DEFAULT_EXTENSIONS = ('.ulg', '.ulge', '.bag', '.mcap', '.db3', '.mcap.zstd',
                      '.db3.zstd')

VALIDATION_LEVELS = ('header', 'structure', 'full')

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_SIZE_BYTES = 5 * MIB
MAX_PART_SIZE_BYTES = 5 * GIB
MAX_OBJECT_SIZE_BYTES = 5 * 1024 * GIB

MAX_SECRET_BYTES = 16 * KIB

_MACHINE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}')
_SEGMENT = re.compile(r'[^\x00-\x1f\x7f/\\]+')
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; the upper case
# and the underscore occur in old buckets and on other servers.
_BUCKET = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]')
_REGION = re.compile(r'[a-z0-9][a-z0-9-]{0,62}')


@dataclass(frozen=True)
class BucketSettings:
    """
    The settings of one connection to one bucket, for one machine.

    :param session_token_url: where temporary credentials are fetched with a POST
    :param bucket_name: the S3 bucket
    :param robot_instance_id: this machine; one path segment of every key
    :param region: the AWS region of the bucket
    :param upload_prefix: the folder above the machines' folders; may be empty
    :param endpoint_url: another S3 server than AWS; empty: AWS
    :param addressing_style: ``auto``, ``path`` or ``virtual``
    :param allowed_extensions: lower case, with the dot
    :param max_file_size_bytes: a log must be smaller than this
    :param validation_level: how deep a log is checked before it is sent: ``header``,
        ``structure`` or ``full``
    :param upload_corrupt: store logs that nobody can read as well, in a folder of their own
    :param request_timeout_s: a call without progress ends within this time
    :param credential_lifetime_s: of a session token whose service gives no ``expiration``
    :param session_token_bearer_file: holds the bearer token for the session-token service
    :param server_side_encryption: empty, ``AES256`` or ``aws:kms``
    :param sse_kms_key_id: the key for ``aws:kms``; empty: the bucket's default key
    :param multipart_threshold_bytes: logs from this size on go up in parts
    :param part_size_bytes: of a part; grows by itself where a log would take too many parts
    :param max_concurrent_parts: requests that one upload has on the wire at once
    :raises ConfigurationError: naming the setting and what it takes
    """

    # A URL can hold a password or a token, which no repr may show.
    session_token_url: str = field(repr=False)
    bucket_name: str
    robot_instance_id: str
    region: str = 'us-east-1'
    upload_prefix: str = 'flight_logs/'
    endpoint_url: str = field(default='', repr=False)
    addressing_style: str = 'auto'
    allowed_extensions: tuple[str, ...] = DEFAULT_EXTENSIONS
    max_file_size_bytes: int = 2 * GIB
    validation_level: str = 'structure'
    upload_corrupt: bool = False
    request_timeout_s: float = 30.0
    credential_lifetime_s: float = 3600.0
    session_token_bearer_file: Optional[Path] = None
    server_side_encryption: str = ''
    sse_kms_key_id: str = ''
    multipart_threshold_bytes: int = 16 * MIB
    part_size_bytes: int = 8 * MIB
    max_concurrent_parts: int = 4

    def __post_init__(self) -> None:
        _check_url('session_token_url', self.session_token_url)
        if self.endpoint_url:
            _check_url('endpoint_url', self.endpoint_url)
            _check_bare('endpoint_url', self.endpoint_url)
        _check_match('bucket_name', self.bucket_name, _BUCKET,
                     '3 to 63 letters, digits, dots, hyphens and underscores')
        _check_match('region', self.region, _REGION, 'the name of an AWS region, e.g. us-east-1')
        check_machine(self.robot_instance_id)
        self._check_prefix()
        self._check_extensions()
        self._check_choices()
        self._check_numbers()

    @property
    def machine_prefix(self) -> str:
        """The folder that holds every key of this machine, with its final slash."""
        prefix = self.upload_prefix.strip('/')
        return f'{prefix}/{self.robot_instance_id}/' if prefix else f'{self.robot_instance_id}/'

    @property
    def destination(self) -> str:
        """Server, bucket and folder: what is stored there, is not stored in another one."""
        return f'{self.endpoint_url or "AWS"} {self.bucket_name} {self.machine_prefix}'

    @property
    def encryption(self) -> dict[str, str]:
        """What boto3 is told of the encryption of every new object."""
        wanted = {'ServerSideEncryption': self.server_side_encryption,
                  'SSEKMSKeyId': self.sse_kms_key_id}
        return {name: value for name, value in wanted.items() if value}

    @property
    def is_secure(self) -> bool:
        """Whether S3 is spoken to over TLS."""
        return not self.endpoint_url.lower().startswith('http:')

    def _check_prefix(self) -> None:
        prefix = self.upload_prefix.strip('/')
        segments = prefix.split('/') if prefix else []
        if any(s in ('.', '..') or not _SEGMENT.fullmatch(s) or not s.isprintable()
               for s in segments):
            raise ConfigurationError(
                f'upload_prefix is {self.upload_prefix!r}; give folder names with "/" between'
                ' them, none of them empty, "." or "..", and no control characters')
        if len(self.machine_prefix.encode()) > 512:
            raise ConfigurationError("upload_prefix is too long: the machine's folder takes more"
                                     ' than 512 of the 1024 bytes of an S3 key')

    def _check_extensions(self) -> None:
        known = set(DEFAULT_EXTENSIONS)
        unknown = [e for e in self.allowed_extensions if e not in known]
        if unknown or not self.allowed_extensions:
            raise ConfigurationError(
                f'allowed_extensions is {list(self.allowed_extensions)}; give one or more of '
                + ', '.join(DEFAULT_EXTENSIONS))

    def _check_choices(self) -> None:
        for name, choices in (('validation_level', VALIDATION_LEVELS),
                              ('addressing_style', ('auto', 'path', 'virtual')),
                              ('server_side_encryption', ('', 'AES256', 'aws:kms'))):
            if getattr(self, name) not in choices:
                raise ConfigurationError(f'{name} is {getattr(self, name)!r}; give one of '
                                         + ', '.join(repr(c) for c in choices))
        if self.sse_kms_key_id and self.server_side_encryption != 'aws:kms':
            raise ConfigurationError(
                'sse_kms_key_id is given, but server_side_encryption is not aws:kms')

    def _check_numbers(self) -> None:
        for name, low, high in (
                ('max_file_size_bytes', 2, MAX_OBJECT_SIZE_BYTES + 1),
                ('request_timeout_s', 1, 3600),
                ('credential_lifetime_s', 1, 7 * 24 * 3600),
                ('multipart_threshold_bytes', MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES),
                ('part_size_bytes', MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES),
                ('max_concurrent_parts', 1, 32)):
            if not low <= getattr(self, name) <= high:
                raise ConfigurationError(
                    f'{name} is {getattr(self, name)}; give {low} to {high}')


def check_machine(robot_instance_id: str) -> None:
    """
    Accept a machine's name only if it is safe as one path segment of a key.

    :raises ConfigurationError: if it is empty, too long or has other characters
    """
    if not robot_instance_id:
        raise ConfigurationError('robot_instance_id is empty; set it to the name of this machine, '
                                 'or set the environment variable ROBOT_INSTANCE_ID')
    _check_match('robot_instance_id', robot_instance_id, _MACHINE,
                 'up to 128 letters, digits and "._:@-", the first a letter or digit')


def redacted_url(url: str) -> str:
    """
    Return ``url`` without user name, password, query and fragment, for logs and answers.

    Nothing is left of what is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ''
    host = parts.netloc.rpartition('@')[2]
    return urlunsplit((parts.scheme, host, parts.path, '', ''))


def read_secret_file(path: Path) -> str:
    """
    Return the one line that the file holds, without white space around it.

    :raises ConfigurationError: if it cannot be read, or does not hold one printable line
    """
    shown = repr(os.fspath(path))
    try:
        # A pipe would let this wait for whoever writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, MAX_SECRET_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(
            f'cannot read the secret in {shown}: {os.strerror(error.errno or 0)}') from None
    if len(content) > MAX_SECRET_BYTES:
        raise ConfigurationError(f'{shown} has more than {MAX_SECRET_BYTES} bytes; it must hold'
                                 ' one secret on one line, and nothing else')
    try:
        secret = content.decode('ascii').strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f'the secret in {shown} is not plain ASCII text') from None
    if not secret or not secret.isprintable() or ' ' in secret:
        raise ConfigurationError(f'{shown} must hold one secret on one line, and nothing else')
    return secret


def _check_match(name: str, value: str, pattern: 're.Pattern[str]', takes: str) -> None:
    if not pattern.fullmatch(value):
        raise ConfigurationError(f'{name} is {value!r}; give {takes}')


def _check_url(name: str, url: str) -> None:
    if not _is_http_url(url):
        # What cannot be taken apart can have a password anywhere.
        shown = redacted_url(url) if '@' not in url else ''
        raise ConfigurationError(f'{name} is not a URL that begins with http:// or https://'
                                 + (f': {shown!r}' if shown else ''))


def _check_bare(name: str, url: str) -> None:
    # boto3 would put them into requests, and its errors into logs.
    if '@' in urlsplit(url).netloc or '?' in url or '#' in url:
        raise ConfigurationError(f'{name} has a user name, password, query or fragment; give'
                                 ' scheme, host, port and path only')


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    # urlsplit() drops line ends and tabs without a word.
    is_one_word = url.isprintable() and ' ' not in url
    return (port_is_right and is_one_word and parts.scheme in ('http', 'https')
            and bool(parts.hostname))
