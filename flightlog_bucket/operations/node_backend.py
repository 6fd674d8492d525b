"""The calls of the REST API, over the uploads of the node."""
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future as WorkerFuture
from pathlib import Path
from typing import Optional, Union

from flightlog_bucket import answers
from flightlog_bucket.answers import Result
from flightlog_bucket.api.backend import Reception
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import Busy, Cancelled, FlightlogError
from flightlog_bucket.opened_file import open_file, OpenedFile
from flightlog_bucket.operations.arrived_file import ArrivedFile
from flightlog_bucket.operations.awaiting import Awaiting
from flightlog_bucket.operations.texts import not_stored
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.results import StoredLog
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.whole_log import as_one

# None of them waits behind what ROS asks for, and the other way round.
DOWNLOADS, SHORT_REQUESTS, DISK_CALLS = 4, 4, 2
MAX_WAITING = 64
# On top of the bound of the bucket itself.
EDGE_MARGIN_S = 5.0

_Accepted = tuple[int, 'Sequence[WorkerFuture[StoredLog]]']


class NodeBackend:
    """
    ``proxies['bucket']`` of the node: see ``BucketBackend``.

    What it accepts goes through the ledger, as with ``~/upload``.

    :param bucket: where the logs are
    :param uploads: accepts them
    """

    def __init__(self, bucket: FlightLogBucket, uploads: Uploads) -> None:
        self._bucket = bucket
        self._uploads = uploads
        self._awaiting = Awaiting()
        self._is_closed = False
        self._downloads = WorkerPool(DOWNLOADS, 'http-downloads', max_pending=MAX_WAITING)
        self._requests = WorkerPool(SHORT_REQUESTS, 'http-requests', max_pending=MAX_WAITING)
        self._disk = WorkerPool(DISK_CALLS, 'http-disk', max_pending=MAX_WAITING)

    def close(self) -> None:
        """Tell who waits that the node is ending."""
        self._is_closed = True
        self._awaiting.close()
        for pool in (self._downloads, self._requests, self._disk):
            pool.shutdown()

    def reception(self, filename: str, length: Optional[int]) -> Reception:
        """Begin to receive a log; see ``ReceivedLogs.reception()``."""
        return self._uploads.received.reception(filename, length)

    async def upload_received(self, path: Path, *, enqueue_only: bool) -> Result:
        """
        Store a log that has arrived whole.

        :param enqueue_only: answer when it is accepted
        """
        result = await _told(self._upload(path, enqueue_only))
        return answers.received(result, path, path.name)

    async def _upload(self, path: Path, enqueue_only: bool) -> Result:
        file = ArrivedFile(path)
        try:
            number, outcomes = await self._awaiting.result(self._accepting(file, enqueue_only))
        except Cancelled as error:
            if not file.promise():
                raise
            return {**answers.failure(error), 'error': f'{error}; the log is here, and is accepted'
                    ' when the node starts again, unless it is refused then'}
        if enqueue_only:
            return answers.accepted(number)
        try:
            logs = [await self._awaiting.result(outcome) for outcome in outcomes]
        except FlightlogError as error:
            return {**answers.failure(error), 'error': not_stored(error)}
        return answers.stored(as_one(logs))

    def _accepting(self, file: ArrivedFile, enqueue_only: bool) -> 'WorkerFuture[_Accepted]':
        try:
            return self._disk.submit(self._accept, file, enqueue_only)
        except Busy as error:
            if self._is_closed:
                raise Cancelled('the node is ending') from None
            file.refuse(error)
            raise

    def _accept(self, file: ArrivedFile, enqueue_only: bool) -> '_Accepted':
        """Accept a log, or refuse it and leave nothing of it."""
        number = 0
        outcomes: Sequence[WorkerFuture[StoredLog]] = ()
        try:
            # Whoever sent it has it still, and learns that it is refused: nobody is to be asked
            # about it later.
            if enqueue_only:
                number, = self._uploads.enqueued(file.path, '')
            else:
                self._bucket.check(file.path)
                outcomes = self._uploads.upload(file.path, '')
        except FlightlogError as error:
            file.refuse(error)
            raise
        self._uploads.received.accepted(file.path)
        return number, outcomes

    async def list_files(self, machine_id: Optional[str] = None, prefix: Optional[str] = None,
                         max_keys: Optional[int] = None,
                         continuation_token: Optional[str] = None) -> Result:
        """List the logs, by key."""
        def call() -> Result:
            return answers.listing(self._bucket.list_files(
                prefix=prefix or '', max_keys=max_keys, machine_id=machine_id or '',
                continuation_token=continuation_token or ''))
        return await self._request(call)

    async def open_file(self, s3_key: str, machine_id: Optional[str] = None, *,
                        byte_range: str = '', if_range: str = '') -> Union[OpenedFile, Result]:
        """Fetch a log; nothing of it is stored here."""
        try:
            return await open_file(self._bucket, self._downloads, s3_key, byte_range=byte_range,
                                   if_range=if_range, machine_id=machine_id or '')
        except FlightlogError as error:
            return answers.failure(error)

    async def delete_file(self, s3_key: str, machine_id: Optional[str] = None) -> Result:
        """Delete a log from the bucket."""
        def call() -> Result:
            self._bucket.delete(s3_key, machine_id=machine_id or '')
            self._uploads.deleted(s3_key)
            return answers.deleted(s3_key)
        return await self._request(call)

    async def info(self) -> Result:
        """Tell how the connection is set, and how the session token stands."""
        return answers.info(self._bucket.settings, self._bucket.credential_status())

    async def _request(self, call: Callable[[], Result]) -> Result:
        within_s = self._bucket.settings.request_timeout_s + EDGE_MARGIN_S
        try:
            work = self._requests.submit(call)
        except Busy as error:
            return answers.failure(error)
        return await _told(self._awaiting.result(work, within_s=within_s))


async def _told(call: Awaitable[Result]) -> Result:
    """Return what became of a call, whatever that is."""
    try:
        return await call
    except FlightlogError as error:
        return answers.failure(error)
