"""What the ledger can be asked."""
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
import os
from pathlib import Path
import sqlite3
import threading
from typing import Optional

from flightlog_bucket.results import LogContent, StoredFile
from flightlog_bucket.transfers import bags, in_turn, rows, stored_content, stored_search
from flightlog_bucket.transfers.database import Database
from flightlog_bucket.transfers.records import (
    AWAY,
    Bag,
    Counts,
    QUEUED,
    REJECTED,
    STORED,
    Transfer,
    UPLOADING,
)
from flightlog_bucket.transfers.standing import Backlog

_ONE_QUERY = 500
_MAX_UNFINISHED = 100


class LedgerReader:
    """
    The questions. Thread-safe.

    :param database: of the ledger
    :param destination: the bucket and the folder in it
    :param wall_clock: seconds since 1970
    :param clock: monotonic seconds
    """

    def __init__(self, database: Database, destination: str, *,
                 wall_clock: Callable[[], float], clock: Callable[[], float]) -> None:
        self._database = database
        self._destination = destination
        self._wall_clock = wall_clock
        self._clock = clock
        # Pauses go by a clock that nobody sets; to be shown, it is near the time of day.
        self._clock_began_s = wall_clock() - clock()
        self._lock = threading.Lock()
        # What is on its way.
        self._claimed: set[int] = set()
        # Wanted only by who may take that back, with its path. Changed within transactions.
        self._revocable: dict[int, Path] = {}

    def now_s(self) -> float:
        """Return the time on the clock of ``Transfer.next_attempt_s``."""
        return self._clock_began_s + self._clock()

    def find(self, path: Path) -> Optional[Transfer]:
        """Return the newest transfer of a path; one that waits before those that do not."""
        found = self._transfers('t.path = ?', (os.fsencode(path),))
        newest = max(found, key=lambda t: (t.state in (QUEUED, UPLOADING), t.id), default=None)
        if newest is None or newest.state != REJECTED:
            return newest
        # Stored under one name, and deleted or refused under another: it is stored.
        same = [t for t in found if t.state == STORED
                and t.fingerprint.is_same(newest.fingerprint)]
        return same[-1] if same else newest

    def known(self, paths: Iterable[Path]) -> dict[Path, Transfer]:
        """Return the newest transfer of each path that has one."""
        wanted, found = list(paths), []
        for first in range(0, len(wanted), _ONE_QUERY):
            found += self._database.run(
                partial(self._newest, paths=wanted[first:first + _ONE_QUERY]))
        return {transfer.path: transfer for transfer in found}

    def revocable_paths(self) -> frozenset[Path]:
        """Return the paths of what is wanted only by who may take that back."""
        with self._lock:
            return frozenset(self._revocable.values())

    def transfers(self, ids: Collection[int]) -> dict[int, Transfer]:
        """Return those that are there, by id."""
        wanted, found = sorted(ids), []
        for first in range(0, len(wanted), _ONE_QUERY):
            some = wanted[first:first + _ONE_QUERY]
            found += self._transfers(f"t.id IN ({','.join('?' * len(some))})", tuple(some))
        return {transfer.id: transfer for transfer in found}

    def bytes_up(self, ids: Collection[int]) -> dict[int, int]:
        """Return the bytes of the parts that are up, of the transfers that have any."""
        return self._database.run(partial(in_turn.bytes_up, ids=ids))

    def queue(self, states: Collection[str], under: Optional[Path],
              most: int) -> tuple[list[Transfer], int]:
        """
        Return transfers, and how many there are.

        Those that are on their way come first, then those that wait, in the order of their
        turns, then the rejected ones, then the stored ones, the latest first.

        :param states: only of these
        :param under: only of this file, or of the files in this folder; None: of all
        :param most: at most so many
        """
        found, total = self._database.run(lambda database: in_turn.listed(
            database, self._destination, states, under, most, self._on_their_way(),
            self.now_s()))
        return [self._transfer(row) for row in found], total

    def version(self) -> object:
        """Return what is another one as soon as a transfer has changed."""
        return self._database.run(
            lambda database: (id(database), database.total_changes)), self._on_their_way()

    def backlog(self) -> Backlog:
        """Return what is not stored yet, and not rejected either."""
        return self._database.run(partial(in_turn.backlog, destination=self._destination))

    def contents(self, paths: Sequence[bytes]) -> dict[bytes, tuple[int, int, int]]:
        """Return ``rows.content_of()`` each of many files as it was accepted last."""
        return self._database.run(partial(
            rows.contents, destination=self._destination, paths=paths))

    def stored_contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return what is known, in short, of the logs that these objects hold, by key."""
        found = self._database.run(partial(
            stored_content.by_key, destination=self._destination,
            etags={file.key: file.etag for file in files}))
        return {key: content for key, (_, content) in found.items()}

    def stored_content(self, file: StoredFile) -> Optional[LogContent]:
        """Return all that is known of the log that an object holds; None: nothing is."""
        return self._database.run(partial(
            stored_content.one_by_key, destination=self._destination, key=file.key,
            etag=file.etag))

    def described_contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return all that is known of the logs that these objects hold, by key."""
        return self._database.run(partial(
            stored_search.described, destination=self._destination,
            etags={file.key: file.etag for file in files}))

    def stored_between(self, low: str, high: str, most: int) -> list[StoredFile]:
        """Return the last stored logs whose keys are between two, the last one first."""
        return self._database.run(partial(
            stored_search.newest, destination=self._destination, low=low, high=high, most=most))

    def description(self, transfer: Transfer) -> str:
        """Return what is in a stored log at length, a JSON object; empty: not known."""
        return self._database.run(partial(stored_content.description, transfer_id=transfer.id))

    def away(self, most: int) -> list[Transfer]:
        """Return the newest logs that were not there when their turn came."""
        return self._transfers(
            "t.id IN (SELECT id FROM transfers WHERE state = 'rejected' AND fault = ?"
            ' ORDER BY id DESC LIMIT ?)', (AWAY, most))

    def bag(self, path: Path) -> Optional[Bag]:
        """Return the newest bag of a directory."""
        return self._database.run(partial(bags.newest, destination=self._destination, path=path))

    def unfinished_bags(self) -> list[Bag]:
        """Return the newest bags of which no ``metadata.yaml`` was accepted."""
        return self._database.run(partial(
            bags.unfinished, destination=self._destination, limit=_MAX_UNFINISHED))

    def in_bag(self, bag: Bag) -> list[Transfer]:
        """Return the transfers of a bag, in the order in which they were accepted."""
        return self._transfers('t.bag = ?', (bag.id,))

    def stored_under(self, directories: Sequence[Path]) -> list[Transfer]:
        """Return the stored logs that are still in these directories, the oldest first."""
        found: dict[int, Transfer] = {}
        for directory in directories:
            low = os.fsencode(directory).rstrip(b'/') + b'/'
            for transfer in self._transfers(
                    "t.state = 'stored' AND t.deleted = '' AND t.path >= ? AND t.path < ?",
                    (low, low[:-1] + b'0')):  # the byte after the slash
                found[transfer.id] = transfer
        return sorted(found.values(), key=lambda t: (t.settled_s, t.id))

    def counts(self) -> Counts:
        """Return how many logs are in which state."""
        def work(database: sqlite3.Connection) -> Counts:
            # What has just been stored is still held by its try for a moment.
            claimed = ','.join(str(int(number)) for number in self._on_their_way())
            found = dict(database.execute(
                f"SELECT CASE WHEN state = 'queued' AND id IN ({claimed}) THEN 'uploading'"
                ' ELSE state END, count(*) FROM transfers WHERE destination = ? GROUP BY 1',
                (self._destination,)).fetchall())
            return Counts(found.get(QUEUED, 0), found.get(UPLOADING, 0), found.get(STORED, 0),
                          found.get(REJECTED, 0))
        return self._database.run(work)

    def _on_their_way(self) -> frozenset[int]:
        with self._lock:
            return frozenset(self._claimed)

    def _transfers(self, condition: str, values: tuple[object, ...]) -> list[Transfer]:
        found = self._database.run(lambda database: rows.where(
            database, f't.destination = ? AND {condition}', (self._destination, *values)))
        return [self._transfer(row) for row in found]

    def _newest(self, database: sqlite3.Connection, paths: Sequence[Path]) -> list[Transfer]:
        # Within the transaction: nobody else asks for one between its row and that.
        return [self._transfer(row) for row in rows.newest(database, self._destination, paths)]

    def _transfer(self, row: sqlite3.Row) -> Transfer:
        with self._lock:
            return rows.transfer(row, is_on_its_way=row['id'] in self._claimed,
                                 is_revocable=row['id'] in self._revocable)
