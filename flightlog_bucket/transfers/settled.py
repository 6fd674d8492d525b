"""When a file is finished: quiet, not open for writing, with its format's end mark."""
from collections.abc import Callable
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import threading
import time
from typing import Optional

from flightlog_bucket.logs.end_mark import has_end_mark
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.open_files import is_open_for_writing

_log = logging.getLogger(__name__)

ABANDONED_AFTER = 10
"""A log without end mark is given up by its recorder after so many times ``settle_s``."""

_CLOCK_WAS_SET_S = 946_684_800.0
"""Seconds since 1970: before the year 2000 a clock was never set."""
_LEAST_PAUSE_S = 0.05


@dataclass(frozen=True)
class Verdict:
    """
    What was found about a file.

    :param is_finished: nobody writes to it any more
    :param is_quiet: it has not changed, and nobody had it open for writing, for ``settle_s``
    :param reason: why it is not finished
    :param note: what a person should know of a finished one
    """

    is_finished: bool
    is_quiet: bool
    reason: str = ''
    note: str = ''


@dataclass
class _Watched:
    fingerprint: Fingerprint
    since_s: float
    next_look_s: float
    reason: str = ''
    was_open: bool = False


class Settling:
    """
    The files that are not finished yet: only of these anything is kept. Thread-safe.

    Waits go by a clock that nobody sets. The time of day matters only at the start, to files that
    are there already: one that was last written to ``settle_s`` ago need not be watched for so
    long again. A clock that is wrong then costs at most a second version of the log.

    :param settle_s: how long a file must be quiet
    :param clock: monotonic seconds
    :param wall_clock: seconds since 1970
    :param is_open: whether somebody has a file open for writing; may raise OSError
    :param is_complete: whether a log has its format's end mark; may raise OSError
    """

    def __init__(self, settle_s: float, *, clock: Callable[[], float] = time.monotonic,
                 wall_clock: Callable[[], float] = time.time,
                 is_open: Callable[[Path], bool] = is_open_for_writing,
                 is_complete: Callable[[Path], bool] = has_end_mark) -> None:
        self.settle_s = settle_s
        self.is_starting = True
        self.is_complete = is_complete
        self._clock = clock
        self._wall_clock = wall_clock
        self.is_open = is_open
        self._lock = threading.Lock()
        self._watched: dict[Path, _Watched] = {}

    def look(self, path: Path, status: os.stat_result) -> Verdict:
        """
        Look at a file.

        :param status: of the file now
        :raises OSError: if it has vanished, or cannot be read
        """
        watched = self._note(path, status)
        verdict = self._judge(path, watched)
        watched.reason = verdict.reason
        return verdict

    def quiet_s(self, path: Path, status: os.stat_result) -> float:
        """Return for how many seconds the file is as it is now, as far as that was seen."""
        return self._clock() - self._note(path, status).since_s

    def is_abandoned(self, path: Path, status: os.stat_result) -> bool:
        """Tell whether the file is quiet for so long that its recorder must be gone."""
        return self.quiet_s(path, status) >= ABANDONED_AFTER * self.settle_s

    def stir(self, path: Path) -> None:
        """Note that somebody has just written to a file."""
        with self._lock:
            watched = self._watched.get(path)
            if watched is not None:
                watched.since_s = self._clock()

    def forget(self, path: Path) -> None:
        """Keep nothing of a file: it is accepted, or gone."""
        with self._lock:
            self._watched.pop(path, None)

    def forget_gone(self) -> None:
        """Keep nothing of files that are gone."""
        for path in self._paths():
            if not os.path.lexists(path):
                self.forget(path)

    def wait(self, path: Path, status: os.stat_result, reason: str) -> None:
        """Look again in a while; ``reason`` says why the file is not accepted yet."""
        watched = self._note(path, status)
        watched.reason = reason
        watched.next_look_s = self._clock() + max(self.settle_s, _LEAST_PAUSE_S)

    def failed(self, path: Path, status: os.stat_result, error: OSError) -> bool:
        """
        Note that a file cannot be looked at; a person may put that right.

        :returns: whether it is still there
        """
        if isinstance(error, FileNotFoundError):
            self.forget(path)
            return False
        reason = f'cannot be read: {error.strerror}'
        if self.reason(path) != reason:
            _log.warning('%r %s', os.fspath(path), reason)
        self.wait(path, status, reason)
        return True

    def put_off(self, path: Path) -> None:
        """Do not look at a file again at once, whatever the look has led to."""
        now_s = self._clock()
        with self._lock:
            watched = self._watched.get(path)
            if watched is None or watched.next_look_s > now_s:
                return
            watched.next_look_s = now_s + max(self.settle_s, _LEAST_PAUSE_S)
        if not os.path.lexists(path):
            self.forget(path)

    def reason(self, path: Path) -> str:
        """Return why a file that is watched is not finished; empty: it is not watched."""
        with self._lock:
            watched = self._watched.get(path)
        return watched.reason if watched else ''

    def due(self) -> list[Path]:
        """Return the files to look at now."""
        now_s = self._clock()
        with self._lock:
            return [path for path, w in self._watched.items() if w.next_look_s <= now_s]

    def next_look_s(self) -> Optional[float]:
        """Return on the monotonic clock when the next file is to be looked at; None: none is."""
        with self._lock:
            return min((w.next_look_s for w in self._watched.values()), default=None)

    def _paths(self) -> list[Path]:
        with self._lock:
            return list(self._watched)

    def _note(self, path: Path, status: os.stat_result) -> _Watched:
        fingerprint, now_s = Fingerprint.of(status), self._clock()
        with self._lock:
            watched = self._watched.get(path)
            if watched is None:
                since_s = now_s - self._age_s(status)
                watched = self._watched[path] = _Watched(fingerprint, since_s, now_s)
            elif watched.fingerprint != fingerprint:
                watched.fingerprint, watched.since_s = fingerprint, now_s
            return watched

    def _age_s(self, status: os.stat_result) -> float:
        """Return for how long a file that is seen for the first time is taken to be quiet."""
        if not self.is_starting:
            return 0.0
        now_s, modified_s = self._wall_clock(), status.st_mtime
        return now_s - modified_s if _CLOCK_WAS_SET_S <= modified_s <= now_s else 0.0

    def _judge(self, path: Path, watched: _Watched) -> Verdict:
        now_s, pause_s = self._clock(), max(self.settle_s, _LEAST_PAUSE_S)
        settled_s = watched.since_s + self.settle_s
        if now_s < settled_s:
            watched.next_look_s = settled_s
            return Verdict(False, False, f'was written to less than settle_s,'
                                         f' {self.settle_s:g} s, ago')
        watched.next_look_s = now_s + pause_s
        was_open, watched.was_open = watched.was_open, self.is_open(path)
        if watched.was_open or was_open:
            # It may have been closed just now: that is what the time is counted from.
            watched.since_s = now_s
            return Verdict(False, False, 'is still being written: a process has it open'
                           if watched.was_open else 'was closed less than settle_s,'
                                                    f' {self.settle_s:g} s, ago')
        if self.is_complete(path):
            return Verdict(True, True)
        abandoned_s = watched.since_s + ABANDONED_AFTER * self.settle_s
        if now_s >= abandoned_s:
            return Verdict(True, True, note=f'{path.name} was not closed by its recorder'
                                            ' (no end mark)')
        watched.next_look_s = min(abandoned_s, now_s + 2 * pause_s)
        return Verdict(False, True, 'has no end mark: its recorder has not closed it')
