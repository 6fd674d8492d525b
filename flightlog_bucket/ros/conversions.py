"""Between the core and the messages; errors become answers here and nowhere else."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from builtin_interfaces.msg import Time
import flightlog_bucket
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.msg import FileInfo
from flightlog_bucket.operations.texts import explanation, not_stored, text
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.results import (
    CredentialStatus,
    DescribedFile,
    DownloadedLog,
    Listing,
    LogContent,
    NOTHING_KNOWN,
    StoredFile,
    StoredLog,
)
from flightlog_bucket.settings import BucketSettings, redacted_url
from flightlog_bucket.transfers.file_state import FileState, refused_content
from flightlog_bucket.transfers.whole_log import as_one
from std_srvs.srv import SetBool

# That a message can hold.
LAST_SECOND = 2 ** 31 - 1


def failed(answer: Any, error: BaseException) -> Any:
    """Return the answer for a request that failed; a surprise is status 500."""
    if isinstance(error, FlightlogError):
        status, reason = error.status, explanation(error)
    else:
        status = 500
        reason = f'internal error, see the log of the node: {type(error).__name__}'
    answer.success = False
    if isinstance(answer, SetBool.Response):
        answer.message = reason
    else:
        answer.status, answer.error = status, reason
    if hasattr(answer, 'verdict'):
        content = refused_content(type(error).__name__, reason)
        answer.verdict, answer.verdict_reason = content.verdict, content.reason
    return answer


def accepted(answer: Any) -> Any:
    """Return the answer of an upload that goes on in the background."""
    answer.success, answer.status = True, 202
    return answer


def uploaded(answer: Any, logs: Sequence[StoredLog]) -> Any:
    """
    Return the answer of a finished upload.

    :param logs: one, or the files of a rosbag2 directory, whose folder is the key then
    """
    log = as_one(logs)
    answer.s3_key, answer.file_url = text(log.s3_key), text(log.file_url)
    answer.file_size = log.file_size
    answer.content_type = log.content_type
    answer.already_stored = log.already_stored
    answer.verdict, answer.verdict_reason = log.content.verdict, explanation(log.content.reason)
    return succeeded(answer)


def not_uploaded(answer: Any, error: FlightlogError) -> Any:
    """Return the answer for a log that was accepted, and is not stored."""
    failed(answer, error)
    answer.error = not_stored(error)
    return answer


def listed(answer: Any, listing: Listing, contents: Mapping[str, LogContent]) -> Any:
    """
    Return the answer of a listing.

    :param contents: what is known of the logs, by key
    """
    answer.files = [_file_info(f, contents.get(f.key, NOTHING_KNOWN)) for f in listing.files]
    answer.next_token = listing.next_token
    return succeeded(answer)


def downloaded(answer: Any, log: DownloadedLog) -> Any:
    """Return the answer of a download."""
    answer.local_path = text(log.local_path)
    answer.file_size = log.file_size
    return succeeded(answer)


def deleted(answer: Any) -> Any:
    """Return the answer of a deletion."""
    return succeeded(answer)


def described(answer: Any, settings: BucketSettings, credentials: CredentialStatus) -> Any:
    """Return the answer of ~/info with how the node is set, and how the session token stands."""
    answer.version = flightlog_bucket.__version__
    for name in ('bucket_name', 'region', 'upload_prefix', 'robot_instance_id', 'machine_prefix'):
        setattr(answer, name, text(getattr(settings, name)))
    answer.endpoint_url = text(redacted_url(settings.endpoint_url))
    answer.session_token_url = text(redacted_url(settings.session_token_url))
    answer.allowed_extensions = list(settings.allowed_extensions)
    answer.max_file_size = settings.max_file_size_bytes
    answer.validation_level = settings.validation_level
    answer.upload_corrupt = settings.upload_corrupt
    answer.credential_state = credentials.state
    answer.credential_expires_in_s = float(credentials.expires_in_s or 0.0)
    answer.credential_error = explanation(credentials.error)
    return succeeded(answer)


def counted(answer: Any, uploads: Uploads) -> Any:
    """Return the answer of ~/info with how the uploads stand."""
    counts = uploads.counts()
    answer.queued, answer.uploading = counts.queued, counts.uploading
    answer.stored, answer.rejected = counts.stored, counts.rejected
    answer.paused = uploads.is_paused
    answer.max_bandwidth = uploads.max_bandwidth_bytes_per_s
    answer.state_directory = text(uploads.state_directory)
    answer.ledger_problem = explanation(uploads.problem)
    answer.last_errors = [explanation(e) for e in uploads.last_errors()]
    answer.orphans = [explanation(f'{o.upload_id} of {o.key}: {o.problem or o.reason}')
                      for o in uploads.orphans()]
    return answer


def explained(answer: Any, file: FileState) -> Any:
    """Return the answer of ~/info with where the file stands."""
    answer.file_state = file.state
    answer.file_key = text(file.key)
    answer.file_reason = explanation(file.reason)
    answer.file_note = explanation(file.note)
    answer.file_attempts = file.attempts
    answer.file_next_attempt_in_s = file.next_attempt_in_s
    answer.file_verdict = file.content.verdict
    answer.file_verdict_reason = explanation(file.content.reason)
    answer.file_description = explanation(file.content.description)
    return answer


def object_described(answer: Any, found: DescribedFile) -> Any:
    """Return the answer of ~/info with what is in a stored log."""
    answer.object = _file_info(found.file, found.content)
    answer.object_verdict_reason = explanation(found.content.reason)
    answer.object_description = explanation(found.content.description)
    return answer


def succeeded(answer: Any) -> Any:
    """Return the answer of a request that was carried out."""
    answer.success, answer.status = True, 200
    return answer


def _file_info(file: StoredFile, content: LogContent) -> FileInfo:
    info = FileInfo(key=text(file.key), size=file.size, url=text(file.url),
                    last_modified=_time(file.last_modified), format=text(content.format),
                    verdict=text(content.verdict))
    if content.start is not None:
        info.start = _time(content.start)
    info.duration_s, info.message_count = content.duration_s, content.message_count
    return info


def _time(moment: datetime) -> Time:
    if moment.year < 1970:  # some of these have no timestamp()
        return Time()
    seconds = int(moment.timestamp() // 1)
    if not 0 <= seconds <= LAST_SECOND:
        return Time()
    return Time(sec=seconds, nanosec=moment.microsecond * 1000)
