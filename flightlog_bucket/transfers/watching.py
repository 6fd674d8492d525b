"""Events of the file system, by the library watchdog: what may have become a finished log."""
from collections.abc import Callable, Sequence
from functools import partial
import logging
import os
from pathlib import Path
import threading
from typing import Optional

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

_log = logging.getLogger(__name__)

_MAX_WAITING = 1000
_JOIN_S = 5.0
# Without a filter each write of a recorder is an event; watchdog has filters since version 5.
_WANTED = (DirCreatedEvent, DirMovedEvent, FileClosedEvent, FileCreatedEvent, FileMovedEvent)


class Inbox:
    """
    Paths that something has happened to; bounded. Thread-safe.

    :param max_waiting: of more paths at once nothing is known but that there were more
    """

    def __init__(self, max_waiting: int = _MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._condition = threading.Condition()
        self._paths: set[Path] = set()
        self._has_overflowed = False
        self._is_woken = False

    def put(self, path: Path) -> None:
        """Add a path."""
        with self._condition:
            if len(self._paths) < self._max_waiting:
                self._paths.add(path)
            else:
                self._has_overflowed = True
            self._condition.notify_all()

    def put_all(self) -> None:
        """Let everything be looked at."""
        with self._condition:
            self._has_overflowed = True
            self._condition.notify_all()

    def wake(self) -> None:
        """Let ``take()`` return now."""
        with self._condition:
            self._is_woken = True
            self._condition.notify_all()

    def take(self, timeout_s: float) -> tuple[set[Path], bool]:
        """Wait for paths; return them, and whether there were more than fit in."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._paths or self._has_overflowed or self._is_woken, timeout_s)
            taken, overflowed = self._paths, self._has_overflowed
            self._paths, self._has_overflowed, self._is_woken = set(), False, False
        return taken, overflowed


class _Handler(FileSystemEventHandler):
    def __init__(self, on_path: Callable[[Path, bool], None]) -> None:
        self._on_path = on_path

    def dispatch(self, event: FileSystemEvent) -> None:
        if isinstance(event, _WANTED):
            is_move = isinstance(event, (DirMovedEvent, FileMovedEvent))
            path = Path(os.fsdecode(event.dest_path if is_move else event.src_path))
            self._on_path(path, isinstance(event, FileClosedEvent))


class Watching:
    """
    Watches folders and all that is below them. To be used by one thread.

    What cannot be watched is said once; it is for the periodic look to find what is in it.

    :param on_path: is given each path that was created, moved here or closed after writing, and
        whether it was the last
    """

    def __init__(self, on_path: Callable[[Path, bool], None]) -> None:
        self._handler = _Handler(on_path)
        # Made late: a library may take what the system has few of as soon as there is one.
        self._observer: Optional[BaseObserver] = None
        # What ends a watch, and the folder that it is of.
        self._watched: dict[Path, tuple[Callable[[], None], tuple[int, int]]] = {}
        self._missing: set[Path] = set()
        # Another try would fail too, and cost a descriptor that the library does not give back.
        self._given_up: set[Path] = set()

    def start(self) -> bool:
        """Begin; returns whether the system lets it."""
        try:
            observer = Observer()
            observer.start()
        except (OSError, RuntimeError) as error:
            _log.warning('no events of the file system are to be had (%s); the watched folders'
                         ' are looked through periodically', error)
            return False
        self._observer = observer
        return True

    def refresh(self, directories: Sequence[Path]) -> None:
        """Watch these; what was removed and made again under its name is watched anew."""
        for directory in set(self._watched) - set(directories):
            self._drop(directory)
        for directory in directories:
            identity = _identity(directory)
            watched = self._watched.get(directory)
            if watched is not None and watched[1] != identity:
                self._drop(directory)
                watched = None
            if identity is None:
                self._say_missing(directory)
            elif watched is None and directory not in self._given_up:
                self._watch(directory, identity)

    def stop(self) -> None:
        """End; waits for the library's threads."""
        if self._observer is not None and self._observer.is_alive():
            self._observer.stop()
            self._observer.join(_JOIN_S)

    def _watch(self, directory: Path, identity: tuple[int, int]) -> None:
        if self._observer is None:
            return
        path = os.fspath(directory)
        try:
            watch = _schedule(self._observer, self._handler, path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._given_up.add(directory)
            _log.warning('cannot watch %r (%s); it is looked through periodically. If the system'
                         ' has run out of watches, raise fs.inotify.max_user_watches', path,
                         error.strerror or error)
            return
        self._missing.discard(directory)
        self._watched[directory] = partial(self._observer.unschedule, watch), identity

    def _drop(self, directory: Path) -> None:
        end, _ = self._watched.pop(directory)
        try:
            end()
        except KeyError:  # the library has dropped it by itself
            _log.debug('%r was not watched any more', os.fspath(directory))

    def _say_missing(self, directory: Path) -> None:
        if directory not in self._missing:
            self._missing.add(directory)
            _log.warning('the watched folder %r is not there; it is watched when it comes',
                         os.fspath(directory))


def _schedule(observer: BaseObserver, handler: FileSystemEventHandler,
              path: str) -> ObservedWatch:
    try:
        return observer.schedule(handler, path, recursive=True, event_filter=list(_WANTED))
    except TypeError:  # an older version
        return observer.schedule(handler, path, recursive=True)


def _identity(directory: Path) -> Optional[tuple[int, int]]:
    try:
        status = os.stat(directory)
    except OSError:
        return None
    return status.st_dev, status.st_ino
