"""SQLite files: opened, copied where they cannot be written, salvaged where they are damaged."""
from collections.abc import Callable
import logging
import os
from pathlib import Path
import shutil
import sqlite3
import tempfile
from typing import Optional

from flightlog_bucket.transfers.schema import migrate

_log = logging.getLogger(__name__)

Connection = sqlite3.Connection

ENDS = ('', '-wal', '-shm')
"""What the names of the files of one database end in."""

_BUSY_S = 5.0
# What the operating system does not let be written; the file itself is sound.
_UNWRITABLE = ('readonly', 'read-only', 'unable to open', 'full', 'disk i/o error', 'locked')


def connect(name: str) -> Connection:
    """
    Open a database; it is made where there is none.

    :param name: of the file, or ``:memory:``
    """
    database = sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None,
                               check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def is_unwritable(error: sqlite3.Error) -> bool:
    """Tell whether an error is that of a disk, not that of a damaged file."""
    text = str(error).lower()
    return isinstance(error, sqlite3.OperationalError) and any(w in text for w in _UNWRITABLE)


def copy_unwritable(path: Path, database: Connection) -> None:
    """
    Copy a sound file that can be read, but not written.

    :param path: of the file
    :param database: an empty one, in memory
    """
    if not path.is_file():
        return
    try:
        with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
            for end in ENDS[:2]:
                if os.path.exists(f'{path}{end}'):
                    shutil.copyfile(f'{path}{end}', os.path.join(folder, path.name + end))
            copy = connect(os.path.join(folder, path.name))
            try:
                if copy.execute('PRAGMA quick_check(1)').fetchone()[0] == 'ok':
                    migrate(copy)
                    copy.backup(database)
            finally:
                copy.close()
    except (OSError, sqlite3.DatabaseError) as error:
        _log.warning('%s cannot be read either: %s', path, error)


def take_over(salvage: Callable[[Connection, Connection], None], damaged: Path,
              successor: Connection) -> None:
    """
    Let a damaged file's successor have what can be read of it.

    :param salvage: is given both
    :param damaged: the file
    :param successor: an empty ledger
    """
    try:
        source = connect(str(damaged))
        try:
            salvage(source, successor)
        finally:
            source.close()
    except sqlite3.DatabaseError as error:
        if successor.in_transaction:
            successor.execute('ROLLBACK')
        _log.warning('nothing is taken over from %s: %s', damaged, error)


def _memory_folder() -> Optional[str]:
    shared = '/dev/shm'  # noqa: S108  (a folder of a random name is made in it)
    return shared if os.access(shared, os.W_OK) else None
