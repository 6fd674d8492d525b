"""Multipart uploads that are not gone on with: their parts are paid for until aborted."""
import sqlite3

from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.records import Orphan

CHANGED = 'the file has changed since'


class Orphanage:
    """
    Keeps them in the ledger until they are aborted.

    :param database: of the ledger
    :param destination: the bucket and the folder in it
    """

    def __init__(self, database: Database, destination: str) -> None:
        self._database = database
        self._destination = destination

    def take_from(self, database: sqlite3.Connection, transfer_id: int, reason: str, *,
                  is_gone: bool = False) -> None:
        """
        Take the multipart upload of a transfer, if it has one.

        :param database: in a transaction
        :param transfer_id: in the ledger
        :param reason: why it is not gone on with
        :param is_gone: it was completed or aborted, so that nothing is left to be done
        """
        row = database.execute('SELECT key, upload_id FROM transfers WHERE id = ?',
                               (transfer_id,)).fetchone()
        if row is None or not row['upload_id']:
            return
        if not is_gone:
            self.add(database, row['key'], row['upload_id'], reason)
        database.execute("UPDATE transfers SET upload_id = '', part_size = 0 WHERE id = ?",
                         (transfer_id,))
        database.execute('DELETE FROM parts WHERE transfer = ?', (transfer_id,))

    def add(self, database: sqlite3.Connection, key: str, upload_id: str, reason: str) -> None:
        """Take a multipart upload, in a transaction."""
        database.execute(
            'INSERT OR IGNORE INTO orphans (upload_id, destination, key, reason)'
            ' VALUES (?, ?, ?, ?)',
            (upload_id, self._destination, key, reason))

    def all(self) -> list[Orphan]:
        """Return them, the oldest first."""
        found = self._database.run(lambda database: database.execute(
            'SELECT * FROM orphans WHERE destination = ? ORDER BY rowid',
            (self._destination,)).fetchall())
        return [Orphan(row['key'], row['upload_id'], row['reason'], row['problem'])
                for row in found]

    def aborted(self, orphan: Orphan) -> None:
        """Note that there is nothing left of one."""
        self._database.run(lambda database: database.execute(
            'DELETE FROM orphans WHERE upload_id = ?', (orphan.upload_id,)))

    def stays(self, orphan: Orphan, problem: str) -> None:
        """Note why one could not be aborted."""
        if problem != orphan.problem:
            self._database.run(lambda database: database.execute(
                'UPDATE orphans SET problem = ? WHERE upload_id = ?',
                (problem, orphan.upload_id)))
