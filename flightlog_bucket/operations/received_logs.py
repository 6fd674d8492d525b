"""The logs that arrived over HTTP, for as long as this computer alone has them."""
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
import logging
import os
from pathlib import Path
import stat
import threading
from typing import Optional

from flightlog_bucket.errors import InvalidRequest, LedgerUnavailable, LocalFileNotFound
from flightlog_bucket.logs.facts import format_for
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.storage.new_file import file_errors
from flightlog_bucket.storage.reception import disk_errors, Reception, remove_received
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import REJECTED, STORED
from flightlog_bucket.transfers.survival import survive

DIRECTORY = 'received'
AGAIN_S = 60.0
"""After which it is looked again whether the ledger, or the disk, takes a change now."""
_PART_END = '.part'
_CAUSE = 'it was received over HTTP'

_log = logging.getLogger(__name__)


class ReceivedLogs:
    """
    Keeps each until S3 has proved that it has it; then nobody needs the file. Thread-safe.

    They are in ``received/{random}/{name}`` of the state directory. What a node that was killed
    has left there is whole, and goes up with the next one.

    :param settings: of the node
    :param ledger: knows how they stand
    :param on_accepted: called when one was accepted that nobody waits for
    """

    def __init__(self, settings: NodeSettings, ledger: Ledger,
                 on_accepted: Callable[[], None]) -> None:
        # Without links, as the ledger knows it.
        self._directory = Path(os.path.realpath(settings.state_directory / DIRECTORY))
        self._settings = settings
        self._ledger = ledger
        self._on_accepted = on_accepted
        self._changed = threading.Condition()
        # Of who looks at a file and then at the ledger, and of who removes both.
        self._settling = threading.Lock()
        # What is accepted, or was left by an earlier node.
        self._kept: set[Path] = set()
        self._warned: set[Path] = set()
        self._has_news = self._is_closed = self._is_running = False

    def start(self) -> None:
        """Take over what an earlier node has left."""
        try:
            left = _files_in(self._directory)
        except OSError as error:
            _log.error('logs that were received over HTTP cannot be looked at: %s: %s',
                       self._directory, error.strerror)
            return
        if left:
            _log.info('%d logs that were received over HTTP are still here', len(left))
            self._keep(left)

    def stop(self) -> None:
        """Remove nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def reception(self, filename: str, length: Optional[int]) -> Reception:
        """
        Begin to receive a log.

        :param filename: that the object is to get; empty: not known yet
        :param length: bytes that are announced; None: not known
        :raises FlightlogError: what can be said by its name and its length
        """
        bucket = self._settings.bucket
        if filename:
            format_for(filename, bucket.allowed_extensions)
        with disk_errors(self._directory):
            self._make_directory()
        return Reception(
            self._directory, max_file_size_bytes=bucket.max_file_size_bytes,
            min_free_bytes=self._settings.http.min_free_bytes, length=length)

    def accepted(self, path: Path) -> None:
        """Keep a log until it is stored: the ledger knows it."""
        self._keep([path])

    def wake(self) -> None:
        """Look which of them are stored; returns at once."""
        with self._changed:
            if not self._kept or self._is_closed:
                return
            self._has_news = True
            self._changed.notify_all()
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name='received', daemon=True).start()

    def is_received(self, path: Path) -> bool:
        """Tell whether a file is one of them; does not look."""
        return path.parent.parent == self._directory and '..' not in path.parts

    def discard(self, path: Path) -> None:
        """
        Delete a log that was rejected.

        :param path: absolute
        :raises InvalidRequest: if it is no such log: no other is ever deleted for somebody
        :raises LocalFileNotFound: if it is not known
        :raises LocalFileError: if it cannot be deleted
        """
        if not self.is_received(path):
            raise InvalidRequest(f'{path} was not received over HTTP; delete it where it is')
        with self._settling:
            transfer = self._ledger.find(path)
            if transfer is None:
                raise LocalFileNotFound(f'no upload of {path} is known')
            if transfer.state != REJECTED:
                raise InvalidRequest(f'{path} is {transfer.state}; only what was rejected can be'
                                     ' discarded')
            if not self._ledger.forget(transfer.id, partial(_remove, path)):
                raise InvalidRequest(f'{path} is tried again; only what was rejected can be'
                                     ' discarded')
        with self._changed:
            self._kept.discard(path)
        _log.info('discarded %s: somebody asked for that', path)

    def _keep(self, paths: Collection[Path]) -> None:
        with self._changed:
            self._kept.update(paths)
        self.wake()

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            return
        state = os.open(self._directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(state)
        finally:
            os.close(state)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._has_news = False
                kept = list(self._kept)
            looked = [survive(partial(self._look_at, path), False) for path in kept]
            with self._changed:
                if self._kept:
                    self._changed.wait_for(lambda: self._has_news or self._is_closed,
                                           None if all(looked) else AGAIN_S)
                if self._is_closed or not self._kept:
                    self._is_running = False
                    return

    def _look_at(self, path: Path) -> bool:
        """Do what is to be done for one; return whether that could be done."""
        try:
            with self._settling:
                self._settle(path)
        except LedgerUnavailable as error:
            _log.debug('%s: %s', path, error)
            return False
        except OSError as error:
            self._warn_once(path, error)
            return False
        return not self._ledger.problem  # else the ledger may lag behind what is so

    def _settle(self, path: Path) -> None:
        try:
            fingerprint = Fingerprint.of(path.stat())
        except FileNotFoundError:
            self._forget(path)
            return
        transfer = self._ledger.find(path)
        is_same = transfer is not None and transfer.fingerprint.is_same(fingerprint)
        if transfer is None or (transfer.state == STORED and not is_same):
            # Power was cut before it was accepted, or the ledger is another one.
            self._ledger.accept(path, fingerprint)
            self._on_accepted()
        elif transfer.state == STORED:
            remove_received(path)
            self._ledger.note_deleted(transfer, _CAUSE)
            _log.info('removed %s: %s, and it is in the bucket as %s', path, _CAUSE, transfer.key)
            self._forget(path)
        elif (transfer.is_deleted and is_same
              and self._ledger.forget(transfer.id, partial(remove_received, path))):
            # From the bucket, before this had seen that it was stored.
            _log.info('removed %s: %s, and it was deleted from the bucket', path, _CAUSE)
            self._forget(path)

    def _warn_once(self, path: Path, error: OSError) -> None:
        if path not in self._warned:
            self._warned.add(path)
            _log.warning('%s is kept longer than it is needed: %s; it was received over HTTP, and'
                         ' what to do about it is tried again', path, error.strerror)

    def _forget(self, path: Path) -> None:
        self._warned.discard(path)
        with self._changed:
            self._kept.discard(path)


def _remove(path: Path) -> None:
    with file_errors(path):
        remove_received(path)


def _files_in(directory: Path) -> list[Path]:
    """Return the logs that are there; remove what never was one."""
    try:
        found = list(directory.iterdir())
    except FileNotFoundError:
        return []
    files: list[Path] = []
    for path in found:
        try:
            files += _files_at(path)
        except FileNotFoundError:
            continue
        except OSError as error:  # e.g. lost+found, where a disk of its own is mounted
            _log.warning('%s cannot be looked at: %s; if logs that were received over HTTP are in'
                         ' it, they stay there', path, error.strerror)
    return files


def _files_at(path: Path) -> list[Path]:
    files: list[Path] = []
    if stat.S_ISDIR(path.lstat().st_mode):
        files = [file for file in path.iterdir() if stat.S_ISREG(file.lstat().st_mode)]
        if not files:
            with suppress(OSError):  # something else is in it
                path.rmdir()
    elif path.name.endswith(_PART_END):
        path.unlink(missing_ok=True)  # of a disk that knows no files without a name
    return files
