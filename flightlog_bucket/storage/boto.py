"""Makes the client of boto3, set as this package needs it."""
import logging
import os
import re
import socket
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from flightlog_bucket import __version__
from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage.connecting import own_connections
from flightlog_bucket.storage.credentials import END, TokenKeeper

_log = logging.getLogger(__name__)

_UNSENT_BYTES = 128 * 1024

# A dot in it would not match AWS's certificate.
_HOST_LABEL = re.compile(r'[a-z0-9][a-z0-9-]{1,61}[a-z0-9]')


def make_client(settings: BucketSettings, tokens: TokenKeeper) -> tuple[Any, str]:
    """
    Return boto3's client, and the URL of the bucket with its final slash.

    :param settings: of the bucket
    :param tokens: keeps the session token
    :raises ConfigurationError: if boto3 does not take the settings
    """
    session = _session(tokens)
    try:
        client = session.client('s3', **_client_arguments(settings, signed=True))
        unsigned = session.client('s3', **_client_arguments(settings, signed=False))
        url: str = unsigned.generate_presigned_url(
            'get_object', Params={'Bucket': settings.bucket_name, 'Key': 'k'})
    except (BotoCoreError, ValueError) as error:
        # Its text can hold the whole URL.
        raise ConfigurationError(
            f'boto3 does not take these settings ({type(error).__name__}); check endpoint_url,'
            ' region and bucket_name') from None
    _tune(client)
    return client, url[:-1]


class _SessionTokenProvider(CredentialProvider):  # type: ignore[misc]
    """Puts the session token where botocore looks for credentials."""

    METHOD = CANONICAL_NAME = 'session-token-service'

    def __init__(self, tokens: TokenKeeper) -> None:
        super().__init__()
        self._tokens = tokens

    def load(self) -> RefreshableCredentials:
        """Return credentials that are fetched when they are first needed."""
        return RefreshableCredentials(
            access_key='', secret_key='', token='', expiry_time=END, method=self.METHOD,
            refresh_using=self._tokens.refresh, time_fetcher=self._tokens.age)


def _session(tokens: TokenKeeper) -> boto3.Session:
    """Return a session that reads none of the files and profiles of whoever runs this."""
    core = Session(session_vars={
        'config_file': (None, None, os.devnull, None),
        'credentials_file': (None, None, os.devnull, None),
        'profile': (None, None, None, None)})
    core.register_component('credential_provider',
                            CredentialResolver([_SessionTokenProvider(tokens)]))
    return boto3.Session(botocore_session=core)


def _client_arguments(settings: BucketSettings, *, signed: bool) -> dict[str, Any]:
    style = settings.addressing_style
    if style == 'auto' and not signed and not settings.endpoint_url:
        # botocore gives presigned URLs AWS's global endpoint otherwise, whatever the region.
        is_host = _HOST_LABEL.fullmatch(settings.bucket_name)
        style = 'virtual' if is_host else 'path'
    s3: dict[str, Any] = {'addressing_style': style}
    if settings.is_secure:
        # TLS and the CRC-32 guard the bytes; a SHA-256 of all of them would be a third guard.
        s3['payload_signing_enabled'] = False
    options: dict[str, Any] = {
        # urllib3 applies it to the sending of a body as well, and links can be slow.
        'connect_timeout': settings.request_timeout_s / 2,
        'read_timeout': settings.request_timeout_s / 2,
        'retries': {'total_max_attempts': 1, 'mode': 'standard'},
        'max_pool_connections': 64,
        'tcp_keepalive': True,
        'user_agent_extra': f'flightlog_bucket/{__version__}',
        's3': s3,
        # Checksums are computed here, before the request: older servers refuse the trailers.
        'request_checksum_calculation': 'when_required',
        'response_checksum_validation': 'when_required',
        'ignore_configured_endpoint_urls': True,
        'signature_version': 's3v4' if signed else UNSIGNED,
    }
    known = {name: value for name, value in options.items() if name in Config.OPTION_DEFAULTS}
    return {'region_name': settings.region, 'endpoint_url': settings.endpoint_url or None,
            'config': Config(**known)}


def _tune(client: Any) -> None:
    """
    Bound what botocore has no setting for, where this version of it is as those that are known.

    The look-up of a name is bounded; and so is what the system has taken of a body and not yet
    sent. It takes megabytes, which a slow link sends for minutes after the last piece was handed
    over: the time for an answer would be over before the body is.
    """
    connections = getattr(getattr(client, '_endpoint', None), 'http_session', None)
    options = getattr(connections, '_socket_options', None)
    classes = getattr(connections, '_pool_classes_by_scheme', None)
    if not isinstance(options, list) or not isinstance(classes, dict):
        _log.warning('this version of botocore is not known: on a slow or broken network, calls'
                     ' can last longer than request_timeout')
        return
    options.append((socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES))
    own_connections(classes)
