"""
The ledger: every transfer, from the moment it is accepted; it outlives the process.

Whatever a method was told is durable when it returns. What is on its way right now is known in
memory only: after a restart it is queued again, and goes on where it was.
"""
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
import os
from pathlib import Path
import time
from typing import Optional

from flightlog_bucket.logs.formats import METADATA
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers import bags, rows, salvage, stored_content, takeover
from flightlog_bucket.transfers.acceptance import Acceptance, Taken, Wanted
from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.ledger_steering import LedgerSteering, nobody, OnChange
from flightlog_bucket.transfers.records import Bag, MISSING, Transfer
from flightlog_bucket.transfers.sqlite_files import Connection
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.transfer_journal import TransferJournal


class Ledger(LedgerSteering):
    """
    The transfers of one machine to one folder of one bucket. Thread-safe.

    :param home: the folder of the ledger's file
    :param machine: this machine
    :param destination: the bucket and the folder in it: what is stored there, is not stored in
        another one
    :param on_change: is told the ids of transfers that have changed, once that is committed; by
        whatever thread, with locks held: it returns at once, and asks nothing
    :param wall_clock: seconds since 1970
    :param clock: monotonic seconds
    :raises LedgerInUse: if another process has the folder
    :raises ConfigurationError: if a newer version of this package has written the file
    """

    def __init__(self, home: StateDirectory, *, machine: str, destination: str,
                 on_change: OnChange = nobody, wall_clock: Callable[[], float] = time.time,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._machine = machine
        # What was announced with another content while it was on its way.
        self._touched: dict[int, Wanted] = {}
        super().__init__(Database(home, salvage.open_transfers, clock=clock), destination,
                         on_change=on_change, wall_clock=wall_clock, clock=clock)
        self._acceptance = Acceptance(machine, destination, self.orphanage)
        self._database.run(self._begin)

    @property
    def problem(self) -> str:
        """Why nothing is durable; empty: it is."""
        return self._database.problem

    @property
    def path(self) -> Path:
        """Of the file."""
        return self._database.path

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def accept(self, path: Path, fingerprint: Fingerprint, *, name: str = '',
               bag: Optional[Bag] = None, urgent: bool = False, note: str = '',
               again: bool = False, revocable: Optional[bool] = False) -> Transfer:
        """
        Take on a log; the same log again is the same transfer.

        :param path: absolute
        :param fingerprint: of the file now
        :param name: that the object is to get; empty: the file's own
        :param bag: the rosbag2 directory that it belongs to
        :param urgent: somebody waits for it: it goes before the others
        :param note: what else a person should know, e.g. that its recorder did not close it
        :param again: also if it was rejected; if it is stored, look whether it still is
        :param revocable: who asks may take that back, see ``withdrawn()``; None: nobody asks anew
        :raises LedgerUnavailable: if that cannot be written; then nothing is accepted
        """
        # It tells what the other files of the bag are, so that it goes up last.
        is_last = bag is not None and path.name == METADATA
        wanted = Wanted(path, fingerprint, name, bag, is_last, urgent, note, again, revocable,
                        self._wall_clock())

        def work(database: Connection) -> Transfer:
            taken = self._acceptance.accept(database, wanted, self._on_their_way())
            if taken.was_touched:
                self._touch(taken.id, wanted)
            self._note_asked(taken, wanted)
            return self._transfer(rows.one(database, taken.id))
        return self._told(self._database.run(work))

    def claim(self, *, only_urgent: bool = False) -> Optional[Transfer]:
        """
        Return the transfer whose turn it is, which is on its way from now on; None: none is.

        :param only_urgent: of those that somebody waits for
        """
        def work(database: Connection) -> Optional[Transfer]:
            found = rows.next_due(database, self._destination, self.now_s(),
                                  self._on_their_way(), only_urgent=only_urgent)
            if found is None:
                return None
            with self._lock:
                self._claimed.add(found['id'])
                self._touched.pop(found['id'], None)
            return self._transfer(found)
        # Within the transaction: nobody accepts another content of it between look and claim.
        claimed = self._database.run(work)
        return claimed and self._told(claimed)

    def release(self, transfer_id: int) -> bool:
        """
        Note that a transfer is not on its way any more.

        :returns: whether it was accepted with another fingerprint meanwhile
        """
        with self._lock:
            self._claimed.discard(transfer_id)
            was_touched = self._touched.pop(transfer_id, None) is not None
        self._changed((transfer_id,))
        return was_touched

    def next_due_s(self) -> Optional[float]:
        """Return in how many seconds the next transfer is due; None: none waits."""
        due = self._database.run(
            lambda database: rows.earliest(database, self._destination, self._on_their_way()))
        return None if due is None else max(due - self.now_s(), 0.0)

    def journal(self, transfer_id: int) -> TransferJournal:
        """Return what the upload of a transfer writes down."""
        return TransferJournal(self._database, transfer_id, self.orphanage, self._underway,
                               self._last_keys, partial(self._changed, (transfer_id,)))

    def stored(self, transfer_id: int, log: StoredLog) -> None:
        """Note that a log is in the bucket."""
        def work(database: Connection) -> Optional[int]:
            database.execute('DELETE FROM parts WHERE transfer = ?', (transfer_id,))
            database.execute(
                "UPDATE transfers SET state = 'stored', key = ?, etag = ?, crc32 = ?, settled = ?,"
                " attempts = attempts + 1, reason = '', fault = '', upload_id = '', part_size = 0,"
                ' urgent = 0 WHERE id = ?',
                (log.s3_key, log.etag, log.crc32, self._wall_clock(), transfer_id))
            stored_content.note(database, transfer_id, log.content)
            return self._accept_touched(database, transfer_id)
        self._settled(transfer_id, self._database.run(work))

    def rejected(self, transfer_id: int, reason: str, fault: str) -> None:
        """Note that a log is refused until a person acts."""
        def work(database: Connection) -> Optional[int]:
            self.orphanage.take_from(database, transfer_id, reason)
            database.execute(
                "UPDATE transfers SET state = 'rejected', reason = ?, fault = ?, settled = ?,"
                ' attempts = attempts + 1, urgent = 0 WHERE id = ?',
                (reason, fault, self._wall_clock(), transfer_id))
            return self._accept_touched(database, transfer_id)
        self._settled(transfer_id, self._database.run(work))

    def waits(self, transfer_id: int, reason: str, fault: str, delay_s: float, *,
              urgent: bool = False, is_due: Callable[[], bool] = lambda: False) -> None:
        """
        Note that a log is tried again later.

        :param urgent: somebody still waits for it
        :param is_due: whether it is to be tried now instead, as it is written down
        """
        # Within the transaction: what makes all due comes after it, or was seen by ``is_due``.
        self._database.run(lambda database: database.execute(
            'UPDATE transfers SET reason = ?, fault = ?, next_attempt = ?, urgent = ?,'
            ' attempts = attempts + 1 WHERE id = ?',
            (reason, fault, self.now_s() + (0.0 if is_due() else delay_s), int(urgent),
             transfer_id)))
        self._changed((transfer_id,))

    def open_bag(self, path: Path, folder: str) -> Bag:
        """
        Return the bag of a directory, a new one if there is none with that folder.

        :param path: absolute
        :param folder: ``{YYYYMMDD_HHMMSS}_{bag name}``
        """
        return self._database.run(partial(
            bags.find_or_make, destination=self._destination, path=path, folder=folder))

    def note_deleted(self, transfer: Transfer, cause: str) -> None:
        """
        Note that the local file of a stored log is deleted, and by which rule.

        Where it was deleted from the bucket meanwhile, it is forgotten: see
        ``deleted_from_bucket()``.
        """
        def work(database: Connection) -> bool:
            database.execute('UPDATE transfers SET deleted = ? WHERE id = ?',
                             (cause, transfer.id))
            database.execute(
                'INSERT INTO deletions (path, key, size, deleted, cause) VALUES (?, ?, ?, ?, ?)',
                (os.fsencode(transfer.path), transfer.key, transfer.fingerprint.size,
                 self._wall_clock(), cause))
            return cause != MISSING and database.execute(
                "DELETE FROM transfers WHERE id = ? AND state = 'rejected' AND fault = ''"
                " AND key != ''", (transfer.id,)).rowcount > 0
        if self._database.run(work):
            self._changed((transfer.id,))

    def forget_settled(self, before: datetime) -> int:
        """
        Forget logs that were settled before a time and whose local files are gone.

        :param before: aware
        :returns: how many
        """
        before_s = before.astimezone(timezone.utc).timestamp()
        old = self._transfers("t.state != 'queued' AND t.settled < ?", (before_s,))
        gone = [(t.id, before_s) for t in old if not os.path.lexists(t.path)]
        # What was accepted again since it was looked for is not settled any more.
        return self._database.run(lambda database: database.executemany(
            "DELETE FROM transfers WHERE id = ? AND state != 'queued' AND settled < ?",
            gone).rowcount) if gone else 0

    def _touch(self, number: int, wanted: Wanted) -> None:
        with self._lock:
            before = self._touched.get(number)
            is_others = before is not None and not before.revocable
            self._touched[number] = replace(wanted, revocable=False) if is_others else wanted

    def _note_asked(self, taken: Taken, wanted: Wanted) -> None:
        with self._lock:
            if wanted.revocable and taken.is_new:
                self._revocable[taken.id] = wanted.path
            elif wanted.revocable is False:
                self._revocable.pop(taken.id, None)

    def _told(self, transfer: Transfer) -> Transfer:
        self._changed((transfer.id,))
        return transfer

    def _settled(self, transfer_id: int, touched: Optional[int]) -> None:
        self._keep((transfer_id,))
        self._last_keys.pop(transfer_id, None)
        self._changed((transfer_id,) if touched is None else (transfer_id, touched))

    def _accept_touched(self, database: Connection, transfer_id: int) -> Optional[int]:
        """Accept the other content of a log that is done with: whoever gave it was told so."""
        with self._lock:
            wanted = self._touched.get(transfer_id)
            others = self._claimed - {transfer_id}
        if wanted is None:
            return None
        taken = self._acceptance.accept(database, wanted, others)
        self._note_asked(taken, wanted)
        return taken.id

    def _begin(self, database: Connection) -> None:
        takeover.begin(database, machine=self._machine, destination=self._destination)
