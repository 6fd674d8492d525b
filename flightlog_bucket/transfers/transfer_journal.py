"""The journal of one upload, kept in the ledger."""
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
import logging
import sqlite3
import threading
from typing import Optional

from flightlog_bucket.errors import LedgerUnavailable
from flightlog_bucket.storage.journal import Part, Progress
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers import rows
from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.orphanage import CHANGED, Orphanage

# Of what was sent, and how far it came; also where the ledger could not be written.
Underway = dict[int, tuple[Optional[Fingerprint], Progress]]

_log = logging.getLogger(__name__)


class TransferJournal:
    """
    A ``Journal`` whose entries are committed when a call returns.

    Where the ledger cannot be written, the upload goes on, and a restart may send parts again.

    ``has_begun`` tells whether the log is about to be sent, or is being sent: it was found fit.
    ``gained`` counts the parts that went up since it was made.

    :param database: of the ledger
    :param transfer_id: in the ledger
    :param orphanage: is given multipart uploads that are not gone on with
    :param underway: what this process has begun, by transfer; shared by all journals
    :param last_keys: of the objects that may be there by now, by transfer; shared as well
    :param on_change: is called when the key of the log is known
    """

    def __init__(self, database: Database, transfer_id: int, orphanage: Orphanage,
                 underway: Underway, last_keys: Optional[dict[int, str]] = None,
                 on_change: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._id = transfer_id
        self._orphanage = orphanage
        self._underway = underway
        self._last_keys = {} if last_keys is None else last_keys
        self._on_change = on_change
        self._lock = threading.Lock()
        self._was_warned = False
        self._fingerprint: Optional[Fingerprint] = None
        self.has_begun = False
        self.gained = 0

    def begin(self, fingerprint: Fingerprint) -> Optional[Progress]:
        """Note what is about to be sent; return how far the same content came earlier."""
        self.has_begun = True
        found: list[Progress] = []

        def work(database: sqlite3.Connection) -> None:
            row = rows.one(database, self._id)
            if rows.fingerprint(row).is_same(fingerprint):
                found.extend(_progress(database, row))
                return
            self._orphanage.take_from(database, self._id, CHANGED)
            database.execute('UPDATE transfers SET size = ?, mtime_ns = ?, device = ?, inode = ?'
                             ' WHERE id = ?', (*rows.columns(fingerprint), self._id))
        self._write(work)
        self._fingerprint = fingerprint
        return self._unwritten(fingerprint, found) or (found[0] if found else None)

    def stored_as(self) -> str:
        """Return the key under which the log was stored earlier; empty: it was not."""
        try:
            row = self._database.run(partial(rows.one, number=self._id))
        except LedgerUnavailable:
            return ''
        return str(row['key']) if row['etag'] else ''

    def began(self, key: str, upload_id: str, part_size: int) -> None:
        """Note that S3 has opened a multipart upload; it takes the place of an earlier one."""
        with self._lock:
            self._underway[self._id] = (self._fingerprint,
                                        Progress(key, upload_id, part_size, ()))
        self._write(partial(self._write_upload, key, upload_id, part_size))
        self._on_change()

    def acknowledged(self, part: Part) -> None:
        """Note that a part is up."""
        with self._lock:
            self.gained += 1
            if self._id in self._underway:
                of, progress = self._underway[self._id]
                self._underway[self._id] = of, replace(progress, parts=(*progress.parts, part))
        self._write(partial(self._write_parts, (part,)))

    def may_be_stored(self, key: str) -> None:
        """Note that S3 may have made the object; known as long as this process lives."""
        self._last_keys[self._id] = key

    def forgotten(self, reason: str, *, is_gone: bool) -> None:
        """Note that the multipart upload is not gone on with."""
        with self._lock:
            self._underway.pop(self._id, None)
        self._write(lambda database: self._orphanage.take_from(
            database, self._id, reason, is_gone=is_gone))

    def _unwritten(self, fingerprint: Fingerprint, found: list[Progress]) -> Optional[Progress]:
        """Return what this process knows of the upload, if the ledger does not know it."""
        with self._lock:
            of, progress = self._underway.get(self._id, (None, None))
        if of is None or progress is None or (found and found[0].upload_id != progress.upload_id):
            return None
        if not of.is_same(fingerprint):
            self._write(lambda database: self._orphanage.add(
                database, progress.key, progress.upload_id, CHANGED))
            return None
        if found and len(found[0].parts) >= len(progress.parts):
            return None
        if not found:
            self._write(partial(self._write_upload, progress.key, progress.upload_id,
                                progress.part_size))
        self._write(partial(self._write_parts, progress.parts))
        return progress

    def _write_upload(self, key: str, upload_id: str, part_size: int,
                      database: sqlite3.Connection) -> None:
        self._orphanage.take_from(database, self._id, 'another upload took its place')
        # Parts that went up while the ledger did not know of an upload are of another one.
        database.execute('DELETE FROM parts WHERE transfer = ?', (self._id,))
        database.execute('UPDATE transfers SET key = ?, upload_id = ?, part_size = ? WHERE id = ?',
                         (key, upload_id, part_size, self._id))

    def _write_parts(self, parts: Sequence[Part], database: sqlite3.Connection) -> None:
        database.executemany(
            'INSERT OR REPLACE INTO parts (transfer, number, size, crc32, etag)'
            ' VALUES (?, ?, ?, ?, ?)',
            [(self._id, part.number, part.size, part.crc32, part.etag) for part in parts])

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
