"""What becomes of those who wait for a transfer when a try has ended, or they want it no more."""
from collections.abc import Sequence
import logging
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import (
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    LocalFileNotFound,
    Paused,
    Unavailable,
)
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.attempt import Attempts
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Bag, QUEUED, Transfer
from flightlog_bucket.transfers.settlement import Outcome
from flightlog_bucket.transfers.waiting_room import PendingLog, WaitingRoom
from flightlog_bucket.transfers.withdrawals import OTHERS, tell_going_on, Withdrawals

_log = logging.getLogger(__name__)


class Callers:
    """
    Who is told what, and who goes on to wait. Not thread-safe: its owner has a lock.

    :param ledger: of the transfers
    :param waiting: who waits for them
    :param running: the tries that are under way
    :param withdrawals: ends what nobody wants any more
    """

    def __init__(self, ledger: Ledger, waiting: WaitingRoom, running: Attempts,
                 withdrawals: Withdrawals) -> None:
        self._ledger = ledger
        self._waiting = waiting
        self._running = running
        self._withdrawals = withdrawals
        # Ended, but what became of them is not written down yet.
        self._unwritten: dict[int, Transfer] = {}
        # Announced again while they were on their way, but the file cannot be looked at yet.
        self._unseen: dict[int, Transfer] = {}

    @property
    def has_unseen(self) -> bool:
        """Whether ``look_again()`` has something to do."""
        return bool(self._unseen)

    def submit(self, path: Path, fingerprint: Fingerprint, *, name: str, bag: Optional[Bag],
               note: str, follows: bool, is_patient: bool, revocable: bool,
               is_paused: bool) -> PendingLog:
        """Accept one log, and let its caller wait; see ``Worker.submit()``."""
        if not follows and not is_patient:
            self._waiting.check_room(path)
        transfer = self._ledger.accept(path, fingerprint, name=name, bag=bag, urgent=True,
                                       note=note, again=True, revocable=revocable)
        is_begun = transfer.id in self._running
        outcome = self._waiting.add(
            transfer.id, has_begun=follows or is_begun, is_patient=is_patient,
            is_next=is_begun and not transfer.fingerprint.is_same(fingerprint))
        if is_paused:
            self._waiting.send_away(transfer.id, Paused(
                f'{path} is accepted, but uploads are paused; it goes up when they are resumed'
                ' (~/set_paused)'))
        return outcome

    def told(self, transfer: Transfer, outcome: Outcome, *, is_written: bool,
             goes_on: bool) -> list[PendingLog]:
        """
        Return who is to be told what became of a try, which is not under way any more.

        :param is_written: the ledger knows it; else ``written()`` follows
        :param goes_on: it was stopped, and who waits for it waits for the next try
        """
        ready, later = self._waiting.take(transfer.id)
        if is_written:
            self._release(transfer, ready, later)
        else:
            self._unwritten[transfer.id] = transfer
            ready += later
        stay = [w for w in ready if goes_on or (w.is_patient and not _is_final(outcome))]
        self._waiting.put(transfer.id, stay)
        for number in {transfer.id, *(waiter.transfer_id for waiter in later)}:
            self._dismiss(number)
        return [waiter for waiter in ready if waiter not in stay]

    def written(self, transfer_id: int) -> None:
        """Note that the ledger knows by now what became of a try."""
        if (ended := self._unwritten.pop(transfer_id, None)) is None:
            return
        waiters: list[PendingLog] = []
        if self._ledger.release(transfer_id) or (
                self._waiting.of(transfer_id) and not self._is_queued(transfer_id)):
            # Who has asked since it ended would wait for what nobody begins.
            waiters = [one for some in self._waiting.take(transfer_id) for one in some]
            self._look_again(ended, waiters)
        for number in {transfer_id, *(waiter.transfer_id for waiter in waiters)}:
            self._dismiss(number)

    def withdraw(self, outcome: PendingLog) -> None:
        """Note that a caller does not want a log any more."""
        outcome.is_withdrawn = True
        self._dismiss(outcome.transfer_id)

    def go_on(self, transfer: Transfer, waiters: Sequence[PendingLog], *,
              is_paused: bool) -> None:
        """
        Take a cancelled transfer on again: its last write has stored it.

        The next try finds it in the bucket, and what is known of it.

        :param waiters: wanted it no more; they are told what that try finds
        :param is_paused: no try begins
        """
        try:
            again = self._ledger.accept(
                transfer.path, transfer.fingerprint, name=transfer.name, bag=transfer.bag,
                urgent=bool(waiters), note=transfer.note, again=True)
        except (LedgerUnavailable, Cancelled) as error:
            tell_going_on(waiters, f'it is in the bucket already, which cannot be written down'
                                   f' ({error})')
            return
        _log.info('%s was stored before it was cancelled', transfer.path)
        if is_paused:
            tell_going_on(waiters, 'it is in the bucket already, and known to be stored when'
                                   ' uploads are resumed')
            return
        self._waiting.put(again.id, waiters)

    def look_again(self) -> None:
        """Look again at the files that could not be looked at."""
        for number, transfer in list(self._unseen.items()):
            del self._unseen[number]
            self._look_again(transfer, self._waiting.take(number)[0])

    def _dismiss(self, transfer_id: int) -> None:
        """End a transfer that nobody wants any more; tell who does not want one that goes on."""
        waiters = self._waiting.of(transfer_id)
        if not any(waiter.is_withdrawn for waiter in waiters):
            return
        attempt = self._running.get(transfer_id)
        if attempt is not None and attempt.has_ended:
            return  # told() comes next, and knows what to say
        is_wanted = not all(waiter.is_withdrawn for waiter in waiters)
        if is_wanted or not self._ledger.is_revocable(transfer_id):
            tell_going_on(self._waiting.take_withdrawn(transfer_id),
                          'somebody else waits for it' if is_wanted else OTHERS)
        elif attempt is not None:
            attempt.cancel.set()
        elif transfer_id not in self._unwritten:
            self._withdrawals.end(transfer_id, self._waiting.take_withdrawn(transfer_id))

    def _is_queued(self, transfer_id: int) -> bool:
        try:
            found = self._ledger.transfers([transfer_id]).get(transfer_id)
        except (LedgerUnavailable, Cancelled) as error:
            _log.debug('how %d stands cannot be read: %s', transfer_id, error)
            return False
        return found is not None and found.state == QUEUED

    def _release(self, transfer: Transfer, ready: list[PendingLog],
                 later: list[PendingLog]) -> None:
        """Let a transfer be claimed again, if there is more to be done; else tell all."""
        if self._ledger.release(transfer.id):
            self._look_again(transfer, later)
        else:
            ready += later

    def _look_again(self, transfer: Transfer, later: list[PendingLog]) -> None:
        """Accept what the file holds by now: it was announced while an older content went up."""
        try:
            fingerprint = Fingerprint.of(transfer.path.stat())
            again = self._ledger.accept(transfer.path, fingerprint, name=transfer.name,
                                        bag=transfer.bag, urgent=bool(later), note=transfer.note,
                                        again=True, revocable=None)
        except (FileNotFoundError, NotADirectoryError):
            _log.warning('%s was announced again, and is gone', transfer.path)
            for waiter in later:
                waiter.set_exception(LocalFileNotFound(f'{transfer.path} is gone'))
        except (OSError, FlightlogError) as error:
            # If it is there, the next look at its folder finds it.
            _log.warning('%s was announced again, and cannot be looked at: %s', transfer.path,
                         error)
            patient = [waiter for waiter in later if waiter.is_patient]
            if patient:
                self._unseen[transfer.id] = transfer
                self._waiting.put(transfer.id, patient)
            for waiter in later:
                if not waiter.is_patient:
                    waiter.set_exception(Unavailable(f'{transfer.path}: {error}'))
        else:
            self._waiting.put(again.id, later)


def _is_final(outcome: Outcome) -> bool:
    """Tell whether an outcome is one for those as well who wait however long it takes."""
    return isinstance(outcome, StoredLog) or (
        isinstance(outcome, FlightlogError) and not outcome.retryable)
