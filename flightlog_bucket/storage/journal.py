"""What an upload writes down while it goes on, so that another process can go on with it."""
from dataclasses import dataclass
from typing import Optional, Protocol

from flightlog_bucket.storage.local_file import Fingerprint


@dataclass(frozen=True)
class Part:
    """
    A part that S3 has acknowledged.

    :param number: from 1
    :param size: bytes
    :param crc32: of its bytes
    :param etag: as S3 gave it
    """

    number: int
    size: int
    crc32: int
    etag: str


@dataclass(frozen=True)
class Progress:
    """
    How far an earlier try of a multipart upload came.

    :param key: that the object gets
    :param upload_id: S3's name of the multipart upload
    :param part_size: bytes of every part but the last
    :param parts: that are up, by number
    """

    key: str
    upload_id: str
    part_size: int
    parts: tuple[Part, ...]


class Journal(Protocol):
    """
    Keeps the progress of one upload. Thread-safe.

    Whatever a method was told is durable when it returns, as far as the disk allows; none raises
    for a disk that is full or broken: the upload then goes on, and may be sent again later.
    """

    def begin(self, fingerprint: Fingerprint) -> Optional[Progress]:
        """
        Note what is about to be sent; return how far the same content came earlier.

        :param fingerprint: of the file that is open now
        """

    def stored_as(self) -> str:
        """Return the key under which the log was stored earlier; empty: it was not."""

    def began(self, key: str, upload_id: str, part_size: int) -> None:
        """Note that S3 has opened a multipart upload; it takes the place of an earlier one."""

    def acknowledged(self, part: Part) -> None:
        """Note that a part is up."""

    def may_be_stored(self, key: str) -> None:
        """Note that the last write is sent: S3 may make the object, whatever it answers."""

    def forgotten(self, reason: str, *, is_gone: bool) -> None:
        """
        Note that the multipart upload is not gone on with.

        :param reason: why
        :param is_gone: it was completed, or S3 has removed it; else its parts are still there
            and somebody has to abort it
        """


class NoJournal:
    """Of an upload that nobody goes on with."""

    def begin(self, fingerprint: Fingerprint) -> Optional[Progress]:
        """Know of no earlier try."""
        return None

    def stored_as(self) -> str:
        """Know of no earlier try."""
        return ''

    def began(self, key: str, upload_id: str, part_size: int) -> None:
        """Keep nothing."""

    def acknowledged(self, part: Part) -> None:
        """Keep nothing."""

    def may_be_stored(self, key: str) -> None:
        """Keep nothing."""

    def forgotten(self, reason: str, *, is_gone: bool) -> None:
        """Keep nothing."""


NO_JOURNAL = NoJournal()
