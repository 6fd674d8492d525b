"""What became of every flight log that this process was asked to upload."""
from collections import deque, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import threading

UNKNOWN, QUEUED, UPLOADING = 'unknown', 'queued', 'uploading'
STORED, REJECTED = 'stored', 'rejected'

_Log = tuple[Path, str]

HISTORY = 1000
LAST_ERRORS = 10


@dataclass(frozen=True)
class Transfer:
    """
    Where one log stands.

    :param state: ``unknown``, ``queued``, ``uploading``, ``stored`` or ``rejected``
    :param s3_key: once it is stored
    :param reason: why it is not stored; empty where nothing is wrong
    """

    state: str
    s3_key: str = ''
    reason: str = ''


@dataclass(frozen=True)
class Counts:
    """
    How many logs are in which state.

    :param queued: now
    :param uploading: now
    :param stored: since the start
    :param rejected: since the start
    """

    queued: int
    uploading: int
    stored: int
    rejected: int


class TransferTracker:
    """
    The books of the transfers: written by the queue, read by ``~/info``. Thread-safe.

    :param clock: the time now, aware, UTC
    :param history: finished transfers that are remembered
    """

    def __init__(self, clock: Callable[[], datetime], *, history: int = HISTORY) -> None:
        self._clock = clock
        self._history = history
        self._lock = threading.Lock()
        self._open: dict[_Log, Transfer] = {}
        self._finished: OrderedDict[_Log, Transfer] = OrderedDict()
        self._errors: deque[str] = deque(maxlen=LAST_ERRORS)
        self._stored = self._rejected = 0

    def queued(self, path: Path, name: str = '', reason: str = '') -> None:
        """
        Note that the log waits for its turn.

        :param name: that the object is to get; empty: the file's own
        :param reason: why the try before failed; empty: there was none
        """
        with self._lock:
            self._open[path, name] = Transfer(QUEUED, reason=reason)
            if reason:
                self._note_error(path, reason)

    def uploading(self, path: Path, name: str = '') -> None:
        """Note that the log is on its way."""
        with self._lock:
            before = self._open.get((path, name), Transfer(QUEUED))
            self._open[path, name] = Transfer(UPLOADING, reason=before.reason)

    def stored(self, path: Path, name: str, s3_key: str) -> None:
        """Note that the log is in the bucket."""
        with self._lock:
            self._stored += 1
            self._finish((path, name), Transfer(STORED, s3_key=s3_key))

    def rejected(self, path: Path, name: str, reason: str) -> None:
        """Note that the log is refused until a person acts."""
        with self._lock:
            self._rejected += 1
            self._note_error(path, reason)
            self._finish((path, name), Transfer(REJECTED, reason=reason))

    def given_up(self, path: Path, name: str, reason: str) -> None:
        """Note that the log could not be stored now, and that nobody asked to keep trying."""
        with self._lock:
            self._note_error(path, reason)
            self._finish((path, name), Transfer(
                UNKNOWN, reason=f'the last upload failed, and is not tried again by itself:'
                                f' {reason}'))

    def find(self, path: Path) -> Transfer:
        """Return where the log stands."""
        with self._lock:
            known = (*self._open.items(), *reversed(self._finished.items()))
        found = next((transfer for log, transfer in known if log[0] == path), None)
        return found or Transfer(UNKNOWN, reason='no request and no event has named this file'
                                                 ' since the node started')

    def counts(self) -> Counts:
        """Return how many logs are in which state."""
        with self._lock:
            uploading = sum(t.state == UPLOADING for t in self._open.values())
            return Counts(len(self._open) - uploading, uploading, self._stored, self._rejected)

    def last_errors(self) -> tuple[str, ...]:
        """Return the last errors with their times, newest first."""
        with self._lock:
            return tuple(reversed(self._errors))

    def _note_error(self, path: Path, reason: str) -> None:
        stamp = self._clock().isoformat(timespec='seconds')
        self._errors.append(f'{stamp} {path}: {reason}')

    def _finish(self, log: _Log, transfer: Transfer) -> None:
        self._open.pop(log, None)
        self._finished[log] = transfer
        self._finished.move_to_end(log)
        while len(self._finished) > self._history:
            self._finished.popitem(last=False)
