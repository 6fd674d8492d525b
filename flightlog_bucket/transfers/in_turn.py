"""The transfers in the order in which a person wants to see them, and what becomes of them."""
from collections.abc import Collection, Sequence
import os
from pathlib import Path
import sqlite3
from typing import Optional

from flightlog_bucket.transfers import rows
from flightlog_bucket.transfers.records import AWAY, QUEUED, REJECTED, STORED, UPLOADING, WITHDRAWN
from flightlog_bucket.transfers.standing import Backlog

_RANKS = {UPLOADING: 0, QUEUED: 1, REJECTED: 2, STORED: 3}
STATES = tuple(_RANKS)
OPEN = (UPLOADING, QUEUED, REJECTED)

# As accept(again) does it.
_ANEW = "state = 'queued', next_attempt = 0, attempts = 0, reason = '', fault = '', deleted = ''"
_ONE_QUERY = 500

# Of those that wait as ``rows.next_due()`` has it, of the others the latest first.
_TURN = ("CASE t.state WHEN 'queued' THEN max(t.next_attempt - ?, 0) ELSE -t.settled END,"
         " CASE t.state WHEN 'queued' THEN t.is_last AND EXISTS (SELECT 1 FROM transfers o"
         " WHERE o.bag = t.bag AND o.state = 'queued' AND NOT o.is_last) ELSE 0 END,"
         " t.urgent DESC, CASE t.state WHEN 'queued' THEN t.size ELSE -t.id END, t.id")


def listed(database: sqlite3.Connection, destination: str, states: Collection[str],
           under: Optional[Path], most: int, claimed: Collection[int],
           now_s: float) -> tuple[list[sqlite3.Row], int]:
    """
    Return transfers, and how many there are.

    Those that are on their way come first, then those that wait, in the order of their turns,
    then the rejected ones, then the stored ones, the latest first.

    :param states: only of these
    :param under: only of this file, or of the files in this folder
    :param most: at most so many
    :param claimed: what is on its way
    """
    marks = ','.join(str(int(number)) for number in claimed)
    rank = (f"CASE t.state WHEN 'queued' THEN t.id NOT IN ({marks}) WHEN 'rejected' THEN 2"
            ' ELSE 3 END')
    ranks = ','.join(str(_RANKS[state]) for state in states)
    values: tuple[object, ...]
    condition, values = f't.destination = ? AND {rank} IN ({ranks})', (destination,)
    if STORED not in states:  # there may be many: their index is not even looked at
        kept = "'queued'" if REJECTED not in states else "'queued', 'rejected'"
        condition += f' AND t.state IN ({kept})'
    if under is not None:
        within, paths = _within(under)
        condition, values = f'{condition} AND {within}', (*values, *paths)
    total: int = database.execute(f'SELECT count(*) FROM transfers t WHERE {condition}',
                                  values).fetchone()[0]
    return rows.where(database, condition, (*values, now_s, most),
                      order=f'{rank}, {_TURN} LIMIT ?'), total


def backlog(database: sqlite3.Connection, destination: str) -> Backlog:
    """Return what is not stored yet, and not rejected either."""
    count, size, oldest_s = database.execute(
        'SELECT count(*), coalesce(sum(size), 0), coalesce(min(accepted), 0) FROM transfers'
        " WHERE state = 'queued' AND destination = ?", (destination,)).fetchone()
    return Backlog(count, size, oldest_s)


def bytes_up(database: sqlite3.Connection, ids: Collection[int]) -> dict[int, int]:
    """Return the bytes of the parts that are up, of the transfers that have any."""
    found: dict[int, int] = {}
    numbers = sorted(ids)
    for first in range(0, len(numbers), _ONE_QUERY):
        some = numbers[first:first + _ONE_QUERY]
        found.update((row[0], row[1]) for row in database.execute(
            'SELECT transfer, sum(size) FROM parts WHERE transfer IN'
            f" ({','.join('?' * len(some))}) GROUP BY transfer", some))
    return found


def retriable(database: sqlite3.Connection, destination: str,
              under: Optional[Path]) -> list[sqlite3.Row]:
    """
    Return the newest transfers that wait for their next try, or were rejected.

    :param under: only of this file, or of the files in this folder; None: of all, but for those
        that somebody does not want in the bucket
    """
    values: list[object] = [destination]
    if under is None:
        unwanted = "(t.fault = ? OR (t.fault = '' AND t.key != ''))"
        condition = (f"(t.next_attempt > 0 OR t.state = 'rejected' AND NOT {unwanted}"
                     ' AND t.fault != ?)')
        values += [WITHDRAWN, AWAY]
    else:
        condition, paths = _within(under)
        values += paths
    return rows.where(
        database, "t.destination = ? AND t.state IN ('queued', 'rejected') AND"
        f' {condition} AND NOT EXISTS (SELECT 1 FROM transfers n WHERE n.path = t.path'
        " AND n.destination = t.destination AND n.id > t.id AND t.state = 'rejected')", values)


def retry(database: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """Let transfers be tried now; return those that are."""
    again = []
    for first in range(0, len(ids), _ONE_QUERY):
        some = ids[first:first + _ONE_QUERY]
        chosen = f"id IN ({','.join('?' * len(some))})"
        again += rows.changed(database, f"state = 'queued' AND next_attempt > 0 AND {chosen}",
                              some, 'next_attempt = 0')
        again += rows.changed(database, f"state = 'rejected' AND {chosen}", some, _ANEW)
    return again


def _within(path: Path) -> tuple[str, list[bytes]]:
    low = os.fsencode(path).rstrip(b'/') + b'/'
    return ('(t.path = ? OR t.path >= ? AND t.path < ?)',
            [os.fsencode(path), low, low[:-1] + b'0'])  # the byte after the slash
