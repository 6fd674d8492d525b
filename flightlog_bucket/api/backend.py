"""What the REST API needs of ``proxies['bucket']``; ``S3BucketProxy`` is one, the node another."""
from pathlib import Path
from typing import Optional, Protocol, Union

from flightlog_bucket.answers import Result
from flightlog_bucket.opened_file import OpenedFile

__all__ = ['BucketBackend', 'OpenedFile', 'Reception', 'Result']


class Reception(Protocol):
    """A log that arrives, block by block, in a file without a name. Not thread-safe; may block."""

    def write(self, block: Union[bytes, memoryview]) -> None:
        """
        Write what has arrived.

        :raises FileTooLarge: at the first byte too many
        :raises LocalDiskFull: if the disk has no room, or must keep what it has
        :raises LocalDiskUnwritable: if it takes nothing; no error names a folder of this computer
        """

    def finish(self, filename: str, modified_s: Optional[float]) -> Path:
        """
        Give the file its name, once its content is on the disk.

        :param filename: that the object is to get; one safe segment of a path
        :param modified_s: when it was written at its origin, seconds since 1970; None: not known
        """

    def discard(self) -> None:
        """Leave nothing of it, whether it is finished or not; done where there is nothing."""


class BucketBackend(Protocol):
    """The calls; none of them raises for what happens to it, but for ``reception()``."""

    def reception(self, filename: str, length: Optional[int]) -> Reception:
        """
        Begin to receive a log; may block.

        :param filename: that the object is to get; empty: not known yet
        :param length: bytes that are announced; None: not known
        :raises FlightlogError: what can be said by its name and its length
        """

    async def upload_received(self, path: Path, *, enqueue_only: bool) -> Result:
        """
        Store a log that has arrived whole; the file is removed when it is not needed any more.

        :param path: as ``Reception.finish()`` returned it; it is nobody else's any more
        :param enqueue_only: answer (202, with ``transfer_id``) when it is accepted safely; not
            where nothing keeps it
        """

    async def list_files(self, machine_id: Optional[str] = None, prefix: Optional[str] = None,
                         max_keys: Optional[int] = None,
                         continuation_token: Optional[str] = None) -> Result:
        """List the logs, by key."""

    async def open_file(self, s3_key: str, machine_id: Optional[str] = None, *,
                        byte_range: str = '', if_range: str = '') -> Union[OpenedFile, Result]:
        """
        Fetch a log; nothing of it is stored here. With ``size`` in the error of status 416.

        :param byte_range: as the header ``Range`` has it; empty: all
        :param if_range: as the header ``If-Range`` has it: only of this object, else all
        """

    async def delete_file(self, s3_key: str, machine_id: Optional[str] = None) -> Result:
        """Delete a log from the bucket."""

    async def info(self) -> Result:
        """Tell how the connection is set, and how the session token stands."""
