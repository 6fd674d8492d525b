"""What is known of the uploads of the node."""
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
import os
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import LedgerUnavailable, LocalFileNotFound
from flightlog_bucket.operations.refusals import Refusals
from flightlog_bucket.results import LogContent, StoredFile
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.file_state import FileState, of_bag, refused_content
from flightlog_bucket.transfers.in_turn import STATES
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import without_links
from flightlog_bucket.transfers.records import (
    Counts,
    Orphan,
    QUEUED,
    REJECTED,
    STORED,
    Transfer,
    UNKNOWN,
)
from flightlog_bucket.transfers.standing import Backlog, Standing
from flightlog_bucket.transfers.standings import shown_reason, Standings
from flightlog_bucket.transfers.worker import Worker


@dataclass(frozen=True)
class Movement:
    """
    What all uploads together have on the wire.

    :param rate: bytes per second, over the last seconds
    :param moved_bytes: of those that are under way, that went out or are up
    """

    rate: float
    moved_bytes: int


class KnownUploads:
    """
    The questions. Thread-safe; they may wait for the local disk, never for the network.

    :param ledger: of the uploads
    :param worker: that brings them up
    :param discovery: finds them
    """

    def __init__(self, ledger: Ledger, worker: Worker, discovery: Discovery) -> None:
        self._ledger = ledger
        self._worker = worker
        self._discovery = discovery
        self._refusals = Refusals(worker.outcomes)
        self._standings = Standings(ledger, worker)

    @property
    def is_paused(self) -> bool:
        """Whether uploads are paused."""
        return self._worker.paused

    def movement(self) -> Movement:
        """Return what is on the wire now; needs no disk."""
        meters = self._worker.movements().values()
        return Movement(sum(meter.rate for meter in meters),
                        sum(meter.sent_bytes for meter in meters))

    def paths_of(self, ids: Collection[int]) -> list[Path]:
        """
        Return the files of these transfers.

        :raises LocalFileNotFound: if there is no such transfer
        """
        found = self._ledger.transfers(ids)
        for number in ids:
            if number not in found:
                raise LocalFileNotFound(f'there is no transfer {number}')
        return [found[number].path for number in ids]

    def standings(self, ids: Collection[int]) -> list[Standing]:
        """Return how these transfers stand, by id; what is not there is left out."""
        return self._standings.of(ids)

    def queue(self, states: Collection[str], path: Optional[Path],
              most: int) -> tuple[list[Standing], int]:
        """
        Return how the transfers stand, in the order of ``ListTransfers.srv``, and how many.

        :param states: only of these; empty: of all but ``stored``
        :param path: only of this file, or of the files in this folder; None: of all
        :param most: at most so many
        :raises InvalidRequest: if there is no such state
        """
        return self._standings.queue(states, path and without_links(path), most)

    def version(self) -> object:
        """Return what is another one as soon as ``backlog()`` or ``counts()`` may be."""
        return self._ledger.version()

    def backlog(self) -> Backlog:
        """Return what is not stored yet, and not rejected either."""
        return self._ledger.backlog()

    def open_ids(self, most: int = 500) -> list[int]:
        """
        Return the transfers that matter most, in the order of ``ListTransfers.srv``.

        :param most: at most so many; where fewer are open, the latest stored ones come after
        """
        return [transfer.id for transfer in self._ledger.queue(STATES, None, most)[0]]

    @property
    def state_directory(self) -> Path:
        """Where the ledger is."""
        return self._ledger.path.parent

    @property
    def problem(self) -> str:
        """Why what is accepted does not survive a restart; empty: it does."""
        return self._ledger.problem

    def counts(self) -> Counts:
        """Return how many logs are in which state."""
        return self._ledger.counts()

    def last_errors(self) -> tuple[str, ...]:
        """Return the last errors with their times, newest first."""
        return self._worker.outcomes.last_errors()

    def orphans(self) -> list[Orphan]:
        """Return the multipart uploads that were given up, and are not aborted."""
        return self._ledger.orphanage.all()

    def explain(self, path: Path) -> FileState:
        """
        Tell where a file stands, and why it is not stored.

        :param path: absolute
        """
        real = Path(os.path.realpath(path))
        bag = self._ledger.bag(real)
        if bag is not None and (files := self._ledger.in_bag(bag)):
            return of_bag({t.path.name: self._state(t) for t in files})
        transfer = self._ledger.find(real)
        if transfer is None:
            refusal = self._refusals.of(path)
            if refusal is None:
                return FileState(UNKNOWN, reason=self._discovery.explain(path))
            return FileState(UNKNOWN if refusal.retryable else REJECTED, reason=str(refusal),
                             content=refused_content(type(refusal).__name__, str(refusal)))
        return self._state(transfer)

    def _state(self, transfer: Transfer) -> FileState:
        reason = shown_reason(transfer, is_paused=self._worker.paused)
        wait_s = max(transfer.next_attempt_s - self._ledger.now_s(), 0.0)
        return FileState(
            transfer.state, key=transfer.key if transfer.state == STORED else '', reason=reason,
            note=transfer.note, attempts=transfer.attempts,
            next_attempt_in_s=wait_s if transfer.state == QUEUED else 0.0,
            content=self._content(transfer))

    def _content(self, transfer: Transfer) -> LogContent:
        if transfer.state == REJECTED:
            return refused_content(transfer.fault, transfer.reason)
        return replace(transfer.content, description=self._ledger.description(transfer))

    def stored_contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return what is known, in short, of the logs that these objects hold, by key."""
        try:
            return self._ledger.stored_contents(files)
        except LedgerUnavailable:
            return {}

    def stored_content(self, file: StoredFile) -> Optional[LogContent]:
        """Return all that is known of the log that an object holds; None: nothing is."""
        try:
            return self._ledger.stored_content(file)
        except LedgerUnavailable:
            return None

    def stored_between(self, low: str, high: str, most: int) -> list[StoredFile]:
        """
        Return stored logs by key, the last one first; they have no URL.

        :param low: a key that they come after
        :param high: a key that they come before
        :param most: at most so many
        """
        return self._ledger.stored_between(low, high, most)

    def described_contents(self, files: Sequence[StoredFile]) -> dict[str, LogContent]:
        """Return all that is known of the logs that these objects hold, by key."""
        try:
            return self._ledger.described_contents(files)
        except LedgerUnavailable:
            return {}
