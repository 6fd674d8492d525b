"""Rows of the ledger, read as transfers."""
from collections.abc import Collection, Sequence
import os
from pathlib import Path
import sqlite3
from typing import Optional

from flightlog_bucket.storage.local_file import Fingerprint, modified_ns
from flightlog_bucket.transfers import stored_content
from flightlog_bucket.transfers.records import AWAY, Bag, QUEUED, REJECTED, Transfer, UPLOADING

_ALL = ('SELECT t.*, b.path AS bag_path, b.folder AS bag_folder'
        ' FROM transfers t LEFT JOIN bags b ON b.id = t.bag')
_WORD = 2 ** 64


def signed(number: int) -> int:
    """Return an unsigned 64-bit number, e.g. of an inode, as the signed one that SQLite keeps."""
    return number - _WORD if number >= _WORD // 2 else number


def transfer(row: sqlite3.Row, *, is_on_its_way: bool, is_revocable: bool = False) -> Transfer:
    """Return what a row of ``where()`` says."""
    bag = None
    if row['bag'] is not None:
        bag = Bag(row['bag'], Path(os.fsdecode(row['bag_path'])), row['bag_folder'])
    return Transfer(
        id=row['id'], path=Path(os.fsdecode(row['path'])), name=row['name'],
        fingerprint=fingerprint(row), machine=row['machine'], bag=bag,
        state=UPLOADING if is_on_its_way and row['state'] == QUEUED else row['state'],
        urgent=bool(row['urgent']),
        attempts=row['attempts'], next_attempt_s=row['next_attempt'], reason=row['reason'],
        fault=row['fault'], note=row['note'], key=row['key'], etag=row['etag'],
        crc32=row['crc32'], upload_id=row['upload_id'], part_size=row['part_size'],
        settled_s=row['settled'], content=stored_content.of(row), is_revocable=is_revocable)


def fingerprint(row: sqlite3.Row) -> Fingerprint:
    """Return that of the file of a row."""
    return Fingerprint(row['size'], row['mtime_ns'], row['device'] % _WORD, row['inode'] % _WORD)


def columns(of: Fingerprint) -> tuple[int, int, int, int]:
    """Return size, mtime_ns, device and inode as they are kept."""
    return of.size, of.mtime_ns, signed(of.device), signed(of.inode)


def where(database: sqlite3.Connection, condition: str, values: Sequence[object], *,
          order: str = 't.id') -> list[sqlite3.Row]:
    """Return the rows that a condition chooses; by default in the order of their making."""
    return database.execute(f'{_ALL} WHERE {condition} ORDER BY {order}', values).fetchall()


def one(database: sqlite3.Connection, number: int) -> sqlite3.Row:
    """Return a row by its id."""
    return where(database, 't.id = ?', (number,))[0]


def newest(database: sqlite3.Connection, destination: str,
           paths: Sequence[Path]) -> list[sqlite3.Row]:
    """Return the newest row of each path that has one."""
    marks = ','.join('?' * len(paths))
    return where(
        database, f't.id IN (SELECT max(id) FROM transfers WHERE path IN ({marks})'
                  ' AND destination = ? GROUP BY path)',
        (*(os.fsencode(path) for path in paths), destination))


def contents(database: sqlite3.Connection, destination: str,
             paths: Sequence[bytes]) -> dict[bytes, tuple[int, int, int]]:
    """Return ``content_of()`` the newest row of each path, but of logs that were away."""
    # The other columns are of the row that has the maximum: sqlite.org/lang_select.html#bareagg
    found = database.execute(
        'SELECT path, size, mtime_ns, inode, state, fault, max(id) FROM transfers'
        f" WHERE destination = ? AND path IN ({','.join('?' * len(paths))}) GROUP BY path",
        (destination, *paths)).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in found
            if (row[4], row[5]) != (REJECTED, AWAY)}


def content_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return by what a file is the same one as a row says."""
    return status.st_size, modified_ns(status), signed(status.st_ino)


def next_due(database: sqlite3.Connection, destination: str, now_s: float,
             claimed: Collection[int], *, only_urgent: bool) -> Optional[sqlite3.Row]:
    """Return the row whose turn it is: urgent ones first, then small ones."""
    found: Optional[sqlite3.Row] = database.execute(
        f"{_ALL} WHERE t.state = 'queued' AND t.destination = ? AND t.next_attempt <= ?"
        f' AND t.id NOT IN ({_numbers(claimed)})'
        ' AND NOT (t.is_last AND EXISTS (SELECT 1 FROM transfers o WHERE o.bag = t.bag'
        " AND o.state = 'queued' AND NOT o.is_last))"
        f" {'AND t.urgent = 1' if only_urgent else ''}"
        ' ORDER BY t.urgent DESC, t.size, t.id LIMIT 1', (destination, now_s)).fetchone()
    return found


def earliest(database: sqlite3.Connection, destination: str,
             claimed: Collection[int]) -> Optional[float]:
    """Return when the next of the rows is due that are not on their way."""
    found = database.execute(
        "SELECT next_attempt FROM transfers WHERE state = 'queued' AND destination = ?"
        f' AND next_attempt > 0 AND id NOT IN ({_numbers(claimed)})'
        ' ORDER BY next_attempt LIMIT 1', (destination,)).fetchone()
    return None if found is None else float(found[0])


def changed(database: sqlite3.Connection, condition: str, values: Sequence[object],
            assignments: str) -> list[int]:
    """
    Update the rows that a condition chooses; return their ids.

    What another row is in the way of, which is on its way under the same name, stays as it is.
    """
    found = [row[0] for row in database.execute(
        f'SELECT id FROM transfers WHERE {condition} ORDER BY id DESC', values)]
    return [number for number in found if database.execute(
        f'UPDATE OR IGNORE transfers SET {assignments} WHERE id = ?', (number,)).rowcount]


def _numbers(claimed: Collection[int]) -> str:
    return ','.join(str(int(number)) for number in claimed)
