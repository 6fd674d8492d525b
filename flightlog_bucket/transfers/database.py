"""
The file of the ledger: durable, and never in the way of the node.

A damaged file is set aside, and a new one begun. A file that cannot be written, or was deleted
while it was open, is gone on with in memory until there is a place for it again.
"""
from collections.abc import Callable
from datetime import datetime, timezone
import logging
import os
from pathlib import Path
import sqlite3
import threading
import time
from typing import Optional, TypeVar

from flightlog_bucket.errors import Cancelled, LedgerInUse, LedgerUnavailable
from flightlog_bucket.transfers.schema import migrate
from flightlog_bucket.transfers.sqlite_files import (
    connect,
    Connection,
    copy_unwritable,
    ENDS,
    is_unwritable,
    take_over,
)
from flightlog_bucket.transfers.state_directory import StateDirectory

_log = logging.getLogger(__name__)

T = TypeVar('T')
NAME = 'ledger.sqlite3'
_MOVE_PERIOD_S = 30.0


class Database:
    """
    One SQLite database, in WAL mode with synchronous=FULL; used by many threads, one at a time.

    :param home: the folder of the file
    :param salvage: is given the connection to a damaged file and the one to its successor, and
        takes over what can still be read
    :param clock: monotonic seconds
    :raises LedgerInUse: if another process has the folder
    :raises ConfigurationError: if a newer version of this package has written the file
    """

    def __init__(self, home: StateDirectory, salvage: Callable[[Connection, Connection], None], *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._salvage = salvage
        self._clock = clock
        self._lock = threading.RLock()
        self._identity: Optional[tuple[int, int]] = None
        self._next_move_s = 0.0
        self._closed = False
        # Why nothing is durable; empty: it is.
        self.problem = ''
        self._database = self._begin()

    @property
    def path(self) -> Path:
        """Of the file."""
        return self._home.path / NAME

    @property
    def _new(self) -> Path:
        return self.path.with_name(f'{NAME}.new')

    def run(self, work: Callable[[Connection], T]) -> T:
        """
        Do the work in one transaction; what it wrote is durable when this returns.

        :param work: may be called a second time, after a damaged file was set aside
        :raises LedgerUnavailable: if it cannot be written
        """
        with self._lock:
            if self._closed:
                raise Cancelled('the ledger is closed: the node is ending')
            self._find_home()
            try:
                return self._transaction(work)
            except sqlite3.DatabaseError as error:
                if is_unwritable(error):
                    raise self._unavailable(error) from error
                if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                    raise
                self._replace_damaged(error)
            try:
                return self._transaction(work)
            except sqlite3.DatabaseError as error:
                raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the file, and let another process have the folder."""
        with self._lock:
            self._closed = True
            self._database.close()
            self._home.release()

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        self._database.execute('BEGIN IMMEDIATE')
        try:
            result = work(self._database)
            self._database.execute('COMMIT')
        except BaseException:
            if self._database.in_transaction:
                self._database.execute('ROLLBACK')
            raise
        return result

    def _unavailable(self, error: sqlite3.Error) -> LedgerUnavailable:
        return LedgerUnavailable(f'the ledger {self.path} cannot be written ({error}); make room'
                                 ' on its disk, or make the folder writable')

    def _begin(self) -> Connection:
        try:
            self._home.claim()
            self._finish_move()
            return self._open_file()
        except (OSError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_unwritable(error):
                return self._begin_anew(error)
            return self._in_memory(error)

    def _open_file(self) -> Connection:
        existed = self.path.exists()
        database = connect(str(self.path))
        try:
            database.execute('PRAGMA journal_mode=WAL')
            database.execute('PRAGMA synchronous=FULL')
            found = database.execute('PRAGMA quick_check(1)').fetchone()[0] if existed else 'ok'
            if found != 'ok':
                raise sqlite3.DatabaseError(found)
            migrate(database)
            status = os.stat(self.path)
            self._identity = status.st_dev, status.st_ino
        except BaseException:
            database.close()
            raise
        self.problem = ''
        return database

    def _begin_anew(self, error: sqlite3.Error) -> Connection:
        """Set a damaged file aside, and take over what can be read of it."""
        # Its successor is whole before it takes its place: a power cut loses nothing in between.
        damaged = self.path
        try:
            self._write_successor()
            damaged = self._set_aside('damaged')
            os.replace(self._new, self.path)
            successor = self._open_file()
        except (OSError, sqlite3.DatabaseError) as problem:
            if damaged == self.path:
                damaged = self._set_aside_if_possible()
            successor = self._in_memory(problem)
            take_over(self._salvage, damaged, successor)
        _log.warning('the ledger %s is damaged (%s). It is set aside as %s; a new one is begun,'
                     ' and what is stored already is found out from the bucket', self.path, error,
                     damaged.name)
        return successor

    def _write_successor(self) -> None:
        self._new.unlink(missing_ok=True)
        successor = connect(str(self._new))
        try:
            successor.execute('PRAGMA synchronous=FULL')
            migrate(successor)
            take_over(self._salvage, self.path, successor)
        except sqlite3.Error:
            self._new.unlink(missing_ok=True)
            raise
        finally:
            successor.close()

    def _set_aside_if_possible(self) -> Path:
        try:
            return self._set_aside('damaged')
        except OSError as error:
            _log.debug('%s stays where it is: %s', self.path, error)
            return self.path

    def _replace_damaged(self, error: sqlite3.Error) -> None:
        self._database.close()
        self._database = self._begin_anew(error) if self._identity else self._in_memory(error)

    def _in_memory(self, error: Exception) -> Connection:
        self.problem = (f'the ledger {self.path} cannot be written ({error}): what is accepted is'
                        ' kept in memory only; make the folder writable, and room on its disk')
        _log.error('%s', self.problem)
        self._identity = None
        self._next_move_s = self._clock() + _MOVE_PERIOD_S
        database = connect(':memory:')
        migrate(database)
        copy_unwritable(self.path, database)
        return database

    def _find_home(self) -> None:
        """Notice that the file is gone, and go on in a new one as soon as that can be made."""
        if self._identity is not None:
            try:
                status = os.stat(self.path)
                if (status.st_dev, status.st_ino) == self._identity:
                    return
            except OSError:
                pass  # not there
        elif self._clock() < self._next_move_s:
            return
        self._next_move_s = self._clock() + _MOVE_PERIOD_S
        was_lost = self._identity is not None
        try:
            self._home.claim()
            self._move()
        except (OSError, sqlite3.DatabaseError, LedgerInUse) as error:
            if was_lost:
                self._keep_in_memory(error)
            return
        _log.warning('the ledger %s %s', self.path, 'was deleted, and is written anew' if was_lost
                     else 'can be written again, and has all that was accepted meanwhile')

    def _set_aside(self, why: str) -> Path:
        stamp = datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%S%f')
        aside = self.path.with_name(f'{NAME}.{why}-{stamp}')
        for end in ENDS:
            if os.path.lexists(f'{self.path}{end}'):
                os.replace(f'{self.path}{end}', f'{aside}{end}')
        return aside

    def _move(self) -> None:
        """Write all that is known into a new file."""
        new = self._new
        new.unlink(missing_ok=True)
        target = connect(str(new))
        try:
            self._database.backup(target)
        except sqlite3.Error:
            new.unlink(missing_ok=True)
            raise
        finally:
            target.close()
        self._set_aside('replaced')
        os.replace(new, self.path)
        before, self._database = self._database, self._open_file()
        before.close()

    def _finish_move(self) -> None:
        """Go on with a move that a power cut has ended between its last two steps."""
        if self.path.exists() or not self._new.exists():
            return
        self._set_aside('replaced')  # what was not yet: its -wal is not of the new file
        os.replace(self._new, self.path)

    def _keep_in_memory(self, error: Exception) -> None:
        self._identity = None
        self.problem = (f'the ledger {self.path} was deleted, and cannot be written anew'
                        f' ({error}): what is accepted is kept in memory only')
        _log.error('%s', self.problem)
