"""Finds finished logs: those that recorders announce, and those in the watched folders."""
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
import logging
import os
from pathlib import Path
import threading
import time
from typing import Optional

from flightlog_bucket.errors import FlightlogError, LedgerUnavailable
from flightlog_bucket.logs.rosbag2_directory import bag_of, COMPRESSED_END
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.announcing import Announcing
from flightlog_bucket.transfers.bag_directory import BagDirectories
from flightlog_bucket.transfers.following import Following
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import (
    can_be_part,
    is_there,
    status_of,
    WatchedFolders,
    without_links,
)
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.records import Bag, Transfer
from flightlog_bucket.transfers.scanning import Scanning
from flightlog_bucket.transfers.settled import Settling
from flightlog_bucket.transfers.single_files import SingleFiles
from flightlog_bucket.transfers.survival import PAUSE_S, survive
from flightlog_bucket.transfers.watching import Inbox, Watching

_LEAST_PAUSE_S = 0.02
_JOIN_S = 10.0
_MAX_GONE = 1000
_MAX_OWED = 10_000
_OWED_PERIOD_S = 5.0
_MAX_CPU = 0.005
"""What the periodic look may take of a core; with a great many files it comes less often."""

_log = logging.getLogger(__name__)


class Discovery:
    """
    Accepts every log that is finished into the ledger, each once. Thread-safe.

    :param ledger: where logs are accepted
    :param on_accepted: is called when some were
    :param directories: to watch, absolute; what is below them too, no symbolic links
    :param patterns: of the names of wanted files; those of a bag are wanted if one is
    :param allowed_extensions: lower case, with the dot
    :param settle_s: a file must be quiet for so long, unless its recorder says that it is closed
    :param rescan_period_s: everything is looked through so often, whatever events there are
    :param clock: monotonic seconds
    :param wall_clock: seconds since 1970
    :param cpu_time: seconds that this thread has had
    :param is_open: whether somebody has a file open for writing
    """

    def __init__(self, ledger: Ledger, on_accepted: Callable[[], None], *,
                 directories: Sequence[Path], patterns: Sequence[str],
                 allowed_extensions: Sequence[str], settle_s: float, rescan_period_s: float,
                 clock: Callable[[], float] = time.monotonic,
                 wall_clock: Callable[[], float] = time.time,
                 cpu_time: Callable[[], float] = time.thread_time,
                 is_open: Callable[[Path], bool] = is_open_for_writing) -> None:
        self._ledger = ledger
        self._on_accepted = on_accepted
        self._rescan_period_s = rescan_period_s
        self._clock = clock
        self._cpu_time = cpu_time
        self._folders = WatchedFolders(directories, patterns, allowed_extensions)
        self._settling = Settling(settle_s, clock=clock, wall_clock=wall_clock, is_open=is_open)
        bags = BagDirectories(ledger, self._settling, tuple(allowed_extensions))
        files = SingleFiles(ledger, self._settling, self._folders)
        self._following = Following(settle_s, clock)
        # One look at a time: each asks the ledger first and accepts then.
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._announcing = Announcing(bags, files, self._following, self._settling,
                                      tuple(allowed_extensions))
        self._scanning = Scanning(ledger, self._folders, bags, files, self._following,
                                  on_accepted, self._lock, clock, self._stopped)
        self._inbox = Inbox()
        self._gone: deque[Path] = deque(maxlen=_MAX_GONE)
        # What was announced while the ledger could not be written.
        self._owed: dict[Path, None] = {}
        self._next_owed_s = clock()
        self._watching = Watching(self._happened)
        self._next_rescan_s = clock()
        self._thread = threading.Thread(target=self._run, name='discovery', daemon=True)

    def start(self) -> None:
        """Begin to look; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = _JOIN_S) -> None:
        """
        End.

        :param wait_s: seconds at most, until nothing more is accepted
        """
        self._stopped.set()
        self._inbox.wake()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def announce(self, path: Path) -> list[Transfer]:
        """
        Accept a log of which its recorder says that it is closed, wherever it is.

        Of a bag, all files before it are closed as well, and the others are looked at from now on
        until it is complete. Durable when it returns.

        :param path: absolute; a file, or the directory of a bag
        :returns: what was accepted; nothing, if it was already, or while it is being compressed
        :raises LocalFileNotFound: if there is no such file, nor a compressed one of that name
        :raises InvalidRequest: if it is no file of a log
        :raises LedgerUnavailable: if the ledger cannot be written; then it is announced again
            later, as long as this process lives
        """
        try:
            with self._lock:
                accepted = self._announcing.announce(without_links(path))
        except LedgerUnavailable:
            # A recorder says it once.
            if len(self._owed) < _MAX_OWED:
                self._owed.setdefault(path)
            raise
        self._inbox.wake()
        if accepted:
            self._on_accepted()
        return accepted

    def accept_directory(self, path: Path, *, urgent: bool = False, again: bool = False,
                         revocable: bool = False) -> list[Transfer]:
        """
        Accept all files of a bag that a person names.

        :param path: absolute, of its directory
        :param urgent: somebody waits for it
        :param again: also those that were rejected
        :param revocable: see ``Ledger.accept()``
        :returns: its transfers, ``metadata.yaml`` last
        :raises LocalFileNotFound: if there is no such directory
        :raises InvalidRequest: if it holds no file of a bag
        :raises LocalFileChanged: if it is still being recorded
        :raises LedgerUnavailable: if the ledger cannot be written
        """
        with self._lock:
            accepted = self._announcing.accept_directory(
                without_links(path), urgent=urgent, again=again, revocable=revocable)
        self._on_accepted()
        return accepted

    def bag_for(self, path: Path) -> Optional[Bag]:
        """
        Return the bag that a file belongs to, None if to none; it is in the ledger then.

        :param path: absolute
        :raises LedgerUnavailable: if the ledger cannot be written
        """
        with self._lock:
            return self._announcing.bag_for(without_links(path))

    def gone(self, path: Path) -> None:
        """Look for what came in the place of a file that was accepted, e.g. a ``.zstd``."""
        self._gone.append(path)
        self._inbox.wake()

    def explain(self, path: Path) -> str:
        """Return why a file that is not in the ledger is not."""
        if not is_there(path):
            return 'there is no such file'
        if status_of(path) is None:
            return 'is not a regular file: folders are looked through, links are not followed'
        path = without_links(path)
        reason = self._settling.reason(path)
        if reason:
            return reason
        if status_of(path.with_name(path.name + COMPRESSED_END)) is not None:
            return 'is compressed: the .zstd beside it is taken in its place'
        if bag_of(path) is None:
            reason = self._folders.why_not(path)
        elif self._folders.root_of(path) is None:
            reason = 'is in a bag that is not in a watched folder'
        return reason or (f'was not looked at yet; the watched folders are looked through every'
                          f' {self._rescan_period_s:g} s')

    def set_patterns(self, patterns: Sequence[str]) -> None:
        """
        Want other files from now on, and look for them soon; what was accepted stays so.

        :param patterns: as for the constructor
        """
        if tuple(patterns) != self._folders.patterns:
            self._folders.patterns = tuple(patterns)
            self._inbox.put_all()

    def follow_unfinished(self) -> None:
        """Look again at the bags that were not complete when the process before ended."""
        self._scanning.follow_unfinished()

    def turn(self, paths: Iterable[Path] = (), *, is_rescan: bool = False) -> None:
        """
        Look at everything that it is time for.

        :param paths: of files and directories that something has happened to
        :param is_rescan: whether it is time for everything
        """
        if is_rescan or self._clock() >= self._next_rescan_s:
            began_s = self._cpu_time()
            self._rescan()
            least_s = (self._cpu_time() - began_s) / _MAX_CPU
            self._next_rescan_s = self._clock() + max(self._rescan_period_s, least_s)
        by_directory: defaultdict[Path, set[str]] = defaultdict(set)
        self._look_for_gone()
        self._announce_again()
        due = self._settling.due()
        for path in (*paths, *due):
            if os.path.isdir(path) and not os.path.islink(path):
                self._scanning.look_through(path)
            else:
                by_directory[path.parent].add(path.name)
        for directory, names in by_directory.items():
            self._scanning.look_at(directory, names)
        for path in due:
            self._settling.put_off(path)
        for directory in self._following.due():
            self._scanning.look_at(directory)

    def _run(self) -> None:
        survive(self._watching.start, None)
        survive(self.follow_unfinished, None)
        paths: set[Path] = set()
        has_overflowed = False
        while not self._stopped.is_set():
            pause_s = survive(partial(self._turn, paths, has_overflowed), PAUSE_S)
            paths, has_overflowed = self._inbox.take(pause_s)
        self._watching.stop()

    def _turn(self, paths: set[Path], is_rescan: bool) -> float:
        self.turn(paths, is_rescan=is_rescan)
        looks = (self._settling.next_look_s(), self._following.next_look_s(),
                 self._next_owed_s if self._owed else None)
        earliest_s = min((self._next_rescan_s, *(look for look in looks if look is not None)))
        return max(earliest_s - self._clock(), _LEAST_PAUSE_S)

    def _happened(self, path: Path, is_closed: bool) -> None:
        """Take an event of the file system; called by the library's thread."""
        if is_closed:
            self._settling.stir(path)
        if can_be_part(path.name) or os.path.isdir(path):
            self._inbox.put(path)

    def _look_for_gone(self) -> None:
        while self._gone:
            try:
                self.announce(self._gone.popleft())
            except FlightlogError as error:  # it was deleted, and nothing came in its place
                _log.debug('%s', error)

    def _announce_again(self) -> None:
        """Accept what the ledger could not take when it was announced."""
        if not self._owed or self._clock() < self._next_owed_s:
            return
        self._next_owed_s = self._clock() + _OWED_PERIOD_S
        for path in list(self._owed):
            del self._owed[path]  # first: who announces it in vain meanwhile is owed a try
            try:
                self.announce(path)
            except LedgerUnavailable:  # it is owed again
                return
            except FlightlogError as error:
                _log.error('rejected: %s: %s', path, error)
            except BaseException:
                self._owed.setdefault(path)
                raise

    def _look_for_returned(self) -> None:
        """Accept what was away when its turn came, e.g. with its disk, wherever it is."""
        try:
            for away in self._ledger.away(_MAX_GONE):
                status = status_of(away.path)
                if status and away.fingerprint.is_same(Fingerprint.of(status)):
                    self._ledger.accept(away.path, away.fingerprint, name=away.name, bag=away.bag,
                                        note=away.note)
                    self._on_accepted()
        except FlightlogError as error:
            _log.debug('%s', error)

    def _rescan(self) -> None:
        # Watched before it is looked through, so that nothing falls between.
        self._watching.refresh(self._folders.refresh())
        self._look_for_returned()
        self._scanning.look_through()
        self._settling.is_starting = False
        self._settling.forget_gone()
