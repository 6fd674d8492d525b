"""What is taken over from a damaged ledger: the logs that were not stored yet, and their bags."""
from collections.abc import Iterator
import logging
import sqlite3

_log = logging.getLogger(__name__)

# With their numbers: an upload that is under way knows its transfer by the number.
_TRANSFER = ('id', 'destination', 'machine', 'path', 'name', 'size', 'mtime_ns', 'device',
             'inode', 'bag', 'is_last', 'state', 'urgent', 'note', 'accepted')
_BAG = ('id', 'destination', 'path', 'folder')
_SETTING = ('name', 'value')


def open_transfers(damaged: sqlite3.Connection, successor: sqlite3.Connection) -> None:
    """
    Copy every queued transfer that can be read, without its progress.

    :param damaged: may raise at any row
    :param successor: a ledger
    """
    # At once: a commit for each of many rows would keep the node waiting for minutes.
    successor.execute('BEGIN IMMEDIATE')
    _copy(damaged, successor, 'settings', _SETTING, "name = 'paused'")
    _copy(damaged, successor, 'bags', _BAG, '1')
    taken = _copy(damaged, successor, 'transfers', _TRANSFER, "state = 'queued'")
    # Without its bag a file of one is no log; its directory is looked at again.
    lost = 'bag IS NOT NULL AND bag NOT IN (SELECT id FROM bags)'
    successor.execute(f'DELETE FROM transfers WHERE {lost}'
                      " AND (is_last OR substr(path, -4) = CAST('-wal' AS BLOB))")
    successor.execute(f'UPDATE transfers SET bag = NULL WHERE {lost}')
    successor.execute('COMMIT')
    _log.info('%d logs that were waiting are taken over from the damaged ledger', taken)


def _copy(damaged: sqlite3.Connection, successor: sqlite3.Connection, table: str,
          columns: tuple[str, ...], wanted: str) -> int:
    names, marks = ', '.join(columns), ', '.join('?' * len(columns))
    taken = 0
    for row in _readable(damaged, f'SELECT {names} FROM {table} WHERE {wanted}'):
        try:
            taken += successor.execute(
                f'INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})', tuple(row)).rowcount
        except sqlite3.IntegrityError as error:  # what was read is no row
            _log.debug('a row of the damaged ledger is not taken over: %s', error)
    return taken


def _readable(damaged: sqlite3.Connection, query: str) -> Iterator[sqlite3.Row]:
    try:
        yield from damaged.execute(query)
    except sqlite3.DatabaseError as error:
        _log.debug('reading the damaged ledger ended: %s', error)
