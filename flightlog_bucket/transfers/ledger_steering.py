"""What persons, and the network, change in the ledger."""
from collections.abc import Callable, Collection, Iterable, Sequence
import os
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import LocalFileNotFound
from flightlog_bucket.transfers import in_turn, rows
from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.ledger_reader import LedgerReader
from flightlog_bucket.transfers.orphanage import Orphanage
from flightlog_bucket.transfers.records import MISSING, Orphan, Transfer, UPLOADING, Withdrawal
from flightlog_bucket.transfers.sqlite_files import Connection
from flightlog_bucket.transfers.transfer_journal import Underway

OnChange = Callable[[Collection[int]], None]


def nobody(ids: Collection[int]) -> None:
    """Be told in vain."""


class LedgerSteering(LedgerReader):
    """
    Who is tried when, and who not at all. Thread-safe.

    :param database: of the ledger
    :param destination: the bucket and the folder in it
    :param on_change: is told the ids of transfers that have changed
    :param wall_clock: seconds since 1970
    :param clock: monotonic seconds
    """

    def __init__(self, database: Database, destination: str, *, on_change: OnChange,
                 wall_clock: Callable[[], float], clock: Callable[[], float]) -> None:
        super().__init__(database, destination, wall_clock=wall_clock, clock=clock)
        self._changed = on_change
        self._underway: Underway = {}
        # Keys of the last writes that were sent, and may have done their work, by transfer.
        self._last_keys: dict[int, str] = {}
        self.orphanage = Orphanage(database, destination)

    def try_again(self, fault: str) -> None:
        """
        Let rejected transfers be tried anew.

        :param fault: the name of the error that they were rejected for
        """
        self._change("state = 'rejected' AND fault = ? AND destination = ?",
                     (fault, self._destination), "state = 'queued', next_attempt = 0")

    def make_due(self, faults: Sequence[str] = ()) -> None:
        """
        Let waiting transfers be tried now.

        :param faults: only those with one of these; empty: all
        """
        chosen = f"AND fault IN ({','.join('?' * len(faults))})" if faults else ''
        self._change(f"state = 'queued' AND next_attempt > 0 {chosen}", tuple(faults),
                     'next_attempt = 0')

    def retry(self, paths: Sequence[Path] = ()) -> list[int]:
        """
        Let those that wait for their next try, and those that were rejected, be tried now.

        :param paths: absolute, without symbolic links, of files, or of folders with all that is
            in them; empty: all that there are, but for what was cancelled, or deleted from the
            bucket, by somebody, and for what is not there
        :returns: the transfers that are tried again
        :raises LocalFileNotFound: if a file is not known, or gone; then none is tried again
        """
        found: dict[int, Transfer] = {}
        for path in paths:
            found.update((t.id, t) for t in self._retriable(path))
        if not paths:
            found = {t.id: t for t in self._there(None)}
        # Of a try that has just failed the pause is written down while it is still on its way.
        idle = [number for number, t in found.items()
                if t.state != UPLOADING or t.next_attempt_s > self.now_s()]

        def work(database: Connection) -> list[int]:
            again = in_turn.retry(database, idle)
            # Who names a log wants it, also where there is nothing to be done for that.
            self._keep(found if paths else again)
            return again
        again = self._database.run(work) if found else []
        self._changed(again)
        return again

    def is_revocable(self, transfer_id: int) -> bool:
        """Tell whether all who ever asked for a transfer may take that back."""
        with self._lock:
            return transfer_id in self._revocable

    def withdrawn(self, transfer_id: int, reason: str, fault: str) -> Optional[Withdrawal]:
        """
        Note that nobody wants a log any more, which is not on its way.

        :returns: what was withdrawn; None: somebody else wants it by now, so that it goes on
        """
        _, progress = self._underway.get(transfer_id, (None, None))

        def work(database: Connection) -> Optional[Withdrawal]:
            # Within the transaction: nobody asks for it between this look and the change.
            if not self.is_revocable(transfer_id):
                return None
            row = next(iter(rows.where(database, "t.id = ? AND t.state = 'queued'",
                                       (transfer_id,))), None)
            if row is None:
                return None
            before, key, upload_id = self._transfer(row), row['key'], row['upload_id']
            self.orphanage.take_from(database, transfer_id, reason)
            if progress is not None and not upload_id:  # the ledger could not be written then
                key, upload_id = progress.key, progress.upload_id
                self.orphanage.add(database, key, upload_id, reason)
            database.execute(
                "UPDATE transfers SET state = 'rejected', reason = ?, fault = ?, settled = ?,"
                " next_attempt = 0, key = '', urgent = 0 WHERE id = ? AND state = 'queued'",
                (reason, fault, self._wall_clock(), transfer_id))
            self._keep((transfer_id,))
            orphan = Orphan(key, upload_id, reason, '') if upload_id else None
            return Withdrawal(before, orphan, self._last_keys.get(transfer_id, ''))
        withdrawal = self._database.run(work)
        if withdrawal is not None:
            self._underway.pop(transfer_id, None)
            self._last_keys.pop(transfer_id, None)
            self._changed((transfer_id,))
        return withdrawal

    def deleted_from_bucket(self, key: str, reason: str) -> None:
        """
        Note that an object was deleted on purpose: its log is not stored again by itself.

        Where the file of the log was deleted here as well, as it was stored, nothing is left that
        somebody could do about it: then it is forgotten.

        :param key: of the object
        :param reason: what to do about it
        """
        def work(database: Connection) -> list[int]:
            chosen = "key = ? AND destination = ? AND state = 'stored'", (key, self._destination)
            found = [row[0] for row in database.execute(
                f'SELECT id FROM transfers WHERE {chosen[0]}', chosen[1])]
            database.execute(f"DELETE FROM transfers WHERE {chosen[0]} AND deleted NOT IN ('', ?)",
                             (*chosen[1], MISSING))
            database.execute("UPDATE transfers SET state = 'rejected', reason = ?, fault = ''"
                             f' WHERE {chosen[0]}', (reason, *chosen[1]))
            return found
        self._changed(self._database.run(work))

    def forget(self, transfer_id: int, remove: Callable[[], None]) -> bool:
        """
        Forget a transfer that was rejected, and remove its file; of another one, nothing.

        :param remove: removes the file; with what it raises, nothing is forgotten
        :returns: whether it was rejected still, and the file not accepted under another name
        """
        def work(database: Connection) -> bool:
            # Within the transaction: nobody tries it again between this look and the removal.
            found = database.execute(
                "DELETE FROM transfers AS t WHERE id = ? AND state = 'rejected' AND NOT EXISTS"
                ' (SELECT 1 FROM transfers o WHERE o.path = t.path AND'
                " o.destination = t.destination AND o.state = 'queued')", (transfer_id,)).rowcount
            if found:
                remove()
            return bool(found)
        is_forgotten = self._database.run(work)
        self._changed((transfer_id,))
        return is_forgotten

    @property
    def paused(self) -> bool:
        """Whether uploads are paused."""
        found = self._database.run(lambda database: database.execute(
            "SELECT value FROM settings WHERE name = 'paused'").fetchone())
        return found is not None and found['value'] == '1'

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._database.run(lambda database: database.execute(
            "INSERT OR REPLACE INTO settings (name, value) VALUES ('paused', ?)",
            ('1' if paused else '0',)))

    def _keep(self, ids: Iterable[int]) -> None:
        """Note that these are wanted by somebody who does not take that back."""
        with self._lock:
            for number in ids:
                self._revocable.pop(number, None)

    def _change(self, condition: str, values: Sequence[object], assignments: str) -> None:
        self._changed(self._database.run(
            lambda database: rows.changed(database, condition, values, assignments)))

    def _retriable(self, path: Path) -> list[Transfer]:
        if self.queue(in_turn.STATES, path, 1)[1] == 0:
            raise LocalFileNotFound(f'no upload of {os.fspath(path)!r} is known; upload it')
        there = self._there(path)
        if not there and not os.path.lexists(path):
            raise LocalFileNotFound(f'{os.fspath(path)!r} is gone')
        return there

    def _there(self, under: Optional[Path]) -> list[Transfer]:
        found = self._database.run(
            lambda database: in_turn.retriable(database, self._destination, under))
        return [t for t in map(self._transfer, found) if os.path.lexists(t.path)]
