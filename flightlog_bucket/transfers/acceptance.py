"""Taking a log on: the same log is one transfer, however many triggers name it."""
from collections.abc import Collection
from dataclasses import dataclass
import os
from pathlib import Path
import sqlite3
from typing import Optional

from flightlog_bucket.logs.formats import format_of_name
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers import rows
from flightlog_bucket.transfers.orphanage import CHANGED, Orphanage
from flightlog_bucket.transfers.records import AWAY, Bag, QUEUED, REJECTED


@dataclass(frozen=True)
class Wanted:
    """
    What somebody asks for; see ``Ledger.accept()``.

    :param is_last: it goes up after the other files of its bag
    :param revocable: see ``Ledger.accept()``
    :param accepted_s: seconds since 1970
    """

    path: Path
    fingerprint: Fingerprint
    name: str
    bag: Optional[Bag]
    is_last: bool
    urgent: bool
    note: str
    again: bool
    revocable: Optional[bool]
    accepted_s: float


@dataclass(frozen=True)
class Taken:
    """
    What became of it.

    :param id: of the transfer
    :param is_new: it was not to be stored before: its row was made now, or was a rejected one
    :param was_touched: it is on its way with another content than the file has now
    """

    id: int
    is_new: bool = False
    was_touched: bool = False


class Acceptance:
    """
    The rules of ``Ledger.accept()``, within one transaction.

    :param machine: this machine
    :param destination: the bucket and the folder in it
    :param orphanage: is given the multipart uploads that are not gone on with
    """

    def __init__(self, machine: str, destination: str, orphanage: Orphanage) -> None:
        self._machine = machine
        self._destination = destination
        self._orphanage = orphanage

    def accept(self, database: sqlite3.Connection, wanted: Wanted,
               claimed: Collection[int]) -> Taken:
        """
        Find the transfer, or make it.

        :param claimed: what is on its way
        """
        known = list(reversed(rows.where(
            database, 't.destination = ? AND t.path = ?',
            (self._destination, os.fsencode(wanted.path)))))
        waiting = _waiting(known, wanted, claimed)
        if waiting is not None:
            return Taken(waiting['id'],
                         was_touched=self._join(database, waiting, wanted, claimed))
        # Who gives no name is content with any, but that of the file comes first.
        settled = min((row for row in known if row['state'] != QUEUED
                       and wanted.name in ('', row['name'])
                       and rows.fingerprint(row).is_same(wanted.fingerprint)),
                      key=lambda row: bool(row['name'] != wanted.name), default=None)
        if settled is None:
            return Taken(self._add(database, wanted, claimed), is_new=True)
        if not wanted.again and (settled['state'] != REJECTED or settled['fault'] != AWAY):
            return Taken(settled['id'])
        self._revive(database, settled, wanted)
        return Taken(settled['id'], is_new=settled['state'] == REJECTED)

    def _join(self, database: sqlite3.Connection, row: sqlite3.Row, wanted: Wanted,
              claimed: Collection[int]) -> bool:
        is_same = rows.fingerprint(row).is_same(wanted.fingerprint)
        if row['id'] in claimed:
            if wanted.urgent:
                database.execute('UPDATE transfers SET urgent = 1 WHERE id = ?', (row['id'],))
            return not is_same
        if not is_same:
            self._orphanage.take_from(database, row['id'], CHANGED)
        bag = row['bag']
        # A directory that was recorded anew under its name is another bag.
        if wanted.bag is not None and (bag is None or not is_same):
            bag = wanted.bag.id
        is_sooner = wanted.urgent or wanted.again or not is_same
        after = (*rows.columns(wanted.fingerprint), row['name'] or wanted.name, bag,
                 int(bool(row['is_last'] or wanted.is_last)), _note(row, wanted, is_same),
                 int(row['urgent'] or wanted.urgent), 0.0 if is_sooner else row['next_attempt'])
        names = ('size', 'mtime_ns', 'device', 'inode', 'name', 'bag', 'is_last', 'note',
                 'urgent', 'next_attempt')
        if after != tuple(row[name] for name in names):
            database.execute(f"UPDATE transfers SET {', '.join(f'{n} = ?' for n in names)}"
                             ' WHERE id = ?', (*after, row['id']))
        return False

    def _revive(self, database: sqlite3.Connection, row: sqlite3.Row, wanted: Wanted) -> None:
        database.execute(
            "UPDATE transfers SET state = 'queued', next_attempt = 0, attempts = 0, reason = '',"
            " fault = '', deleted = '', device = ?, note = ?, urgent = ? WHERE id = ?",
            (rows.signed(wanted.fingerprint.device), _note(row, wanted, True),
             int(wanted.urgent), row['id']))

    def _add(self, database: sqlite3.Connection, wanted: Wanted,
             claimed: Collection[int]) -> int:
        # What is on its way may have no row any more, after the ledger was damaged: its number
        # is not given to another log.
        last = database.execute('SELECT max(id) FROM transfers').fetchone()[0] or 0
        number = max(last, *claimed, 0) + 1
        database.execute(
            'INSERT INTO transfers (id, destination, machine, path, size, mtime_ns, device, inode,'
            ' name, bag, is_last, urgent, note, state, accepted)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
            (number, self._destination, self._machine, os.fsencode(wanted.path),
             *rows.columns(wanted.fingerprint), wanted.name, wanted.bag and wanted.bag.id,
             int(wanted.is_last), int(wanted.urgent), wanted.note, wanted.accepted_s))
        return number


def _note(row: sqlite3.Row, wanted: Wanted, is_same: bool) -> str:
    """Return the note on a transfer; who asks for the same file again has seen no more of it."""
    return wanted.note or (row['note'] if is_same else '')


def _waiting(known: list[sqlite3.Row], wanted: Wanted,
             claimed: Collection[int]) -> Optional[sqlite3.Row]:
    """Return the row, newest first, that the wanted log can join before it is stored."""
    queued = [row for row in known if row['state'] == QUEUED]
    # Who gives no name is content with any; and one that nobody has named yet can get one, unless
    # there is one of that name, or it would be refused for it.
    return next((row for row in queued if wanted.name in ('', row['name'])), None) or next(
        (row for row in queued
         if not row['name'] and row['id'] not in claimed and not row['upload_id']
         and format_of_name(wanted.name) is format_of_name(wanted.path.name)), None)
