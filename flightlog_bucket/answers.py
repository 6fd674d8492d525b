"""What the calls return: the dictionaries of S3BucketProxy and of the REST API."""
from pathlib import Path
from typing import Any

from flightlog_bucket.errors import FlightlogError, RangeNotSatisfiable
from flightlog_bucket.results import (
    CredentialStatus,
    DownloadedLog,
    Listing,
    StoredFile,
    StoredLog,
)
from flightlog_bucket.settings import BucketSettings, redacted_url

Result = dict[str, Any]
"""With ``success: True``, or with ``error`` and ``status``."""

_STORED = ('s3_key', 'file_url', 'file_size', 'content_type', 'already_stored')


def failure(error: FlightlogError) -> Result:
    """Return what went wrong; with ``size`` (bytes of the log) where it lacks a range."""
    size = {'size': error.size} if isinstance(error, RangeNotSatisfiable) else {}
    return {'error': str(error), 'status': error.status, **size}


def stored(log: StoredLog) -> Result:
    """Return what is known of a log that is stored."""
    return {'success': True, **{name: getattr(log, name) for name in _STORED},
            'verdict': log.content.verdict, 'verdict_reason': log.content.reason}


def accepted(transfer_id: int) -> Result:
    """
    Return what is known of a log that nobody waits for.

    :param transfer_id: in the ledger
    """
    return {'success': True, 'status': 202, 'transfer_id': transfer_id}


def listing(found: Listing) -> Result:
    """Return one page of a listing, or all of it."""
    return {'success': True, 'files': [_file(file) for file in found.files],
            'count': len(found.files), 'next_token': found.next_token or None}


def downloaded(log: DownloadedLog) -> Result:
    """Return where a log is now."""
    return {'success': True, **vars(log), 'local_path': str(log.local_path)}


def deleted(s3_key: str) -> Result:
    """Return which object is gone."""
    return {'success': True, 's3_key': s3_key}


def info(settings: BucketSettings, credentials: CredentialStatus) -> Result:
    """Return how the connection is set, and how the session token stands."""
    return {
        'success': True, 'bucket_name': settings.bucket_name, 'region': settings.region,
        'endpoint_url': settings.endpoint_url or None, 'upload_prefix': settings.upload_prefix,
        'robot_instance_id': settings.robot_instance_id,
        'machine_prefix': settings.machine_prefix,
        'session_token_url': redacted_url(settings.session_token_url),
        'allowed_extensions': list(settings.allowed_extensions),
        'max_file_size': settings.max_file_size_bytes,
        'validation_level': settings.validation_level,
        'upload_corrupt': settings.upload_corrupt,
        'request_timeout': settings.request_timeout_s,
        'credentials': vars(credentials).copy()}


def received(result: Result, path: Path, name: str) -> Result:
    """
    Return the result of an upload without the place where the file was kept meanwhile.

    :param result: of the upload
    :param path: that its errors name
    :param name: of the log, which whoever sent it knows
    """
    if 'error' not in result:
        return result
    error = str(result['error']).replace(repr(str(path)), repr(name)).replace(str(path), name)
    return {**result, 'error': error}


def _file(found: StoredFile) -> Result:
    return {'key': found.key, 'size': found.size, 'url': found.url,
            'last_modified': found.last_modified.isoformat()}
