"""
S3BucketProxy: the asyncio API, with results and errors as dictionaries.

Thin: every method hands one call of ``FlightLogBucket`` to a thread, and turns its result or its
error into a dictionary.
"""
import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
import logging
import os
from pathlib import Path
import threading
from typing import Any, Optional, Union

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import ConfigurationError, FlightlogError, Unavailable
from flightlog_bucket.results import StoredFile
from flightlog_bucket.settings import BucketSettings, redacted_url
from flightlog_bucket.threads import WorkerPool

_log = logging.getLogger(__name__)

Result = dict[str, Any]

_STORED = ('s3_key', 'file_url', 'file_size', 'content_type', 'already_stored')

MACHINE_VARIABLE = 'ROBOT_INSTANCE_ID'
_MAX_CONCURRENT_TRANSFERS = 4
_MAX_CONCURRENT_REQUESTS = 4


class S3BucketProxy:
    """
    Flight logs of one machine in an S3 bucket.

    Every method but ``start()`` and ``stop()`` returns a dictionary: with ``success: True``, or
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
    :param settings: any other field of ``BucketSettings``, e.g. ``server_side_encryption``
    :raises ConfigurationError: naming the argument and what it takes
    """

    def __init__(self, session_token_url: str, bucket_name: str, region: str = 'us-east-1',
                 upload_prefix: str = 'flight_logs/', debug: bool = False,
                 request_timeout: float = 30, *, robot_instance_id: Optional[str] = None,
                 endpoint_url: str = '', **settings: Any) -> None:
        if robot_instance_id is None:
            robot_instance_id = os.environ.get(MACHINE_VARIABLE, '')
        self._settings = BucketSettings(
            session_token_url=session_token_url, bucket_name=bucket_name, region=region,
            upload_prefix=upload_prefix, request_timeout_s=_seconds(request_timeout),
            robot_instance_id=robot_instance_id, endpoint_url=endpoint_url or '', **settings)
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
                       WorkerPool(_MAX_CONCURRENT_REQUESTS, 'flightlog-request')]
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
            stored = bucket.upload(Path(file_path), custom_filename=custom_filename or '',
                                   machine_id=machine_id or '', cancel=cancel)
            return {**{name: getattr(stored, name) for name in _STORED},
                    'verdict': stored.content.verdict, 'verdict_reason': stored.content.reason}
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
            found = bucket.list_files(prefix=prefix or '', max_keys=max_keys,
                                      continuation_token=continuation_token or '',
                                      machine_id=machine_id or '')
            return {'files': [_file(f) for f in found.files], 'count': len(found.files),
                    'next_token': found.next_token or None}
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
            got = bucket.download(s3_key, Path(local_path), overwrite=overwrite,
                                  machine_id=machine_id or '', cancel=cancel)
            return {**vars(got), 'local_path': str(got.local_path)}
        return await self._transfer(call)

    async def delete_file(self, s3_key: str, machine_id: Optional[str] = None) -> Result:
        """
        Delete a log from the bucket; local files are not touched.

        :param s3_key: of one of this machine's logs
        :param machine_id: this machine's own, if given
        :returns: ``s3_key``
        """
        def call(bucket: FlightLogBucket) -> Result:
            bucket.delete(s3_key, machine_id=machine_id or '')
            return {'s3_key': s3_key}
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
            return _failure(_not_started())
        settings = self._settings
        return {
            'success': True, 'bucket_name': settings.bucket_name, 'region': settings.region,
            'endpoint_url': settings.endpoint_url or None,
            'upload_prefix': settings.upload_prefix,
            'robot_instance_id': settings.robot_instance_id,
            'machine_prefix': settings.machine_prefix,
            'session_token_url': redacted_url(settings.session_token_url),
            'allowed_extensions': list(settings.allowed_extensions),
            'max_file_size': settings.max_file_size_bytes,
            'validation_level': settings.validation_level,
            'upload_corrupt': settings.upload_corrupt,
            'request_timeout': settings.request_timeout_s,
            'credentials': vars(self._bucket.credential_status()).copy()}

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
        bucket = self._bucket
        if bucket is None:
            return _failure(_not_started())
        executor: Executor = self._pools[pool]
        try:
            result = await asyncio.get_running_loop().run_in_executor(executor, call, bucket)
        except FlightlogError as error:
            _log.debug('%s: %s', type(error).__name__, error)
            return _failure(error)
        return {'success': True, **result}


def _seconds(request_timeout: object) -> float:
    if isinstance(request_timeout, (int, float)):
        return float(request_timeout)
    raise ConfigurationError(f'request_timeout is {request_timeout!r}; give a number of seconds')


def _file(found: StoredFile) -> Result:
    return {'key': found.key, 'size': found.size, 'url': found.url,
            'last_modified': found.last_modified.isoformat()}


def _failure(error: FlightlogError) -> Result:
    return {'error': str(error), 'status': error.status}


def _not_started() -> FlightlogError:
    return Unavailable('the proxy is not running; await start() first')
