"""What is taken over from a damaged ledger: the logs that were not stored yet."""
import logging
import sqlite3

_log = logging.getLogger(__name__)

_COLUMNS = ('destination', 'machine', 'path', 'name', 'size', 'mtime_ns', 'device', 'inode',
            'urgent', 'note', 'accepted')
_ALL = ', '.join(_COLUMNS)


def open_transfers(damaged: sqlite3.Connection, successor: sqlite3.Connection) -> None:
    """
    Copy every queued transfer that can be read, without its progress.

    :param damaged: may raise at any row
    :param successor: a ledger
    """
    taken = 0
    try:
        for row in damaged.execute(f"SELECT {_ALL} FROM transfers WHERE state = 'queued'"):
            taken += _take(successor, tuple(row))
        paused = damaged.execute("SELECT name, value FROM settings WHERE name = 'paused'")
        successor.executemany('INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)',
                              [tuple(row) for row in paused])
    except sqlite3.DatabaseError as error:
        _log.debug('reading the damaged ledger ended: %s', error)
    _log.info('%d logs that were waiting are taken over from the damaged ledger', taken)


def _take(successor: sqlite3.Connection, values: tuple[object, ...]) -> int:
    marks = ', '.join('?' * len(_COLUMNS))
    try:
        made = successor.execute(f"INSERT OR IGNORE INTO transfers ({_ALL}, state)"
                                 f" VALUES ({marks}, 'queued')", values)
    except sqlite3.DatabaseError as error:  # what was read is no row
        _log.debug('a row of the damaged ledger is no transfer: %s', error)
        return 0
    return made.rowcount
