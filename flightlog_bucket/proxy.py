"""
S3BucketProxy: the asyncio API, with results and errors as dictionaries.

Thin: every method hands one call of ``FlightLogBucket`` to a thread, and turns its result or its
error into a dictionary.
"""
import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
import logging
import os
from pathlib import Path
import threading
from typing import Any, Optional, TypeVar, Union

from flightlog_bucket import answers
from flightlog_bucket.answers import Result
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import (
    ConfigurationError,
    FlightlogError,
    InvalidRequest,
    Unavailable,
)
from flightlog_bucket.logs.facts import format_for
from flightlog_bucket.opened_file import open_file, OpenedFile
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage import reception as receiving
from flightlog_bucket.threads import WorkerPool

_log = logging.getLogger(__name__)

MACHINE_VARIABLE = 'ROBOT_INSTANCE_ID'
_MAX_CONCURRENT_TRANSFERS = 4
_MAX_CONCURRENT_REQUESTS = 4
_DISK = 3  # of the pools, the one that never waits for the network
T = TypeVar('T')


class S3BucketProxy:
    """
    Flight logs of one machine in an S3 bucket.

    Every coroutine but ``start()`` and ``stop()`` returns a dictionary: with ``success: True``, or
    with ``error`` (what happened, to which file or key, and what to do) and ``status`` (the HTTP
    status with that meaning). None raises for what happens to a call.

    :param session_token_url: where temporary credentials are fetched with a POST
    :param bucket_name: the S3 bucket
    :param region: its AWS region
    :param upload_prefix: the folder above the machines' folders
    :param debug: log at level DEBUG
    :param request_timeout: seconds; a call without progress ends within this time
    :param robot_instance_id: this machine; default: environment variable ``ROBOT_INSTANCE_ID``
    :param endpoint_url: another S3 server than AWS
    :param received_directory: where logs are kept that arrive over HTTP, until they are stored;
        default: ``flightlog_bucket/received`` in the user's folder for caches
    :param settings: any other field of ``BucketSettings``, e.g. ``server_side_encryption``
    :raises ConfigurationError: naming the argument and what it takes
    """

    def __init__(self, session_token_url: str, bucket_name: str, region: str = 'us-east-1',
                 upload_prefix: str = 'flight_logs/', debug: bool = False,
                 request_timeout: float = 30, *, robot_instance_id: Optional[str] = None,
                 endpoint_url: str = '', received_directory: Union[Path, str, None] = None,
                 **settings: Any) -> None:
        if robot_instance_id is None:
            robot_instance_id = os.environ.get(MACHINE_VARIABLE, '')
        self._settings = BucketSettings(
            session_token_url=session_token_url, bucket_name=bucket_name, region=region,
            upload_prefix=upload_prefix, request_timeout_s=_seconds(request_timeout),
            robot_instance_id=robot_instance_id, endpoint_url=endpoint_url or '', **settings)
        self._received_directory = (
            Path(received_directory).absolute() if received_directory else None)
        if debug:
            logging.getLogger('flightlog_bucket').setLevel(logging.DEBUG)
        self._bucket: Optional[FlightLogBucket] = None
        self._pools: list[WorkerPool] = []

    async def start(self) -> None:
        """
        Make the connection ready, and fetch a first session token if one is to be had.

        The network may be missing: calls fetch a token when they need one.
        """
        if self._bucket is not None:
            return
        self._pools = [WorkerPool(_MAX_CONCURRENT_TRANSFERS, 'flightlog-transfer'),
                       WorkerPool(_MAX_CONCURRENT_REQUESTS, 'flightlog-request'),
                       WorkerPool(_MAX_CONCURRENT_TRANSFERS, 'flightlog-stream'),
                       WorkerPool(1, 'flightlog-disk')]
        loop = asyncio.get_running_loop()
        self._bucket = await loop.run_in_executor(self._pools[1], FlightLogBucket, self._settings)
        try:
            await loop.run_in_executor(self._pools[1], self._bucket.fetch_credentials)
        except FlightlogError as error:
            _log.warning('started without a session token: %s', error)

    async def stop(self) -> None:
        """End the connection, and with it what is still under way."""
        if self._bucket is not None:
            self._bucket.close()
            self._bucket = None
        for pool in self._pools:
            # What waits for a thread runs, and finds the connection closed.
            pool.shutdown(cancel_futures=False)

    async def upload_file(self, file_path: Union[Path, str], machine_id: Optional[str] = None,
                          custom_filename: Optional[str] = None) -> Result:
        """
        Store a flight log.

        :param file_path: of a finished log
        :param machine_id: this machine's own, if given
        :param custom_filename: the name that the object gets; default: the file's own
        :returns: ``s3_key``, ``file_url``, ``file_size`` (bytes), ``content_type``,
            ``already_stored`` (the same content was there, so nothing was sent), ``verdict`` of
            the check (``valid``, ``truncated`` or ``corrupt``) and ``verdict_reason``
        """
        def call(bucket: FlightLogBucket, cancel: threading.Event) -> Result:
            return answers.stored(bucket.upload(
                Path(file_path), custom_filename=custom_filename or '',
                machine_id=machine_id or '', cancel=cancel))
        return await self._transfer(call)

    async def list_files(self, machine_id: Optional[str] = None, prefix: Optional[str] = None,
                         max_keys: Optional[int] = None,
                         continuation_token: Optional[str] = None) -> Result:
        """
        List this machine's logs, by key.

        :param machine_id: this machine's own, if given
        :param prefix: within the machine's folder
        :param max_keys: at most this many, 1 to 1000; default: all there are
        :param continuation_token: ``next_token`` of an earlier answer
        :returns: ``files``, each with ``key``, ``size`` (bytes), ``last_modified`` (ISO 8601) and
            ``url``; ``count`` of them; ``next_token``, None after the last page
        """
        def call(bucket: FlightLogBucket) -> Result:
            return answers.listing(bucket.list_files(
                prefix=prefix or '', max_keys=max_keys, machine_id=machine_id or '',
                continuation_token=continuation_token or ''))
        return await self._request(call)

    async def download_file(self, s3_key: str, local_path: Union[Path, str],
                            machine_id: Optional[str] = None, *,
                            overwrite: bool = False) -> Result:
        """
        Fetch a log; the local file appears whole and verified, or not at all.

        :param s3_key: of one of this machine's logs
        :param local_path: the file, or an existing directory that it goes into
        :param machine_id: this machine's own, if given
        :param overwrite: replace an existing file
        :returns: ``s3_key``, ``local_path`` and ``file_size`` (bytes)
        """
        def call(bucket: FlightLogBucket, cancel: threading.Event) -> Result:
            return answers.downloaded(bucket.download(
                s3_key, Path(local_path), overwrite=overwrite, machine_id=machine_id or '',
                cancel=cancel))
        return await self._transfer(call)

    async def open_file(self, s3_key: str, machine_id: Optional[str] = None, *,
                        byte_range: str = '', if_range: str = '') -> Union[OpenedFile, Result]:
        """
        Fetch a log to read it as it arrives; nothing of it is stored here.

        :param s3_key: of one of this machine's logs
        :param machine_id: this machine's own, if given
        :param byte_range: as the header ``Range`` of HTTP has it; empty: all
        :param if_range: as the header ``If-Range`` has it: only of this object, else all
        :returns: an ``OpenedFile``, whose ``blocks`` raise a ``FlightlogError`` where they end
            early, or a dictionary with ``error`` and ``status``; with ``size`` (bytes) as well
            where the log has none of the range (416)
        """
        if self._bucket is None:
            return answers.failure(_not_started())
        try:
            return await open_file(self._bucket, self._pools[2], s3_key, byte_range=byte_range,
                                   if_range=if_range, machine_id=machine_id or '')
        except FlightlogError as error:
            return answers.failure(error)

    def reception(self, filename: str, length: Optional[int] = None) -> receiving.Reception:
        """
        Begin to receive a log for ``upload_received()``; may wait for the disk.

        :param filename: that the object is to get; empty: not known yet
        :param length: bytes that are announced; None: not known
        :raises FlightlogError: what can be said by its name and its length
        """
        if filename:
            format_for(filename, self._settings.allowed_extensions)
        return receiving.Reception(
            self._received_directory or receiving.default_directory(), length=length,
            max_file_size_bytes=self._settings.max_file_size_bytes)

    async def upload_received(self, path: Path, *, enqueue_only: bool = False) -> Result:
        """
        Store a log that was received; its file is removed, whatever comes out.

        :param path: as ``Reception.finish()`` returned it
        :param enqueue_only: is refused, as nothing would keep the log here
        :returns: as ``upload_file()``
        """
        cancel = threading.Event()

        def queue(bucket: FlightLogBucket) -> 'Future[Result]':
            # It may wait long for its turn: a process that is killed then leaves nothing of it.
            return receiving.use_without_name(path, self._pools[0], lambda nameless: (
                _upload_nameless(bucket, nameless, path.name, cancel)))
        try:
            if enqueue_only:
                return answers.failure(InvalidRequest(
                    'enqueue_only is possible only where a node keeps the log'))
            return answers.received(await _told(self._in_two_steps(queue)), path, path.name)
        finally:
            cancel.set()
            with suppress(OSError):
                receiving.remove_received(path)

    async def delete_file(self, s3_key: str, machine_id: Optional[str] = None) -> Result:
        """
        Delete a log from the bucket; local files are not touched.

        :param s3_key: of one of this machine's logs
        :param machine_id: this machine's own, if given
        :returns: ``s3_key``
        """
        def call(bucket: FlightLogBucket) -> Result:
            bucket.delete(s3_key, machine_id=machine_id or '')
            return answers.deleted(s3_key)
        return await self._request(call)

    async def info(self) -> Result:
        """
        Tell how the connection is set and how the session token stands; needs no network.

        :returns: ``bucket_name``, ``region``, ``endpoint_url``, ``upload_prefix``,
            ``robot_instance_id``, ``machine_prefix``, ``session_token_url``,
            ``allowed_extensions``, ``max_file_size`` (bytes), ``validation_level``,
            ``upload_corrupt``, ``request_timeout`` (seconds) and ``credentials`` (``state``,
            ``expires_in_s``, ``error``)
        """
        if self._bucket is None:
            return answers.failure(_not_started())
        return answers.info(self._settings, self._bucket.credential_status())

    async def _transfer(self, call: Callable[[FlightLogBucket, threading.Event], Result],
                        ) -> Result:
        cancel = threading.Event()
        try:
            return await self._run(0, lambda bucket: call(bucket, cancel))
        finally:
            # Also where the task that awaits this is cancelled.
            cancel.set()

    async def _request(self, call: Callable[[FlightLogBucket], Result]) -> Result:
        return await self._run(1, call)

    async def _run(self, pool: int, call: Callable[[FlightLogBucket], Result]) -> Result:
        return await _told(self._called(pool, call))

    async def _in_two_steps(self, queue: 'Callable[[FlightLogBucket], Future[Result]]') -> Result:
        return await asyncio.wrap_future(await self._called(_DISK, queue))

    async def _called(self, pool: int, call: Callable[[FlightLogBucket], T]) -> T:
        if self._bucket is None:
            raise _not_started()
        executor: Executor = self._pools[pool]
        return await asyncio.get_running_loop().run_in_executor(executor, call, self._bucket)


async def _told(call: Awaitable[Result]) -> Result:
    """Return what became of a call, whatever that is."""
    try:
        return await call
    except FlightlogError as error:
        _log.debug('%s: %s', type(error).__name__, error)
        return answers.failure(error)


def _seconds(request_timeout: object) -> float:
    if isinstance(request_timeout, (int, float)):
        return float(request_timeout)
    raise ConfigurationError(f'request_timeout is {request_timeout!r}; give a number of seconds')


def _upload_nameless(bucket: FlightLogBucket, path: Path, name: str,
                     cancel: threading.Event) -> Result:
    try:
        return answers.stored(bucket.upload(path, custom_filename=name, cancel=cancel))
    except FlightlogError as error:
        return answers.received(answers.failure(error), path, name)


def _not_started() -> FlightlogError:
    return Unavailable('the proxy is not running; await start() first')
