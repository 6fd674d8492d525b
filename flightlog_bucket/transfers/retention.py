"""The disk guardian: deletes local logs that are safe in the bucket, as the policy says."""
from collections.abc import Callable, Iterator, Sequence
import logging
import math
import os
from pathlib import Path
import shutil
import threading
import time
from typing import Optional

from flightlog_bucket.errors import (
    Cancelled,
    ConfigurationError,
    FlightlogError,
    InvalidRequest,
    LedgerUnavailable,
    LocalFileChanged,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)
from flightlog_bucket.logs.formats import format_of_name
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.confirmation import Confirmation, Holds
from flightlog_bucket.transfers.records import MISSING, STORED, Transfer
from flightlog_bucket.transfers.removal import remove_directory, WatchedFile
from flightlog_bucket.transfers.retention_policy import (
    Ages,
    AT_ONCE,
    DAY_S,
    FREE_SPACE,
    KEEP,
    KEEP_DAYS,
    RetentionPolicy,
)
from flightlog_bucket.transfers.stored_logs import local_logs, LocalLog, Records
from flightlog_bucket.transfers.warnings import Warnings

WARNING_PERIOD_S = 600.0

_log = logging.getLogger(__name__)


class Guardian:
    """
    Deletes local logs, each only while nothing speaks against it.

    It is stored, as is every file of its rosbag2 directory; the object is there, with its size
    and checksum, at this moment; the file is the one that was uploaded and compared, unchanged;
    nobody writes to it; nothing of its path waits for its turn; it lies in a watched folder, and
    no link is on the way there.

    :param ledger: knows what is stored, and is told what was deleted
    :param holds: compares an object with a local file, e.g. ``FlightLogBucket.holds``
    :param policy: what may go, and when
    :param directories: the watched folders, absolute
    :param is_open_for_writing: tells whether some process may still write to a file
    :param disk_free: bytes that are left on the disk of a folder
    :param period_s: seconds between two looks
    :param wall: seconds since 1970
    :param monotonic: seconds, on a clock that does not jump
    :raises ConfigurationError: if a folder is not absolute
    """

    def __init__(self, ledger: Records, holds: Holds, *, policy: RetentionPolicy,
                 directories: Sequence[Path], is_open_for_writing: Callable[[Path], bool],
                 disk_free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
                 period_s: float = 60.0, wall: Callable[[], float] = time.time,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._policy = policy
        self._directories = tuple(directories)
        self._is_open_for_writing = is_open_for_writing
        self._disk_free = disk_free
        self._period_s = period_s
        self._ages = Ages(wall, monotonic)
        self._warnings = Warnings(WARNING_PERIOD_S, monotonic)
        self._confirmation = Confirmation(ledger, holds, self._warnings, monotonic)
        self._thread: Optional[threading.Thread] = None
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._shown: set[int] = set()  # in a dry run: what has been named, by transfer
        for directory in directories:
            if not directory.is_absolute():
                raise ConfigurationError(f'the watched folder {str(directory)!r} is relative;'
                                         ' give a path that begins with a slash')

    def start(self) -> None:
        """Begin to look, in a thread of its own; with ``keep`` there is nothing to look for."""
        if self._policy.mode != KEEP and self._thread is None:
            self._thread = threading.Thread(target=self._run, name='retention', daemon=True)
            self._thread.start()

    def set_policy(self, policy: RetentionPolicy) -> None:
        """Go by other numbers from now on, of the same mode; look soon. Returns at once."""
        if policy != self._policy:
            self._policy = policy
            self._woken.set()

    def wake(self) -> None:
        """Look soon: a log has been stored. Returns at once."""
        if self._policy.mode in (AT_ONCE, FREE_SPACE):
            self._woken.set()

    def stop(self, wait_s: float = 1.0) -> None:
        """
        Begin no further deletion.

        :param wait_s: for the one that is under way; the network is not waited for
        """
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def run_once(self) -> None:
        """Go over the stored logs once; whatever cannot be deleted now waits for the next time."""
        runs = {AT_ONCE: self._free_all, KEEP_DAYS: self._free_old, FREE_SPACE: self._free_space}
        self._confirmation.begin()
        try:
            if self._policy.mode in runs:
                runs[self._policy.mode]()
        except Cancelled:
            _log.debug('the guardian was interrupted')
        except (FlightlogError, OSError) as error:
            self._warnings.warn('failed', 'no local logs are deleted for now: %s', error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()  # first: what is stored from here on is looked at in another run
            self.run_once()
            self._woken.wait(self._period_s)

    def _free_all(self) -> None:
        for log in self._logs():
            self._free(log, 'it is stored')

    def _free_old(self) -> None:
        for log in self._logs():
            keep_s = self._policy.keep_days * DAY_S  # it may change meanwhile
            age_s = self._ages.of(log.settled_s, keep_s)
            if math.isnan(age_s):
                self._warnings.warn('clock', 'the clock is wrong now, or was when %s was stored;'
                                    ' it is kept', log.path)
            elif age_s >= keep_s:
                self._free(log, f'it was stored {age_s / DAY_S:.1f} days ago')

    def _free_space(self) -> None:
        short: dict[int, Path] = {}
        for directory in self._directories:
            if directory.is_dir() and self._lacks(directory):
                short.setdefault(os.stat(directory).st_dev, directory)
        for device, directory in short.items():
            self._free_device(device, directory)

    def _free_device(self, device: int, directory: Path) -> None:
        # Some file systems count what was deleted only later; without the sum more than is
        # needed would go.
        wanted = self._policy.min_free_bytes - self._disk_free(directory)
        freed, cause = 0, 'the disk is short'
        for log in self._logs():
            if freed >= wanted or not self._lacks(directory):
                return
            if self._device(log) == device:
                freed += self._free(log, cause)
        if freed < wanted and self._lacks(directory) and not self._stopping.is_set():
            self._warnings.warn(
                f'full {device}', 'the disk of %s has %d bytes left, fewer than %d'
                ' (min_free_bytes), and there is no stored log left that may be deleted',
                directory, self._disk_free(directory), self._policy.min_free_bytes)

    def _lacks(self, directory: Path) -> bool:
        return self._disk_free(directory) < self._policy.min_free_bytes

    def _logs(self) -> Iterator[LocalLog]:
        """Yield what is stored, oldest first, as long as nobody stops it."""
        transfers = self._ledger.stored_under(self._roots())
        self._shown &= {transfer.id for transfer in transfers}
        for log in local_logs(transfers, lambda path: self._ledger.bag(path) is not None):
            if self._stopping.is_set():
                return
            yield log

    def _device(self, log: LocalLog) -> Optional[int]:
        for transfer in log.transfers:
            try:
                with self._open(transfer.path) as file:
                    return file.device
            except LocalFileNotFound:
                self._gone(transfer)
            except FlightlogError as error:
                _log.debug('kept: %s', error)
        return None

    def _free(self, log: LocalLog, cause: str) -> int:
        """Delete one log if it may go; return how many bytes that gives, at most."""
        if self._policy.dry_run and self._shown.issuperset(t.id for t in log.transfers):
            return sum(t.fingerprint.size for t in log.transfers)
        try:
            verified = self._verified(log)
            if verified is None:
                return 0
            freed = sum(self._delete(transfer, here, cause) for transfer, here in verified)
            if log.directory and not self._policy.dry_run:
                remove_directory(self._root(log.directory), log.directory)
        except LedgerUnavailable:
            raise
        except (LocalFileError, InvalidRequest) as error:
            _log.debug('kept: %s', error)
            return 0
        return freed

    def _verified(self, log: LocalLog) -> Optional[list[tuple[Transfer, Fingerprint]]]:
        """Return the files that may go, as they are; None if the log must stay."""
        files: list[tuple[Transfer, Fingerprint]] = []
        for transfer in log.transfers:
            try:
                with self._open(transfer.path) as file:
                    if log.directory and not files and not log.is_whole(file.neighbours()):
                        return None
                    files.append((transfer, file.fingerprint))
            except LocalFileNotFound:
                self._gone(transfer)
        # All of them before the network is asked for any.
        for transfer, here in files:
            self._check_is_done_with(transfer, here)
        if all(self._confirmation.has(transfer, here) for transfer, here in files):
            return files
        return None

    def _check_is_done_with(self, transfer: Transfer, here: Fingerprint) -> None:
        newest = self._ledger.find(transfer.path)
        if newest is None or newest.id != transfer.id or newest.state != STORED:
            raise LocalFileChanged(f'{transfer.path} is on its way again, or was rejected')
        if not here.is_same(transfer.fingerprint):
            raise LocalFileChanged(f'{transfer.path} has changed since it was stored')
        log_format = format_of_name(transfer.path.name)
        if log_format is not None and transfer.bag is None:
            log_format.check_beside(transfer.path)  # a part of it that is not in the bucket
        try:
            is_open = self._is_open_for_writing(transfer.path)
        except OSError as error:
            raise LocalFileUnreadable(f'{transfer.path}: {error.strerror}') from error
        if is_open:
            raise LocalFileChanged(f'{transfer.path} is open for writing')

    def _delete(self, transfer: Transfer, verified: Fingerprint, cause: str) -> int:
        path, size = transfer.path, transfer.fingerprint.size
        if self._policy.dry_run:
            self._shown.add(transfer.id)
            _log.info('would delete %s, %d bytes: %s, and it is in the bucket as %s', path, size,
                      cause, transfer.key)
            return size
        if self._stopping.is_set():
            raise Cancelled('the guardian is stopped')
        self._check_is_done_with(transfer, verified)
        try:
            with self._open(path) as file:
                freed = file.remove(verified)
        except LocalFileUnreadable as error:
            self._confirmation.leave_alone(path)
            self._warnings.warn('undeletable', 'a stored log may be deleted, and cannot be: %s;'
                                ' give the user of this process write access to its folder',
                                error)
            raise
        _log.info('deleted %s, %d bytes: %s, and it is in the bucket as %s', path, size, cause,
                  transfer.key)
        # Not before the file is gone: a power cut in between leaves a row without a file, which
        # the next run sees and notes. The other way round it would leave a file that the ledger
        # takes for deleted, and that nobody would ever delete.
        self._ledger.note_deleted(transfer, cause)
        return freed

    def _gone(self, transfer: Transfer) -> None:
        """Note that a file is not there, unless it is the disk that is not there."""
        try:
            device = os.stat(self._root(transfer.path)).st_dev
        except OSError:
            return
        if device == transfer.fingerprint.device:
            self._ledger.note_deleted(transfer, MISSING)

    def _roots(self) -> list[Path]:
        """Return the watched folders, as they were given and without symbolic links."""
        # Looked up again: a link may come with the disk that it leads to.
        return list(dict.fromkeys(
            root for directory in self._directories
            for root in (directory, Path(os.path.realpath(directory)))))

    def _open(self, path: Path) -> WatchedFile:
        return WatchedFile(self._root(path), path)

    def _root(self, path: Path) -> Path:
        roots = [root for root in self._roots() if path.is_relative_to(root)]
        if not roots:
            raise InvalidRequest(f'{os.fspath(path)!r} is in no watched folder')
        return max(roots, key=lambda root: len(root.parts))
