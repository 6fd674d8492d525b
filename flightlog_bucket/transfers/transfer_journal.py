"""The journal of one upload, kept in the ledger."""
from collections.abc import Callable
import logging
import sqlite3
import threading
from typing import Optional

from flightlog_bucket.errors import LedgerUnavailable
from flightlog_bucket.storage.journal import Part, Progress
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers import rows
from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.orphanage import Orphanage

_log = logging.getLogger(__name__)


class TransferJournal:
    """
    A ``Journal`` whose entries are committed when a call returns.

    Where the ledger cannot be written, the upload goes on, and a restart may send parts again.

    ``gained`` counts the parts that went up since it was made.

    :param database: of the ledger
    :param transfer_id: in the ledger
    :param orphanage: is given multipart uploads that are not gone on with
    """

    def __init__(self, database: Database, transfer_id: int, orphanage: Orphanage) -> None:
        self._database = database
        self._id = transfer_id
        self._orphanage = orphanage
        self._lock = threading.Lock()
        self._was_warned = False
        self.gained = 0

    def begin(self, fingerprint: Fingerprint) -> Optional[Progress]:
        """Note what is about to be sent; return how far the same content came earlier."""
        progress: list[Progress] = []

        def work(database: sqlite3.Connection) -> None:
            row = rows.one(database, self._id)
            if rows.fingerprint(row).is_same(fingerprint):
                progress.extend(_progress(database, row))
                return
            self._orphanage.take_from(database, self._id, 'the file has changed since')
            database.execute('UPDATE transfers SET size = ?, mtime_ns = ?, device = ?, inode = ?'
                             ' WHERE id = ?', (*rows.columns(fingerprint), self._id))
        self._write(work)
        return progress[0] if progress else None

    def began(self, key: str, upload_id: str, part_size: int) -> None:
        """Note that S3 has opened a multipart upload; it takes the place of an earlier one."""
        def work(database: sqlite3.Connection) -> None:
            self._orphanage.take_from(database, self._id, 'another upload took its place')
            database.execute(
                'UPDATE transfers SET key = ?, upload_id = ?, part_size = ? WHERE id = ?',
                (key, upload_id, part_size, self._id))
        self._write(work)

    def acknowledged(self, part: Part) -> None:
        """Note that a part is up."""
        self.gained += 1
        self._write(lambda database: database.execute(
            'INSERT OR REPLACE INTO parts (transfer, number, size, crc32, etag)'
            ' VALUES (?, ?, ?, ?, ?)', (self._id, part.number, part.size, part.crc32, part.etag)))

    def forgotten(self, reason: str, *, is_gone: bool) -> None:
        """Note that the multipart upload is not gone on with."""
        self._write(lambda database: self._orphanage.take_from(
            database, self._id, reason, is_gone=is_gone))

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            self._database.run(work)
        except LedgerUnavailable as error:
            with self._lock:
                was_warned, self._was_warned = self._was_warned, True
            if not was_warned:
                _log.warning('the upload goes on, but after a restart it may send parts again:'
                             ' %s', error)


def _progress(database: sqlite3.Connection, row: sqlite3.Row) -> list[Progress]:
    if not row['upload_id']:
        return []
    parts = database.execute('SELECT * FROM parts WHERE transfer = ? ORDER BY number',
                             (row['id'],)).fetchall()
    return [Progress(row['key'], row['upload_id'], row['part_size'],
                     tuple(Part(p['number'], p['size'], p['crc32'], p['etag']) for p in parts))]
