"""FlightLogBucket: upload, list, download, delete; synchronous, thread-safe, raises."""
from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from functools import partial
import logging
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.errors import Cancelled, InvalidRequest, MetadataTooLarge
from flightlog_bucket.results import (
    CredentialStatus,
    DescribedFile,
    DownloadedLog,
    Listing,
    StoredLog,
)
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.admission import Admission, Admitted
from flightlog_bucket.storage.byte_range import ByteRange
from flightlog_bucket.storage.client import S3Client
from flightlog_bucket.storage.credentials import TokenKeeper
from flightlog_bucket.storage.download import download, download_target, OnReceived
from flightlog_bucket.storage.file_part import OnSent
from flightlog_bucket.storage.free_keys import FreeKeys, Placed
from flightlog_bucket.storage.journal import Journal, NO_JOURNAL
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile
from flightlog_bucket.storage.log_metadata import without_content
from flightlog_bucket.storage.object_stream import ObjectStream
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE, ObjectStore
from flightlog_bucket.storage.session_token import SessionTokenService
from flightlog_bucket.storage.throttle import Throttle
from flightlog_bucket.storage.uploader import Uploader

_log = logging.getLogger(__name__)


class FlightLogBucket:
    """
    The logs of one machine in one bucket.

    Every method may be called from any thread, raises ``FlightlogError`` only, and ends within
    ``settings.request_timeout_s`` when nothing moves on the wire. ``throttle`` limits and pauses
    what all uploads send together, ``pace`` tells how many parts of each go at once, ``contact``
    how S3 has answered.

    :param settings: of the bucket
    :raises ConfigurationError: if full checks are wanted, and cannot be made here
    """

    def __init__(self, settings: BucketSettings) -> None:
        self.settings = settings
        service = SessionTokenService(
            settings.session_token_url, timeout_s=settings.request_timeout_s / 3,
            default_lifetime_s=settings.credential_lifetime_s,
            bearer_file=settings.session_token_bearer_file)
        self._tokens = TokenKeeper(service.fetch)
        self.throttle = Throttle()
        self._client = S3Client(settings, self._tokens)
        self._store = ObjectStore(self._client)
        self._uploader = Uploader(
            self._store, threshold_bytes=settings.multipart_threshold_bytes,
            part_size_bytes=settings.part_size_bytes,
            max_concurrent_parts=settings.max_concurrent_parts,
            attributes=settings.encryption, is_aws=not settings.endpoint_url,
            throttle=self.throttle)
        self.pace, self.contact = self._uploader.pace, self._client.contact
        self._free_keys = FreeKeys(self._uploader, settings.machine_prefix,
                                   wait_s=settings.request_timeout_s)
        self._admission = Admission(settings)
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
               cancel: Optional[threading.Event] = None, folder: str = '',
               is_closed: bool = True, journal: Journal = NO_JOURNAL,
               on_sent: Optional[OnSent] = None) -> StoredLog:
        """
        Store a log, unless the same content is stored under its key already.

        The key's timestamp is the log's own start where its format tells it, else the file's
        modification time: the same file gets the same key on every try. Where another log has
        that key, the name gets ``_2``, ``_3`` ...

        :param file_path: of a finished log
        :param custom_filename: the name that the object gets; empty: the file's own
        :param machine_id: this machine's own, or empty
        :param cancel: once set, the upload ends with ``Cancelled``, and leaves no object
        :param folder: of a rosbag2 directory, whose files go there without a timestamp of their
            own; ``metadata.yaml`` and ``.db3-wal`` are files of one as well
        :param is_closed: False: the recorder was killed, so that a ``-wal`` beside a ``.db3`` is
            no reason to wait
        :param journal: of this file; an upload that a fault ends can be gone on with by it
        :param on_sent: is told of the bytes that go to the network; see ``OnSent``
        :raises Paused: at once, while ``throttle`` is paused
        :raises CorruptLog: if nobody can read it, unless ``settings.upload_corrupt``: then it goes
            into the folder ``corrupt`` of the machine
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        self.throttle.check_not_paused()
        with self._transfer(cancel) as stop, LocalFile(file_path, stop) as file:
            # Where it is already, whatever key and verdict it would get now.
            held = self._free_keys.held(file, journal.stored_as())
            log = self._admission.admit(
                file, stop, custom_filename=custom_filename, folder=folder, is_closed=is_closed,
                is_stored=held is not None)
            placed = held or self._store_admitted(file, log, journal, on_sent)
            return StoredLog(
                s3_key=placed.key, file_url=self._client.url(placed.key), file_size=file.size,
                content_type=log.content_type, already_stored=placed.already,
                crc32=placed.crc32, etag=placed.etag, content=log.content)

    def _store_admitted(self, file: LocalFile, log: Admitted, journal: Journal,
                        on_sent: Optional[OnSent]) -> Placed:
        attributes = {'ContentType': log.content_type, 'Metadata': log.metadata}
        try:
            return self._free_keys.store(file, log.candidates, attributes, journal, on_sent)
        except MetadataTooLarge as error:
            # What is told of a log never keeps it from being stored.
            _log.info('%s: stored without a description: %s', file.path, error)
            attributes['Metadata'] = without_content(log.metadata)
            return self._free_keys.store(file, log.candidates, attributes, journal, on_sent)

    def holds(self, file_path: Path, key: str, *,
              cancel: Optional[threading.Event] = None) -> Optional[Fingerprint]:
        """
        Compare an object with a local file, by size and checksum, at this moment.

        :param file_path: of the log
        :param key: of one of the machine's own logs
        :param cancel: once set, the call ends with ``Cancelled``
        :returns: the fingerprint of the file as it was read; None if the object is another, or
            there is none
        :raises LocalFileChanged: if the file was written to meanwhile
        :raises Paused: if it takes reading the object, and ``throttle`` is paused
        """
        keys.check_own_key(key, self.settings.machine_prefix)
        with self._transfer(cancel) as stop, LocalFile(file_path, stop) as file:
            is_same = self._uploader.holds(key, self._store.head(key), file)
            file.check_unchanged()
            return file.fingerprint if is_same else None

    def abort(self, key: str, upload_id: str) -> None:
        """
        Remove the parts of a multipart upload that nobody goes on with; done if there is none.

        :param key: of the object that it would have made
        :param upload_id: S3's name of it
        :raises NotAllowed: if the policy of the session token does not allow it
        """
        keys.check_own_key(key, self.settings.machine_prefix)
        self._check_open()
        self._uploader.abort(key, upload_id)

    def check(self, file_path: Path, *, custom_filename: str = '', folder: str = '',
              is_closed: bool = True) -> None:
        """
        Raise what ``upload()`` would raise for the file itself; needs no network.

        :param file_path: of a finished log
        :param custom_filename: the name that the object would get; empty: the file's own
        :param folder: as for ``upload()``
        :param is_closed: as for ``upload()``
        """
        with self._transfer(None) as stop, LocalFile(file_path, stop) as file:
            self._admission.check(file, custom_filename=custom_filename, folder=folder,
                                  is_closed=is_closed)

    def list_files(self, *, prefix: str = '', max_keys: Optional[int] = None,
                   continuation_token: str = '', machine_id: str = '',
                   start_after: str = '') -> Listing:
        """
        List the machine's logs, by key.

        :param prefix: within the machine's folder; empty: all
        :param max_keys: at most this many, 1 to 1000; None: all pages
        :param continuation_token: ``next_token`` of an earlier page
        :param machine_id: this machine's own, or empty
        :param start_after: of a first page, the logs after this name in the machine's folder;
            some S3 servers take no notice of it
        """
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        whole_prefix = keys.own_prefix(prefix, self.settings.machine_prefix)
        first = f'{self.settings.machine_prefix}{start_after}' if start_after else ''
        self._check_open()
        if max_keys is not None:
            if not 1 <= max_keys <= MAX_KEYS_PER_PAGE:
                raise InvalidRequest(f'max_keys is {max_keys}; give 1 to {MAX_KEYS_PER_PAGE}')
            return self._store.list_page(whole_prefix, max_keys, continuation_token, first)
        return self._store.list_all(whole_prefix, continuation_token, self._check_open)

    def describe(self, s3_key: str, *, machine_id: str = '') -> DescribedFile:
        """
        Tell what is in a stored log, by what its object says of it.

        :param s3_key: of one of the machine's own logs
        :param machine_id: this machine's own, or empty
        :raises ObjectNotFound: if there is none
        """
        self._check_own(s3_key, machine_id)
        self._check_open()
        return self._store.describe(s3_key)

    def download(self, s3_key: str, local_path: Path, *, overwrite: bool = False,
                 machine_id: str = '', cancel: Optional[threading.Event] = None,
                 on_received: OnReceived = lambda received, total: None) -> DownloadedLog:
        """
        Fetch a log; the local file appears whole and verified, or not at all.

        :param s3_key: of one of the machine's own logs
        :param local_path: the file, or an existing directory that it goes into
        :param overwrite: replace an existing file
        :param machine_id: this machine's own, or empty
        :param cancel: once set, the download ends with ``Cancelled``
        :param on_received: is told how many bytes are here, and of how many; raises nothing
        """
        self._check_own(s3_key, machine_id)
        target = download_target(s3_key, local_path)
        size = download(partial(self.open, s3_key, machine_id=machine_id, cancel=cancel), target,
                        overwrite=overwrite, on_received=on_received)
        return DownloadedLog(s3_key=s3_key, local_path=target, file_size=size)

    def open(self, s3_key: str, *, byte_range: Optional[ByteRange] = None, if_range: str = '',
             machine_id: str = '', cancel: Optional[threading.Event] = None) -> ObjectStream:
        """
        Fetch a log to read it as it arrives; to be closed.

        :param s3_key: of one of the machine's own logs
        :param byte_range: None: the whole
        :param if_range: see ``ObjectStream``
        :param machine_id: this machine's own, or empty
        :param cancel: once set, reading ends with ``Cancelled``
        """
        self._check_own(s3_key, machine_id)
        with ExitStack() as under_way:
            stop = under_way.enter_context(self._transfer(cancel))
            stream = ObjectStream(
                self._client, s3_key, stop, timeout_s=self.settings.request_timeout_s,
                byte_range=byte_range, if_range=if_range)
            stream.on_close = under_way.pop_all().close
            return stream

    def delete(self, s3_key: str, *, machine_id: str = '') -> None:
        """
        Delete a log from the bucket. Local files are not touched.

        :param s3_key: of one of the machine's own logs
        :param machine_id: this machine's own, or empty
        """
        self._check_own(s3_key, machine_id)
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

    def _check_own(self, s3_key: str, machine_id: str) -> None:
        keys.check_machine_id(machine_id, self.settings.robot_instance_id)
        keys.check_own_key(s3_key, self.settings.machine_prefix)

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled('the connection is closed')
