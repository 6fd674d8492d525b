"""What the ledger knows of the content of logs that are stored."""
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
import sqlite3
from typing import Optional, Union

from flightlog_bucket.results import LogContent

_ONE_QUERY = 500
_MAX_INTEGER = 2 ** 63 - 1


def note(database: sqlite3.Connection, transfer_id: int, content: LogContent) -> None:
    """Write down what is in a log."""
    values: tuple[Union[str, float, int], ...] = (
        _storable(content.format), content.verdict, _storable(content.reason),
        content.start.isoformat() if content.start else '', content.duration_s,
        min(content.message_count, _MAX_INTEGER))
    database.execute(
        'UPDATE transfers SET format = ?, verdict = ?, verdict_reason = ?, start = ?,'
        ' duration = ?, messages = ? WHERE id = ?', (*values, transfer_id))
    # Apart: it can be long, and few ask for it.
    database.execute('INSERT OR REPLACE INTO descriptions (transfer, description) VALUES (?, ?)',
                     (transfer_id, _storable(content.description)))


def of(row: sqlite3.Row) -> LogContent:
    """Return what a row says of the content of its log."""
    return LogContent(
        format=row['format'], verdict=row['verdict'], reason=row['verdict_reason'],
        duration_s=row['duration'], message_count=row['messages'],
        start=datetime.fromisoformat(row['start']) if row['start'] else None)


def description(database: sqlite3.Connection, transfer_id: int) -> str:
    """Return what is in a log at length; empty: not known."""
    found = database.execute('SELECT description FROM descriptions WHERE transfer = ?',
                             (transfer_id,)).fetchone()
    return str(found[0]) if found else ''


def by_key(database: sqlite3.Connection, destination: str,
           etags: Mapping[str, str]) -> dict[str, tuple[int, LogContent]]:
    """
    Return what is in the logs that are stored under some keys, with the numbers of their rows.

    :param etags: that the objects have now, by key; one that has another is another log
    """
    found: dict[str, tuple[int, LogContent]] = {}
    keys = list(etags)
    for first in range(0, len(keys), _ONE_QUERY):
        some = keys[first:first + _ONE_QUERY]
        rows = database.execute(
            'SELECT id, key, etag, format, verdict, verdict_reason, start, duration, messages'
            f" FROM transfers WHERE key IN ({','.join('?' * len(some))}) AND destination = ?"
            " AND state = 'stored' AND verdict != '' ORDER BY settled", (*some, destination))
        found.update({row['key']: (row['id'], of(row)) for row in rows
                      if etags[row['key']] == row['etag']})
    return found


def one_by_key(database: sqlite3.Connection, destination: str, key: str,
               etag: str) -> Optional[LogContent]:
    """Return what is in the log that is stored under a key, at length; None: not known."""
    found = by_key(database, destination, {key: etag}).get(key)
    if found is None:
        return None
    number, content = found
    return replace(content, description=description(database, number))


def _storable(word: str) -> str:
    # What a log says of itself can have halves of characters, which SQLite does not take.
    return word.encode(errors='replace').decode()
