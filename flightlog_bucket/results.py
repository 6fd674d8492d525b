"""What the calls of ``FlightLogBucket`` return."""
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Optional


@dataclass(frozen=True)
class LogContent:
    """
    What is known of the content of a log; empty where nothing is.

    :param format: its short name, e.g. ``mcap``
    :param verdict: of the check: ``valid``, ``truncated`` (cut off, and usable) or ``corrupt``
    :param reason: of the verdict
    :param description: what is in it, a JSON object: ``start`` (ISO 8601, UTC), ``duration_s``,
        ``message_count``, ``topics`` ...
    :param start: of the recording, aware, UTC; None: not known
    :param duration_s: from the first message to the last; 0: not known
    :param message_count: 0: none, or not known
    """

    format: str = ''
    verdict: str = ''
    reason: str = ''
    description: str = ''
    start: Optional[datetime] = None
    duration_s: float = 0.0
    message_count: int = 0


NOTHING_KNOWN = LogContent()


@dataclass(frozen=True)
class StoredLog:
    """
    A log that is in the bucket, its checksum verified.

    :param s3_key: the object's key
    :param file_url: its URL, percent-encoded; reading it takes credentials
    :param file_size: bytes
    :param content_type: MIME type
    :param already_stored: the same content was there under this key, so nothing was sent
    :param crc32: of the content
    :param etag: of the object, without its quotes
    :param content: what is known of the log
    """

    s3_key: str
    file_url: str
    file_size: int
    content_type: str
    already_stored: bool
    crc32: int
    etag: str
    content: LogContent = NOTHING_KNOWN


@dataclass(frozen=True)
class StoredFile:
    """
    An object in a listing.

    :param key: its key
    :param size: bytes
    :param last_modified: aware, UTC
    :param url: percent-encoded; reading it takes credentials
    :param etag: without its quotes
    """

    key: str
    size: int
    last_modified: datetime
    url: str
    etag: str = ''


@dataclass(frozen=True)
class DescribedFile:
    """
    An object, and what is in it.

    :param file: the object
    :param content: of the log
    """

    file: StoredFile
    content: LogContent


@dataclass(frozen=True)
class Listing:
    """
    One page of a listing, or all of it.

    :param files: by key
    :param next_token: continues after the last of ``files``; empty: there are no more
    """

    files: tuple[StoredFile, ...]
    next_token: str


@dataclass(frozen=True)
class DownloadedLog:
    """
    A log that is on this computer, whole and verified.

    :param s3_key: the object's key
    :param local_path: where the file is
    :param file_size: bytes
    """

    s3_key: str
    local_path: Path
    file_size: int


@dataclass(frozen=True)
class CredentialStatus:
    """
    How the session token stands.

    :param state: ``none`` (never fetched), ``valid``, ``expired`` or ``failed``
    :param expires_in_s: seconds until the token ends; None without a valid one
    :param error: why the last fetch failed; empty: it did not
    """

    state: str
    expires_in_s: Optional[float]
    error: str
