"""FlightLogBucket: upload, list, download, delete; synchronous, thread-safe, raises."""
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
import logging
from pathlib import Path
import threading
from typing import Any, Optional
from urllib.parse import quote

from flightlog_bucket import logs
from flightlog_bucket.errors import (
    Cancelled,
    FileTooLarge,
    InvalidRequest,
    NotAllowed,
    ObjectExists,
    StorageError,
    Unavailable,
)
from flightlog_bucket.results import (
    CredentialStatus,
    DownloadedLog,
    Listing,
    StoredFile,
    StoredLog,
)
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.credentials import TokenKeeper
from flightlog_bucket.storage.download import Download
from flightlog_bucket.storage.local_file import LocalFile
from flightlog_bucket.storage.multipart import Uploader
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE, ObjectStore
from flightlog_bucket.storage.session_token import SessionTokenService

_log = logging.getLogger(__name__)

# Logs of one name and start, each of which takes two requests or more to look at.
_MAX_TAKEN_KEYS = 20
# One may have been damaged on the way; a server that damages every one must not be filled.
_MAX_UNPROVED = 2


class FlightLogBucket:
    """
    The logs of one machine in one bucket.

    Every method may be called from any thread, raises ``FlightlogError`` only, and ends within
    ``settings.request_timeout_s`` when nothing moves on the wire.

    :param settings: of the bucket
    """

    def __init__(self, settings: BucketSettings) -> None:
        self.settings = settings
        service = SessionTokenService(
            settings.session_token_url, timeout_s=settings.request_timeout_s / 3,
            default_lifetime_s=settings.credential_lifetime_s,
            bearer_file=settings.session_token_bearer_file)
        self._tokens = TokenKeeper(service.fetch)
        self._client = S3Client(settings, self._tokens)
        self._store = ObjectStore(self._client)
        self._uploader = Uploader(
            self._store, threshold_bytes=settings.multipart_threshold_bytes,
            part_size_bytes=settings.part_size_bytes,
            max_concurrent_parts=settings.max_concurrent_parts,
            attributes=_encryption(settings), is_aws=not settings.endpoint_url)
        self._key_locks = _KeyLocks()
        self._transfers: list[threading.Event] = []
        self._transfers_lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Cancel all transfers and end waits between tries; does not wait for the network."""
        with self._transfers_lock:
            self._closed = True
            for cancel in self._transfers:
                cancel.set()
        self._client.close()

    def fetch_credentials(self) -> None:
        """Fetch a session token, unless there is a valid one."""
        self._client.fetch_credentials()

    def credential_status(self) -> CredentialStatus:
        """Tell how the session token stands, without asking anybody."""
        return self._tokens.status()

    def upload(self, file_path: Path, *, custom_filename: str = '', machine_id: str = '',
               cancel: Optional[threading.Event] = None) -> StoredLog:
        """
        Store a log, unless the same content is stored under its key already.

        The key's timestamp is the log's own start where its format tells it, else the file's
        modification time: the same file gets the same key on every try. Where another log has
        that key, the name gets ``_2``, ``_3`` ...

        :param file_path: of a finished log
        :param custom_filename: the name that the object gets; empty: the file's own
        :param machine_id: this machine's own, or empty
        :param cancel: once set, the upload ends with ``Cancelled``, and leaves no object
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        with self._transfer(cancel) as stop, LocalFile(file_path, stop) as file:
            name, facts = self._inspect(file, custom_filename)
            start = facts.start or datetime.fromtimestamp(file.modified_s, timezone.utc)
            candidates = keys.object_keys(self.settings.machine_prefix, start, name,
                                          facts.extension)
            attributes = {
                'ContentType': facts.content_type,
                'Metadata': {'original-filename': quote(name),
                             'machine-id': self.settings.robot_instance_id}}
            return self._store_under_free_key(file, candidates, attributes)

    def check(self, file_path: Path, *, custom_filename: str = '') -> None:
        """
        Raise what ``upload()`` would raise for the file itself; needs no network.

        :param file_path: of a finished log
        :param custom_filename: the name that the object would get; empty: the file's own
        """
        with self._transfer(None) as stop, LocalFile(file_path, stop) as file:
            self._inspect(file, custom_filename)

    def list_files(self, *, prefix: str = '', max_keys: Optional[int] = None,
                   continuation_token: str = '', machine_id: str = '') -> Listing:
        """
        List the machine's logs, by key.

        :param prefix: within the machine's folder; empty: all
        :param max_keys: at most this many, 1 to 1000; None: all pages
        :param continuation_token: ``next_token`` of an earlier page
        :param machine_id: this machine's own, or empty
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        whole_prefix = keys.own_prefix(prefix, self.settings.machine_prefix)
        self._check_open()
        if max_keys is not None:
            if not 1 <= max_keys <= MAX_KEYS_PER_PAGE:
                raise InvalidRequest(f'max_keys is {max_keys}; give 1 to {MAX_KEYS_PER_PAGE}')
            return self._store.list_page(whole_prefix, max_keys, continuation_token)
        files: list[StoredFile] = []
        token, seen = continuation_token, set()
        while True:
            self._check_open()
            page = self._store.list_page(whole_prefix, MAX_KEYS_PER_PAGE, token)
            files += page.files
            seen.add(token)
            token = page.next_token
            if not token:
                return Listing(tuple(files), '')
            if token in seen:
                raise StorageError('the S3 server lists the same page again and again; ask for'
                                   ' single pages, with max_keys')

    def download(self, s3_key: str, local_path: Path, *, overwrite: bool = False,
                 machine_id: str = '', cancel: Optional[threading.Event] = None) -> DownloadedLog:
        """
        Fetch a log; the local file appears whole and verified, or not at all.

        :param s3_key: of one of the machine's own logs
        :param local_path: the file, or an existing directory that it goes into
        :param overwrite: replace an existing file
        :param machine_id: this machine's own, or empty
        :param cancel: once set, the download ends with ``Cancelled``
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        keys.check_own_key(s3_key, self.settings.machine_prefix)
        try:
            is_directory = local_path.is_dir()
        except (OSError, ValueError):
            is_directory = False
        target = local_path / s3_key.rpartition('/')[2] if is_directory else local_path
        with self._transfer(cancel) as stop:
            size = Download(self._client, s3_key, stop,
                            timeout_s=self.settings.request_timeout_s,
                            ).run(target, overwrite=overwrite)
        return DownloadedLog(s3_key=s3_key, local_path=target, file_size=size)

    def delete(self, s3_key: str, *, machine_id: str = '') -> None:
        """
        Delete a log from the bucket. Local files are not touched.

        :param s3_key: of one of the machine's own logs
        :param machine_id: this machine's own, or empty
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        keys.check_own_key(s3_key, self.settings.machine_prefix)
        self._check_open()
        self._store.delete(s3_key)

    @contextmanager
    def _transfer(self, cancel: Optional[threading.Event]) -> Iterator[threading.Event]:
        """Give a transfer an event by which the caller, and ``close()``, can end it."""
        event = cancel or threading.Event()
        with self._transfers_lock:
            self._check_open()
            self._transfers.append(event)
        try:
            yield event
        finally:
            with self._transfers_lock:
                self._transfers.remove(event)

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled('the connection is closed')

    def _inspect(self, file: LocalFile, custom_filename: str) -> tuple[str, logs.LogFacts]:
        """Return the name that the object gets, and what the log is."""
        name = (keys.check_filename(custom_filename) if custom_filename
                else keys.safe_filename(file.path.name))
        limit = self.settings.max_file_size_bytes
        if file.size >= limit:
            raise FileTooLarge(f'{file.shown} has {file.size} bytes; a log must have fewer than'
                               f' {limit} (max_file_size)')
        with file.stream() as stream:
            return name, logs.inspect(name, file.path, stream,
                                      allowed=self.settings.allowed_extensions)

    def _store_under_free_key(self, file: LocalFile, candidates: Iterator[str],
                              attributes: dict[str, Any]) -> StoredLog:
        unproved = 0
        for key in islice(candidates, _MAX_TAKEN_KEYS):
            # Not every server refuses to write over an object, so that this process itself must
            # never send two logs to one key at the same time.
            with self._key_locks.hold(key, self.settings.request_timeout_s):
                already = self._is_there(key, file)
                if already is None:
                    try:
                        self._uploader.upload(file, key, attributes)
                        return self._stored(key, file, attributes, already=False)
                    except ObjectExists:  # somebody was faster
                        already = self._uploader.holds(key, self._store.head(key), file)
                if already:
                    return self._stored(key, file, attributes, already=True)
                unproved += self._uploader.is_unproved(key, file)
            if unproved >= _MAX_UNPROVED:
                raise StorageError(f'{unproved} copies of {file.path} in the bucket, the last'
                                   f' {key!r}, are not what was sent; check the S3 server,'
                                   ' then delete them')
        raise StorageError(f'the first {_MAX_TAKEN_KEYS} keys for {file.path} are taken by other'
                           ' logs; give a custom_filename')

    def _is_there(self, key: str, file: LocalFile) -> Optional[bool]:
        """Tell whether the key holds this file; None if it holds nothing."""
        try:
            head = self._store.head(key)
        except NotAllowed:
            # A policy with conditions on ListBucket hides that there is nothing. The write is
            # conditional, and tells.
            _log.debug('%s cannot be looked up', key)
            return None
        return None if head is None else self._uploader.holds(key, head, file)

    def _stored(self, key: str, file: LocalFile, attributes: dict[str, Any], *,
                already: bool) -> StoredLog:
        return StoredLog(s3_key=key, file_url=self._client.url(key), file_size=file.size,
                         content_type=attributes['ContentType'], already_stored=already)


class _KeyLocks:
    """One lock for each key that is being written."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held: set[str] = set()

    @contextmanager
    def hold(self, key: str, timeout_s: float) -> Iterator[None]:
        with self._condition:
            if not self._condition.wait_for(lambda: key not in self._held, timeout_s):
                raise Unavailable(f'another upload to {key!r} is under way; try again when it has'
                                  ' ended')
            self._held.add(key)
        try:
            yield
        finally:
            with self._condition:
                self._held.discard(key)
                self._condition.notify_all()


def _encryption(settings: BucketSettings) -> dict[str, str]:
    wanted = {'ServerSideEncryption': settings.server_side_encryption,
              'SSEKMSKeyId': settings.sse_kms_key_id}
    return {name: value for name, value in wanted.items() if value}
