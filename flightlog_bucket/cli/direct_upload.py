"""Uploads by this process: gone on with after a fault, and after an end of the process."""
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
import logging
from pathlib import Path
import threading
import time

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.cli.backend import OnStep
from flightlog_bucket.cli.direct_progress import UploadProgress
from flightlog_bucket.errors import (
    AuthenticationFailed,
    BucketNotFound,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    NotAllowed,
)
from flightlog_bucket.results import StoredLog
from flightlog_bucket.sizes import size_text
from flightlog_bucket.transfers.asked import Asked
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.transfer_journal import TransferJournal

# A person waits in front of it.
MAX_DELAY_S = 15.0
# What waiting does not mend, if it is there from the start: somebody has mistyped a name.
_FOR_A_PERSON = (AuthenticationFailed, BucketNotFound, NotAllowed)
_LOOK_S = 0.2
_STOPPED = 'the upload was stopped'

_log = logging.getLogger(__name__)


class Uploader:
    """
    Stores logs, each step written down. Thread-safe.

    :param bucket: where they go
    :param ledger: of this destination; no other process has it
    :param slots: tries at once
    :param delay: of the next try, by tries in a row and the longest one
    :param clock: monotonic seconds
    """

    def __init__(self, bucket: FlightLogBucket, ledger: Ledger, *, slots: int,
                 delay: Callable[[int, float], float] = full_jitter,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._bucket = bucket
        self._ledger = ledger
        self._slots = threading.Semaphore(slots)
        self._delay = delay
        self._clock = clock
        # The same file named twice goes up once, and is found stored then.
        self._files: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def store(self, files: Sequence[Asked], on_step: OnStep,
              cancel: threading.Event) -> list[StoredLog]:
        """
        Store the files of one log, one after the other; a fault ends none of them.

        :param on_step: is told how far all of them are
        :param cancel: once set, it ends with ``Cancelled``; what is up by then stays for the next
            time
        :raises FlightlogError: of the first file that cannot be stored; the others are
        """
        total_bytes = sum(file.fingerprint.size for file in files)
        progress = UploadProgress(total_bytes, on_step, clock=self._clock)
        stored: list[StoredLog] = []
        errors = []
        for file in files:
            try:
                with self._alone(file.path, cancel):
                    stored.append(self._store_file(file, progress, cancel))
            except Cancelled:
                if cancel.is_set():
                    up = sum(log.file_size for log in stored) + self._bytes_up(file)
                    raise _stopped(up, total_bytes) from None
                raise
            except FlightlogError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return stored

    def _bytes_up(self, file: Asked) -> int:
        with suppress(LedgerUnavailable):
            transfer = self._ledger.find(file.path)
            if transfer is not None:
                return self._ledger.bytes_up([transfer.id]).get(transfer.id, 0)
        return 0

    def _store_file(self, file: Asked, progress: UploadProgress,
                    cancel: threading.Event) -> StoredLog:
        if file.name and file.bag is None:
            # Once accepted, a name that cannot be would reject what is stored under another.
            self._bucket.check(file.path, custom_filename=file.name)
        transfer = self._ledger.accept(file.path, file.fingerprint, name=file.name, bag=file.bag,
                                       urgent=True, note=file.note, again=True)
        tries = barren = 0
        while True:
            tries += 1
            journal = self._ledger.journal(transfer.id)
            try:
                log = self._try(transfer, tries, journal, progress, cancel)
            except Cancelled:
                raise
            except FlightlogError as error:
                is_hopeless = (tries == 1 and not journal.gained
                               and isinstance(error, _FOR_A_PERSON))
                if not error.retryable or is_hopeless:
                    self._note_refused(transfer, error)
                    raise
                barren = 1 if journal.gained else barren + 1
                self._wait(transfer, error, self._delay(barren, MAX_DELAY_S), progress, cancel)
            else:
                _note(partial(self._ledger.stored, transfer.id, log))
                progress.stored(log.file_size)
                return log

    def _try(self, transfer: Transfer, tries: int, journal: TransferJournal,
             progress: UploadProgress, cancel: threading.Event) -> StoredLog:
        with _taken(self._slots, cancel):
            progress.begin(tries)
            return self._bucket.upload(
                transfer.path, custom_filename=transfer.name,
                folder=transfer.bag.folder if transfer.bag else '',
                is_closed=not transfer.note, journal=journal, on_sent=progress.on_sent,
                cancel=cancel)

    def _wait(self, transfer: Transfer, error: FlightlogError, delay_s: float,
              progress: UploadProgress, cancel: threading.Event) -> None:
        fault = type(error).__name__
        _note(partial(self._ledger.waits, transfer.id, str(error) or fault, fault, delay_s))
        until_s = self._clock() + delay_s
        while (left_s := until_s - self._clock()) > 0:
            progress.waits(str(error) or fault, left_s)
            if cancel.wait(min(left_s, 1.0)):
                raise Cancelled(_STOPPED)

    def _note_refused(self, transfer: Transfer, error: FlightlogError) -> None:
        fault = type(error).__name__
        if error.retryable:
            _note(partial(self._ledger.waits, transfer.id, str(error), fault, 0.0))
        else:
            _note(partial(self._ledger.rejected, transfer.id, str(error), fault))

    @contextmanager
    def _alone(self, path: Path, cancel: threading.Event) -> Iterator[None]:
        with _taken(self._files[path], cancel):
            yield


def _note(write: Callable[[], None]) -> None:
    """Write down what became of a log; where that cannot be, it became so nevertheless."""
    try:
        write()
    except LedgerUnavailable as error:
        _log.warning('%s', error)


@contextmanager
def _taken(lock: 'threading.Lock | threading.Semaphore',
           cancel: threading.Event) -> Iterator[None]:
    while not lock.acquire(timeout=_LOOK_S):
        if cancel.is_set():
            raise Cancelled(_STOPPED)
    try:
        yield
    finally:
        lock.release()


def _stopped(up_bytes: int, total_bytes: int) -> Cancelled:
    if not up_bytes:
        return Cancelled(f'{_STOPPED}; nothing of it is up yet')
    return Cancelled(f'{_STOPPED}; {size_text(up_bytes)} of {size_text(total_bytes)} are up, and'
                     ' the same command sends the rest')
