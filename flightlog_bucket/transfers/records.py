"""What stands in the ledger: transfers, bags, orphans."""
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import LocalFileNotFound, Withdrawn
from flightlog_bucket.results import LogContent, NOTHING_KNOWN
from flightlog_bucket.storage.local_file import Fingerprint

AWAY = LocalFileNotFound.__name__
"""The fault of a log that was not there when its turn came: it is tried again if it returns."""

WITHDRAWN = Withdrawn.__name__
"""The fault of a log that nobody wants any more: it is tried again if somebody asks for it."""

MISSING = 'it was not there any more'
"""Why the file of a stored log is noted as deleted where nothing here has deleted it."""

UNKNOWN, QUEUED, UPLOADING = 'unknown', 'queued', 'uploading'
STORED, REJECTED = 'stored', 'rejected'


@dataclass(frozen=True)
class Bag:
    """
    A rosbag2 directory: its files go into one folder of the machine.

    :param id: in the ledger
    :param path: of the directory
    :param folder: one segment of a key, ``{YYYYMMDD_HHMMSS}_{bag name}``
    """

    id: int
    path: Path
    folder: str


@dataclass(frozen=True)
class Transfer:
    """
    One file of a flight log on its way.

    :param id: in the ledger
    :param path: absolute
    :param name: that was asked for, for the object; empty: the file's own
    :param fingerprint: of the file as it is, or was, sent
    :param machine: whose log it is
    :param bag: the rosbag2 directory that it belongs to
    :param state: ``queued``, ``uploading``, ``stored`` or ``rejected``
    :param urgent: somebody waits for it
    :param attempts: tries so far
    :param next_attempt_s: seconds since 1970, not before which it is tried; 0: now
    :param reason: why it is not stored; empty where nothing is wrong
    :param fault: the name of the error that ``reason`` is of
    :param note: what else a person should know of it, e.g. that its recorder did not close it
    :param key: of the object, once it is known
    :param etag: of the object, once it is stored
    :param crc32: of the content, once it is stored
    :param upload_id: S3's name of the multipart upload that is open for it
    :param part_size: of that upload, bytes
    :param settled_s: seconds since 1970 when it was stored or rejected
    :param content: what is known of the log, once it is stored
    :param is_revocable: all who ever asked for it may take that back
    """

    id: int
    path: Path
    name: str
    fingerprint: Fingerprint
    machine: str
    bag: Optional[Bag]
    state: str
    urgent: bool
    attempts: int
    next_attempt_s: float
    reason: str
    fault: str
    note: str
    key: str
    etag: str
    crc32: Optional[int]
    upload_id: str
    part_size: int
    settled_s: float
    content: LogContent = NOTHING_KNOWN
    is_revocable: bool = False

    @property
    def is_withdrawn(self) -> bool:
        """Whether who asked for it has taken that back."""
        return self.state == REJECTED and self.fault == WITHDRAWN

    @property
    def is_deleted(self) -> bool:
        """Whether it was stored, and then deleted from the bucket on purpose."""
        return self.state == REJECTED and not self.fault and bool(self.key)


@dataclass(frozen=True)
class Orphan:
    """
    A multipart upload that is not gone on with, and whose parts are still in the bucket.

    :param key: that the object would have got
    :param upload_id: S3's name of the upload
    :param reason: why it was given up
    :param problem: why it could not be aborted; empty: that was not tried yet
    """

    key: str
    upload_id: str
    reason: str
    problem: str


@dataclass(frozen=True)
class Withdrawal:
    """
    A transfer that nobody wants any more, and what there may be of it in the bucket.

    :param transfer: as it was
    :param orphan: its multipart upload, which is to be aborted; None: it has none
    :param last_key: of the object that its last write may have made; empty: that was not sent
    """

    transfer: Transfer
    orphan: Optional[Orphan]
    last_key: str


@dataclass(frozen=True)
class Counts:
    """
    How many logs are in which state.

    :param queued: wait for their turn or their next try
    :param uploading: are on their way
    :param stored: in the bucket, of all that the ledger knows
    :param rejected: wait for a person
    """

    queued: int
    uploading: int
    stored: int
    rejected: int
