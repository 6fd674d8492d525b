"""Uploads that wait their turn, and are tried again where that can help; in memory."""
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
import logging
from pathlib import Path
import threading
import time
from typing import Optional, Protocol

from flightlog_bucket.errors import Busy, Cancelled, FlightlogError
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.alarms import After, Alarm
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.tracker import TransferTracker

MAX_OPEN = 10_000
WARNING_PERIOD_S = 60.0

_log = logging.getLogger(__name__)


class Upload(Protocol):
    """Stores one log, e.g. ``FlightLogBucket.upload``."""

    def __call__(self, file_path: Path, *, custom_filename: str) -> StoredLog:
        """Store it, or raise ``FlightlogError``."""


class _Entry:
    """A log that is neither stored nor rejected yet."""

    def __init__(self, path: Path, custom_filename: str) -> None:
        self.path = path
        self.custom_filename = custom_filename
        self.keep_trying = False
        self.is_awaited = False
        self.is_running = False
        self.attempts = 0
        self.alarm: Optional[Alarm] = None
        self.patience: Optional[Alarm] = None
        # What was asked for while this one was on its way.
        self.successor: Optional[_Entry] = None
        # Of the try that is under way or comes next; a fresh one for every try.
        self.outcome: Future[StoredLog] = Future()


class UploadQueue:
    """
    At most ``slots`` uploads at once; who waits for an answer goes before the others.

    :param upload: stores one log
    :param pool: where it runs; has ``slots`` threads
    :param tracker: is told what becomes of every log
    :param after: sets an alarm
    :param slots: uploads at once
    :param max_pending: callers who may wait for a slot
    :param max_wait_s: callers who have waited so long for a slot are sent away
    :param retry_max_delay_s: the longest pause between two tries of one log
    """

    def __init__(self, upload: Upload, pool: Executor, tracker: TransferTracker, after: After, *,
                 slots: int, max_pending: int, max_wait_s: float, retry_max_delay_s: float,
                 delay: Callable[[int, float], float] = full_jitter,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._upload = upload
        self._pool = pool
        self._tracker = tracker
        self._after = after
        self._slots = slots
        self._max_pending = max_pending
        self._max_wait_s = max_wait_s
        self._retry_max_delay_s = retry_max_delay_s
        self._delay = delay
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._open: dict[tuple[Path, str], _Entry] = {}
        self._awaited: deque[_Entry] = deque()
        self._background: deque[_Entry] = deque()
        self._running = 0
        self._next_warning_s = 0.0
        self._closed = False

    def submit(self, path: Path, custom_filename: str = '', *,
               keep_trying: bool) -> 'Future[StoredLog]':
        """
        Queue one log. The same log again, while it is queued, is one upload.

        While it is under way, it is queued once more: what is sent may have been read before the
        file came to be what it is now. If it has not changed, that costs one look.

        :param keep_trying: in the background, as long as another try can help; else one try
        :returns: the outcome of the next try that begins
        :raises Busy: too many wait already
        """
        with self._lock:
            entry = self._open.get((path, custom_filename))
            if entry is None:
                entry = self._add(path, custom_filename, keep_trying)
            elif entry.is_running:
                entry.successor = entry.successor or _Entry(path, custom_filename)
                entry = entry.successor
            elif not keep_trying:
                self._bring_forward(entry)
            entry.keep_trying |= keep_trying
            entry.is_awaited |= not keep_trying
            outcome = entry.outcome
            self._fill_slots()
        return outcome

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._closed = True

    def _add(self, path: Path, custom_filename: str, keep_trying: bool) -> _Entry:
        waiting, most = ((len(self._open), MAX_OPEN) if keep_trying
                         else (len(self._awaited), self._max_pending))
        if self._closed:
            raise Cancelled(f'{path} is not accepted: the node is ending')
        if waiting >= most:
            raise Busy(f'{path} is not accepted: {waiting} uploads wait; try again later')
        entry = self._open[(path, custom_filename)] = _Entry(path, custom_filename)
        self._tracker.queued(path, custom_filename)
        self._line_up(entry, is_awaited=not keep_trying)
        return entry

    def _line_up(self, entry: _Entry, *, is_awaited: bool) -> None:
        self._queue(entry, self._awaited if is_awaited else self._background)
        if is_awaited:
            entry.patience = self._after(self._max_wait_s, partial(self._send_away, entry))

    def _send_away(self, entry: _Entry) -> None:
        """Tell who waits for an answer that there is none to be had soon."""
        with self._lock:
            if entry not in self._awaited:
                return
            outcome, entry.outcome = entry.outcome, Future()
            error = Busy(f'{entry.path} waited {self._max_wait_s:.0f} s for its turn behind'
                         f' {self._running} uploads; try again later, or use enqueue_only')
            self._awaited.remove(entry)
            if entry.keep_trying:
                self._background.append(entry)
            else:
                self._give_up(entry, error)
        outcome.set_exception(error)

    def _bring_forward(self, entry: _Entry) -> None:
        if entry in self._background:
            self._background.remove(entry)
        if entry not in self._awaited:
            self._line_up(entry, is_awaited=True)

    def _queue(self, entry: _Entry, line: 'deque[_Entry]') -> None:
        if entry.alarm is not None:
            entry.alarm.cancel()
            entry.alarm = None
        line.append(entry)

    def _due(self, entry: _Entry) -> None:
        with self._lock:
            if entry.alarm is not None:
                self._queue(entry, self._background)
                self._fill_slots()

    def _fill_slots(self) -> None:
        while not self._closed and self._running < self._slots:
            line = self._awaited or self._background
            if not line:
                return
            entry = line.popleft()
            if entry.patience is not None:
                entry.patience.cancel()
            try:
                attempt = self._pool.submit(self._upload, entry.path,
                                            custom_filename=entry.custom_filename)
            except (Busy, RuntimeError) as reason:  # no thread to be had
                self._not_begun(entry, Busy(f'{entry.path} cannot be begun now: {reason}'))
                return
            self._running += 1
            entry.attempts += 1
            entry.is_running = True
            self._tracker.uploading(entry.path, entry.custom_filename)
            attempt.add_done_callback(partial(self._ended, entry))

    def _not_begun(self, entry: _Entry, error: Busy) -> None:
        outcome = entry.outcome
        self._failed(entry, error)
        if not entry.keep_trying:
            outcome.set_exception(error)

    def _ended(self, entry: _Entry, attempt: 'Future[StoredLog]') -> None:
        error = (Cancelled(f'{entry.path}: the node is ending') if attempt.cancelled()
                 else attempt.exception())
        with self._lock:
            self._running -= 1
            entry.is_running = False
            outcome, entry.outcome = entry.outcome, Future()
            if error is None:
                self._stored(entry, attempt.result())
            else:
                self._failed(entry, error)
            self._begin_successor(entry)
            self._fill_slots()
        if error is None:
            outcome.set_result(attempt.result())
        else:
            outcome.set_exception(error)

    def _begin_successor(self, entry: _Entry) -> None:
        successor, entry.successor = entry.successor, None
        if successor is None:
            return
        if (entry.path, entry.custom_filename) in self._open:  # it is tried again anyway
            entry.outcome = successor.outcome
            if successor.is_awaited:
                self._bring_forward(entry)
            return
        self._open[(entry.path, entry.custom_filename)] = successor
        self._tracker.queued(entry.path, entry.custom_filename)
        self._line_up(successor, is_awaited=successor.is_awaited)

    def _stored(self, entry: _Entry, log: StoredLog) -> None:
        self._drop(entry)
        self._tracker.stored(entry.path, entry.custom_filename, log.s3_key)
        _log.info('%s %s as %s, %d bytes', 'was already stored:' if log.already_stored
                  else 'stored', entry.path, log.s3_key, log.file_size)

    def _failed(self, entry: _Entry, error: BaseException) -> None:
        can_help = isinstance(error, FlightlogError) and error.retryable
        if can_help and entry.keep_trying:
            self._try_again(entry, error)
            return
        if can_help:
            self._give_up(entry, error)
            return
        self._drop(entry)
        self._tracker.rejected(entry.path, entry.custom_filename,
                               str(error) or type(error).__name__)
        _log.error('rejected: %s: %s', entry.path, error,
                   exc_info=None if isinstance(error, FlightlogError) else error)

    def _give_up(self, entry: _Entry, error: BaseException) -> None:
        self._drop(entry)
        self._tracker.given_up(entry.path, entry.custom_filename, str(error))
        _log.warning('not stored: %s: %s', entry.path, error)

    def _try_again(self, entry: _Entry, error: BaseException) -> None:
        self._tracker.queued(entry.path, entry.custom_filename, str(error))
        if self._closed:
            return
        delay_s = self._delay(max(entry.attempts, 1), self._retry_max_delay_s)
        entry.alarm = self._after(delay_s, partial(self._due, entry))
        # Without network every log fails again and again: one line a minute says enough.
        level = logging.DEBUG
        if self._monotonic() >= self._next_warning_s:
            level = logging.WARNING
            self._next_warning_s = self._monotonic() + WARNING_PERIOD_S
        _log.log(level, 'not stored yet, tried again in %.0f s: %s: %s (%d logs wait)',
                 delay_s, entry.path, error, len(self._open))

    def _drop(self, entry: _Entry) -> None:
        del self._open[(entry.path, entry.custom_filename)]
