"""Stored logs of the ledger, for who looks for one of them."""
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
import sqlite3

from flightlog_bucket.results import LogContent, StoredFile
from flightlog_bucket.transfers import stored_content

_ONE_QUERY = 500


def newest(database: sqlite3.Connection, destination: str, low: str, high: str,
           most: int) -> list[StoredFile]:
    """
    Return the logs with the last keys between two, the last one first.

    :param low: they come after this one
    :param high: and before this one
    :param most: at most so many
    :returns: without URLs; ``last_modified`` is when it was found to be stored
    """
    # The other columns are of the row that has the maximum: sqlite.org/lang_select.html#bareagg
    found = database.execute(
        "SELECT key, size, etag, max(settled) AS settled FROM transfers WHERE state = 'stored'"
        ' AND key > ? AND key < ? AND destination = ? GROUP BY key ORDER BY key DESC LIMIT ?',
        (low, high, destination, most))
    return [StoredFile(row['key'], row['size'],
                       datetime.fromtimestamp(row['settled'], timezone.utc), '', row['etag'])
            for row in found]


def described(database: sqlite3.Connection, destination: str,
              etags: Mapping[str, str]) -> dict[str, LogContent]:
    """
    Return all that is known of the logs that are stored under some keys.

    :param etags: that the objects have now, by key; one that has another is another log
    """
    found = stored_content.by_key(database, destination, etags)
    numbers = [number for number, _ in found.values()]
    texts: dict[int, str] = {}
    for first in range(0, len(numbers), _ONE_QUERY):
        some = numbers[first:first + _ONE_QUERY]
        texts.update((row['transfer'], row['description']) for row in database.execute(
            'SELECT transfer, description FROM descriptions WHERE transfer IN'
            f" ({','.join('?' * len(some))})", some))
    return {key: replace(content, description=texts.get(number, ''))
            for key, (number, content) in found.items()}
