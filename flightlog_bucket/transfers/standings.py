"""How the transfers of a ledger stand, with what is on the wire right now."""
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
import time
from typing import Optional

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.transfers import in_turn
from flightlog_bucket.transfers.file_state import refused_content
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.meter import Meter
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, Transfer, UPLOADING
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.transfers.worker import Worker

_PAUSED = 'uploads are paused (~/set_paused)'


def shown_reason(transfer: Transfer, *, is_paused: bool) -> str:
    """Return why a transfer is not stored, and does not go on; empty: nothing is wrong."""
    if transfer.state == QUEUED and is_paused:
        return f'{_PAUSED}; before: {transfer.reason}' if transfer.reason else _PAUSED
    return '' if transfer.state == UPLOADING else transfer.reason


class Standings:
    """
    Asks the ledger and the worker. Thread-safe; may wait for the disk.

    :param ledger: of the transfers
    :param worker: that brings them up
    :param wall_clock: seconds since 1970
    """

    def __init__(self, ledger: Ledger, worker: Worker, *,
                 wall_clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._worker = worker
        self._wall_clock = wall_clock

    def of(self, ids: Collection[int]) -> list[Standing]:
        """Return how these stand, by id; what is not there is left out."""
        movements = self._worker.movements()  # before: of a try that ends now, there are none
        return self._shown([t for _, t in sorted(self._ledger.transfers(ids).items())], movements)

    def queue(self, states: Collection[str], under: Optional[Path],
              most: int) -> tuple[list[Standing], int]:
        """
        Return how the transfers stand, in their turn, and how many there are.

        :param states: only of these; empty: of all but ``stored``
        :param under: only of this file, or of the files in this folder; None: of all
        :param most: at most so many
        :raises InvalidRequest: if there is no such state
        """
        for state in states:
            if state not in in_turn.STATES:
                raise InvalidRequest(f'{state!r} is not the state of a transfer; give some of'
                                     f" {', '.join(in_turn.STATES)}")
        movements = self._worker.movements()
        found, total = self._ledger.queue(states or in_turn.OPEN, under, most)
        return self._shown(found, movements), total

    def _shown(self, transfers: Sequence[Transfer],
               movements: Mapping[int, Meter]) -> list[Standing]:
        is_paused = self._worker.paused
        up = self._ledger.bytes_up([t.id for t in transfers if t.state != STORED])
        # Pauses do not go by the time of day, which can be set.
        late_s = self._wall_clock() - self._ledger.now_s()
        return [self._standing(t, movements, up.get(t.id, 0), late_s, is_paused=is_paused)
                for t in transfers]

    @staticmethod
    def _standing(transfer: Transfer, movements: Mapping[int, Meter], up: int, late_s: float, *,
                  is_paused: bool) -> Standing:
        meter = movements.get(transfer.id) if transfer.state == UPLOADING else None
        total = transfer.fingerprint.size
        sent = total if transfer.state == STORED else min(
            max(meter.sent_bytes if meter else 0, up), total)
        rate = meter.rate if meter else 0.0
        is_later = transfer.state == QUEUED and transfer.next_attempt_s > 0
        content = (refused_content(transfer.fault, transfer.reason)
                   if transfer.state == REJECTED else transfer.content)
        return Standing(
            id=transfer.id, path=transfer.path, key=transfer.key, state=transfer.state,
            sent_bytes=sent, total_bytes=total, rate=rate,
            remaining_s=(total - sent) / rate if rate > 0 else None, attempts=transfer.attempts,
            reason=shown_reason(transfer, is_paused=is_paused),
            next_attempt_s=transfer.next_attempt_s + late_s if is_later else 0.0,
            verdict=content.verdict, is_deleted=transfer.is_deleted)
