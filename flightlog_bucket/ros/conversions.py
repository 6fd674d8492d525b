"""Between the core and the messages; errors become answers here and nowhere else."""
from datetime import datetime
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
import flightlog_bucket
from flightlog_bucket.errors import FlightlogError, InvalidRequest
from flightlog_bucket.msg import FileInfo
from flightlog_bucket.results import (
    CredentialStatus,
    DownloadedLog,
    Listing,
    StoredFile,
    StoredLog,
)
from flightlog_bucket.settings import BucketSettings, redacted_url
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE
from flightlog_bucket.transfers.tracker import TransferTracker


def text(value: object) -> str:
    """Return the value as a string that fits a message, undecodable bytes of a path escaped."""
    return str(value).encode('utf-8', 'backslashreplace').decode('utf-8')


def printable(value: object) -> str:
    """Return the value as one line without control characters."""
    return ''.join(c if c.isprintable() else c.encode('unicode_escape').decode('ascii')
                   for c in text(value))


def path_from(name: str, value: str, base: Path) -> Path:
    """
    Return the path that a request or an event names.

    :param name: of the field, for the error
    :param value: absolute, or relative to ``base``
    :raises InvalidRequest: it is empty or cannot be a path
    """
    if not value or '\0' in value:
        raise InvalidRequest(f'{name} is empty' if not value else f'{name} holds a NUL character')
    return base / value


def absolute_path_from(name: str, value: str) -> Path:
    """
    Return the path that a request names.

    :raises InvalidRequest: it is empty or not absolute
    """
    path = path_from(name, value, Path())
    if not path.is_absolute():
        raise InvalidRequest(f'{name} is {value!r}; give an absolute path')
    return path


def max_keys_from(value: int) -> int:
    """
    Return how many keys a request asks for.

    :raises InvalidRequest: more than one page can hold
    """
    if value > MAX_KEYS_PER_PAGE:
        raise InvalidRequest(f'max_keys is {value}; give 1 to {MAX_KEYS_PER_PAGE}, or 0'
                             f' for {MAX_KEYS_PER_PAGE}')
    return value or MAX_KEYS_PER_PAGE


def failed(answer: Any, error: BaseException) -> Any:
    """Return the answer for a request that failed; a surprise is status 500."""
    answer.success = False
    if isinstance(error, FlightlogError):
        answer.status, answer.error = error.status, text(error)
    else:
        answer.status = 500
        answer.error = f'internal error, see the log of the node: {type(error).__name__}'
    return answer


def accepted(answer: Any) -> Any:
    """Return the answer of an upload that goes on in the background."""
    answer.success, answer.status = True, 202
    return answer


def uploaded(answer: Any, log: StoredLog) -> Any:
    """Return the answer of a finished upload."""
    answer.s3_key = text(log.s3_key)
    answer.file_url = text(log.file_url)
    answer.file_size = log.file_size
    answer.content_type = log.content_type
    answer.already_stored = log.already_stored
    return _succeeded(answer)


def listed(answer: Any, listing: Listing) -> Any:
    """Return the answer of a listing."""
    answer.files = [_file_info(f) for f in listing.files]
    answer.next_token = listing.next_token
    return _succeeded(answer)


def downloaded(answer: Any, log: DownloadedLog) -> Any:
    """Return the answer of a download."""
    answer.local_path = text(log.local_path)
    answer.file_size = log.file_size
    return _succeeded(answer)


def deleted(answer: Any) -> Any:
    """Return the answer of a deletion."""
    return _succeeded(answer)


def described(answer: Any, settings: BucketSettings, credentials: CredentialStatus,
              tracker: TransferTracker) -> Any:
    """Return the answer of ~/info, but for the file that it may ask about."""
    answer.version = flightlog_bucket.__version__
    for name in ('bucket_name', 'region', 'upload_prefix', 'robot_instance_id', 'machine_prefix'):
        setattr(answer, name, text(getattr(settings, name)))
    answer.endpoint_url = text(redacted_url(settings.endpoint_url))
    answer.session_token_url = text(redacted_url(settings.session_token_url))
    answer.allowed_extensions = list(settings.allowed_extensions)
    answer.max_file_size = settings.max_file_size_bytes
    answer.credential_state = credentials.state
    answer.credential_expires_in_s = float(credentials.expires_in_s or 0.0)
    answer.credential_error = text(credentials.error)
    counts = tracker.counts()
    answer.queued, answer.uploading = counts.queued, counts.uploading
    answer.stored, answer.rejected = counts.stored, counts.rejected
    answer.last_errors = [text(e) for e in tracker.last_errors()]
    return _succeeded(answer)


def explained(answer: Any, path: Path, tracker: TransferTracker) -> Any:
    """Return the answer of ~/info with where the file stands."""
    transfer = tracker.find(path)
    answer.file_state = transfer.state
    answer.file_key = text(transfer.s3_key)
    answer.file_reason = text(transfer.reason)
    return answer


def _succeeded(answer: Any) -> Any:
    answer.success, answer.status = True, 200
    return answer


def _file_info(file: StoredFile) -> FileInfo:
    return FileInfo(key=text(file.key), size=file.size, url=text(file.url),
                    last_modified=_time(file.last_modified))


def _time(moment: datetime) -> Time:
    seconds = int(moment.timestamp() // 1)
    return Time(sec=seconds, nanosec=moment.microsecond * 1000)
