"""The work of the subcommands, done by this process."""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
import logging
import os
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.cli.backend import (
    Downloaded,
    Entry,
    Failure,
    NotReachable,
    OnStep,
    Uploaded,
)
from flightlog_bucket.cli.direct_info import Info
from flightlog_bucket.cli.direct_ledger import DirectLedger
from flightlog_bucket.cli.direct_progress import DownloadProgress
from flightlog_bucket.cli.terminal import complain
from flightlog_bucket.errors import FlightlogError, LedgerUnavailable
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.results import LogContent, NOTHING_KNOWN, StoredFile
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE
from flightlog_bucket.transfers.asked import asked_for
from flightlog_bucket.transfers.whole_log import as_one

_KEYS_TIMEOUT_S = 2.0
_MAX_WARNINGS = 20


class DirectBackend:
    """
    A ``Backend`` without a node. Thread-safe.

    :param settings: of the node that could do it as well; ``state_directory`` is not the node's
    :raises ConfigurationError: if full checks are wanted, and cannot be made here
    """

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._bucket = FlightLogBucket(settings.bucket)
        self._bucket.throttle.max_bytes_per_s = settings.max_bandwidth_bytes_per_s
        self._ledger = DirectLedger(settings, self._bucket)
        self._warnings = _Warnings()
        logging.getLogger('flightlog_bucket').addHandler(self._warnings)

    def close(self) -> None:
        """End what goes on; before that, clear away what earlier uploads have left behind."""
        self._ledger.close()
        self._bucket.close()
        logging.getLogger('flightlog_bucket').removeHandler(self._warnings)
        self._warnings.tell()

    def upload(self, path: str, *, name: str, enqueue_only: bool, on_step: OnStep,
               cancel: threading.Event) -> Uploaded:
        """Store a log, a file or a rosbag2 directory."""
        if enqueue_only:
            raise NotReachable(400, 'without a node nobody goes on in the background: leave out'
                                    ' --enqueue, or --direct')
        with _failures():
            work = self._ledger.begin()
            files = asked_for(work.bags, Path(path).absolute(), name)
            log = as_one(work.uploader.store(files, on_step, cancel))
            work.has_stored = True
        return Uploaded(
            s3_key=log.s3_key, file_url=log.file_url, file_size=log.file_size,
            content_type=log.content_type, already_stored=log.already_stored,
            verdict=log.content.verdict, verdict_reason=log.content.reason)

    def list(self, prefix: str, *, most: Optional[int]) -> Iterator[Entry]:
        """Yield this machine's logs, by key; the ledger tells what is in those that it knows."""
        token, left = '', most
        while left is None or left > 0:
            with _failures():
                page = self._bucket.list_files(
                    prefix=prefix, max_keys=min(left or MAX_KEYS_PER_PAGE, MAX_KEYS_PER_PAGE),
                    continuation_token=token)
            known = self._contents(page.files)
            for file in page.files:
                content = known.get(file.key, NOTHING_KNOWN)
                yield Entry(file.key, file.size, file.last_modified, file.url, content.format,
                            content.verdict, content.start, content.duration_s,
                            content.message_count)
            if left is not None:
                left -= len(page.files)
            if not page.next_token or page.next_token == token:
                return
            token = page.next_token

    def download(self, key: str, local_path: str, *, overwrite: bool, on_step: OnStep,
                 cancel: threading.Event) -> Downloaded:
        """Fetch a log; the local file appears whole and verified, or not at all."""
        progress = DownloadProgress(on_step)
        with _failures():
            log = self._bucket.download(key, Path(local_path).absolute(), overwrite=overwrite,
                                        cancel=cancel, on_received=progress.on_received)
        return Downloaded(os.fspath(log.local_path), log.file_size)

    def delete(self, key: str) -> None:
        """Delete a log from the bucket."""
        with _failures():
            self._bucket.delete(key)

    def info(self, target: str) -> dict[str, object]:
        """Tell all that is known, by the names of the answer of ``~/info``."""
        info = Info(self._settings, self._bucket, os.fspath(self._ledger.home))
        with _failures():
            return info.all(target, self._ledger.read)

    def keys(self) -> Sequence[str]:
        """Return the keys that a shell may complete; empty where that takes long."""
        found: list[str] = []

        def ask() -> None:
            with suppress(FlightlogError):
                page = self._bucket.list_files(max_keys=MAX_KEYS_PER_PAGE)
                found.extend(file.key for file in page.files)
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(_KEYS_TIMEOUT_S)
        return tuple(found)

    def _contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return what the ledger knows; nothing while another process has it."""
        with self._ledger.read() as (ledger, _), suppress(LedgerUnavailable):
            if ledger is not None:
                return ledger.stored_contents(files)
        return {}


class _Warnings(logging.Handler):
    """Keeps the warnings of the core until nothing is drawn on the terminal any more."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._told) < _MAX_WARNINGS:
            self._told.setdefault(record.getMessage())

    def tell(self) -> None:
        """Print each once."""
        while self._told:
            text = next(iter(self._told))
            del self._told[text]
            complain(text)


@contextmanager
def _failures() -> Iterator[None]:
    """Raise errors of the core as those of a ``Backend``."""
    try:
        yield
    except FlightlogError as error:
        raise Failure(error.status, str(error)) from None
