"""A log that is read from the bucket by coroutines."""
import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime
import threading
from typing import Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.byte_range import byte_range_of
from flightlog_bucket.storage.object_stream import ObjectStream


class Blocks(AsyncIterator[bytes]):
    """
    The content of a log as it arrives, read in threads, each block when it is asked for.

    :param stream: is closed at the end, and where nobody reads on
    :param executor: for reading
    :param cancel: ends what is being read
    """

    def __init__(self, stream: ObjectStream, executor: Executor, cancel: threading.Event) -> None:
        self._stream = stream
        self._executor = executor
        self._cancel = cancel
        self._closed = False
        self._reading: Optional[Future[bytes]] = None

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        try:
            self._reading = self._executor.submit(next, self._stream, b'')
            block = await asyncio.wrap_future(self._reading)
        except BaseException:
            self.close()
            raise
        if not block:
            self.close()
            raise StopAsyncIteration
        return block

    def close(self) -> None:
        """Read no more. Does not wait: who reads a block at this moment closes the stream."""
        if self._closed:
            return
        self._closed = True
        self._cancel.set()
        if self._reading is None:
            self._stream.close()
        else:
            self._reading.add_done_callback(lambda _: self._stream.close())


@dataclass(frozen=True)
class OpenedFile:
    """
    A log that is being fetched.

    :param size: bytes of the whole object
    :param start: of the range that ``blocks`` yields
    :param length: bytes of that range
    :param is_range: a part of it was asked for, and can be given
    :param etag: of the object, without its quotes
    :param last_modified: aware, UTC; None: S3 does not tell
    :param content_type: MIME type
    :param filename: for the file that it is saved as
    :param blocks: its content as it arrives, to be closed; ends early, with an error, where it is
        not what S3 stores. The last block of a whole object comes when all of it is proved.
    """

    size: int
    start: int
    length: int
    is_range: bool
    etag: str
    last_modified: Optional[datetime]
    content_type: str
    filename: str
    blocks: Blocks


async def open_file(bucket: FlightLogBucket, executor: Executor, s3_key: str, *,
                    byte_range: str = '', if_range: str = '', machine_id: str = '') -> OpenedFile:
    """
    Fetch a log; nothing of it is stored here.

    :param bucket: that it is in
    :param executor: for what waits for the network
    :param s3_key: of one of the machine's own logs
    :param byte_range: as the header ``Range`` has it; empty: all
    :param if_range: as the header ``If-Range`` has it: only of this object, else all
    :param machine_id: this machine's own, or empty
    :raises FlightlogError: whatever goes wrong
    """
    cancel = threading.Event()

    def opened() -> ObjectStream:
        return bucket.open(s3_key, byte_range=byte_range_of(byte_range), if_range=if_range,
                           machine_id=machine_id, cancel=cancel)

    opening = executor.submit(opened)
    try:
        stream = await asyncio.wrap_future(opening)
    except BaseException:
        cancel.set()
        opening.add_done_callback(_close_opened)
        raise
    return OpenedFile(
        size=stream.size, start=stream.start, length=stream.length, is_range=stream.is_range,
        etag=stream.etag, last_modified=stream.last_modified, content_type=stream.content_type,
        filename=keys.safe_filename(s3_key.rpartition('/')[2]),
        blocks=Blocks(stream, executor, cancel))


def _close_opened(opening: 'Future[ObjectStream]') -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
