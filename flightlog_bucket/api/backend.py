"""What the REST API needs of ``proxies['bucket']``; ``S3BucketProxy`` is one, the node another."""
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional, Protocol, Union

Result = dict[str, Any]
"""With ``success: True``, or with ``error`` and ``status``."""


class Reception(Protocol):
    """A log that arrives, block by block, in a file without a name. Not thread-safe; may block."""

    def write(self, block: bytes) -> None:
        """
        Write what has arrived.

        :raises FileTooLarge: at the first byte too many
        :raises LocalDiskFull: if the disk has no room, or must keep what it has
        """

    def finish(self, modified_s: Optional[float]) -> Path:
        """
        Give the file its name, once its content is on the disk.

        :param modified_s: when it was written at its origin, seconds since 1970; None: not known
        """

    def discard(self) -> None:
        """Leave nothing of it, whether it is finished or not; done where there is nothing."""


@dataclass(frozen=True)
class OpenedFile:
    """
    A log that is being fetched.

    :param size: bytes of the whole object
    :param start: of the range that ``blocks`` yields
    :param length: bytes of that range
    :param is_range: a part of it was asked for, and can be given
    :param etag: of the object, without its quotes
    :param last_modified: aware, UTC
    :param content_type: MIME type
    :param filename: for the file that it is saved as
    :param blocks: its content as it arrives; ends early, with an error, where it is not what S3
        stores. The last block of a whole object comes when all of it is proved.
    """

    size: int
    start: int
    length: int
    is_range: bool
    etag: str
    last_modified: datetime
    content_type: str
    filename: str
    blocks: AsyncIterator[bytes]


class BucketBackend(Protocol):
    """The calls; none of them raises for what happens to it, but for ``reception()``."""

    def reception(self, filename: str, length: Optional[int]) -> Reception:
        """
        Begin to receive a log; may block.

        :param filename: that the object is to get
        :param length: bytes that are announced; None: not known
        :raises FlightlogError: what can be said by its name and its length
        """

    async def upload_received(self, path: Path, *, enqueue_only: bool) -> Result:
        """
        Store a log that has arrived whole; the file is removed when it is not needed any more.

        :param path: as ``Reception.finish()`` returned it; it is nobody else's any more
        :param enqueue_only: answer (202) when it is accepted safely; not where nothing keeps it
        """

    async def list_files(self, machine_id: Optional[str] = None, prefix: Optional[str] = None,
                         max_keys: Optional[int] = None,
                         continuation_token: Optional[str] = None) -> Result:
        """List the logs, by key."""

    async def open_file(self, s3_key: str, *, byte_range: str = '', if_range: str = ''
                        ) -> Union[OpenedFile, Result]:
        """
        Fetch a log; nothing of it is stored here.

        :param byte_range: as the header ``Range`` has it; empty: all
        :param if_range: as the header ``If-Range`` has it: only of this object, else all
        """

    async def delete_file(self, s3_key: str, machine_id: Optional[str] = None) -> Result:
        """Delete a log from the bucket."""

    async def info(self) -> Result:
        """Tell how the connection is set, and how the session token stands."""
