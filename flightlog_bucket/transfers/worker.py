"""
The worker: takes transfers from the ledger, and brings each to its end.

A transfer ends in ``stored`` or in ``rejected``. Faults of the network, of servers and of
credentials never reject: the log waits, and is tried again for as long as it takes.
"""
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
import logging
from pathlib import Path
import threading
import time
from typing import Optional

from flightlog_bucket.errors import Busy, Cancelled, LedgerUnavailable, Paused
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.attempt import Attempt, Attempts, Upload
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.callers import Callers
from flightlog_bucket.transfers.gate import Gate
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.meter import Meter
from flightlog_bucket.transfers.outcomes import Outcomes
from flightlog_bucket.transfers.records import Bag, Transfer
from flightlog_bucket.transfers.settlement import NETWORK_FAULTS, Settlement
from flightlog_bucket.transfers.survival import PAUSE_S, survive
from flightlog_bucket.transfers.waiting_room import PendingLog, WaitingRoom
from flightlog_bucket.transfers.withdrawals import NOTHING_REMAINS, Remains, Withdrawals

MAX_SLOTS = 32
_LOOK_S = 1.0
_LEDGER_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class Worker:
    """
    Runs uploads: urgent ones first, then small ones; those that fail again after a while.

    A transfer that moves no byte for ``attempt.STALLED_S`` goes on beside another in its slot.

    :param ledger: of the transfers
    :param upload: stores one log
    :param pool: where it runs; has up to ``threads(slots)`` threads
    :param slots: uploads at once
    :param max_pending: callers who may wait for an outcome
    :param max_wait_s: for a try to begin, then for its check to end; callers are sent away then
    :param retry_max_delay_s: the longest pause between two tries of one log
    :param on_network_fault: called when a try failed for want of a network
    :param on_gone: told the path of a log that is not there any more
    :param on_stored: called when a log was stored
    :param remains: what can be done about what is up of a log that nobody wants any more
    :param delay: of the next try, by tries so far and ``retry_max_delay_s``
    :param clock: monotonic seconds
    """

    def __init__(self, ledger: Ledger, upload: Upload, pool: Executor, *, slots: int,
                 max_pending: int, max_wait_s: float, retry_max_delay_s: float,
                 on_network_fault: Callable[[], None] = lambda: None,
                 on_gone: Callable[[Path], None] = lambda path: None,
                 on_stored: Callable[[], None] = lambda: None, remains: Remains = NOTHING_REMAINS,
                 delay: Callable[[int, float], float] = full_jitter,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._upload = upload
        self._pool = pool
        self._on_stored = on_stored
        self._clock = clock
        self.outcomes = Outcomes(ledger)
        self._gate = Gate(retry_max_delay_s, delay=delay, clock=clock)
        self._settlement = Settlement(
            ledger, self.outcomes, self._gate, retry_max_delay_s=retry_max_delay_s, delay=delay,
            clock=clock, on_network_fault=on_network_fault, on_gone=on_gone)
        self._waiting = WaitingRoom(max_pending, max_wait_s, clock)
        self._changed = threading.Condition(threading.RLock())
        self._running = Attempts(slots)
        self._withdrawals = Withdrawals(ledger, remains, self._gate, self._go_on, clock=clock)
        self._callers = Callers(ledger, self._waiting, self._running, self._withdrawals)
        self._paused = ledger.paused
        self._news = True
        self._closed = False

    @staticmethod
    def threads(slots: int) -> int:
        """Return how many threads the pool needs."""
        return Attempts(slots).most

    @property
    def paused(self) -> bool:
        """Whether uploads are paused."""
        return self._paused

    @property
    def slots(self) -> int:
        """How many uploads at once."""
        return self._running.slots

    @slots.setter
    def slots(self, slots: int) -> None:
        with self._changed:
            self._running.slots = slots
            self.wake()

    def movements(self) -> dict[int, Meter]:
        """Return what has gone out of those that are under way, by transfer."""
        with self._changed:
            return {number: attempt.meter for number, attempt in self._running.items()}

    def start(self) -> None:
        """Work in the background, until ``stop()``."""
        threading.Thread(target=self._run, name='worker', daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more; what is on its way goes on after the next start."""
        with self._changed:
            self._closed = True
            self._running.cancel()
            self._withdrawals.close()
            self._changed.notify_all()

    def wake(self) -> None:
        """Look into the ledger: something was accepted."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def network_is_back(self) -> None:
        """Try at once what waits for the network."""
        self._gate.open()
        self._settlement.forget_failures()
        try:
            self._ledger.make_due(NETWORK_FAULTS)
        except LedgerUnavailable as error:
            _log.debug('%s', error)
        self.wake()

    def retry(self, paths: Sequence[Path] = ()) -> list[int]:
        """Try at once what waits or was rejected; see ``Ledger.retry()``."""
        self._settlement.forget_failures()
        again = self._ledger.retry(paths)
        self._gate.open()
        self.wake()
        return again

    def set_paused(self, paused: bool) -> None:
        """
        Begin no upload any more, and end checks; or go on. Also after a restart.

        Whoever pauses stops the wire as well: ``FlightLogBucket.throttle``.

        :raises LedgerUnavailable: if a restart will change it; until then it is done
        """
        with self._changed:
            self._paused = paused
            if paused:
                self._running.cancel_checks()
                self._waiting.send_all_away(Paused(
                    'uploads are paused; the log is accepted, and goes up when they are resumed'
                    ' (~/set_paused)'), but=self._running.ended())
            self.wake()
        self._ledger.paused = paused

    def submit(self, path: Path, fingerprint: Fingerprint, *, name: str = '',
               bag: Optional[Bag] = None, note: str = '', follows: bool = False,
               is_patient: bool = False, revocable: bool = False) -> PendingLog:
        """
        Accept one log, ahead of those that nobody waits for.

        :param path: absolute
        :param fingerprint: of the file now
        :param name: that the object is to get; empty: the file's own
        :param bag: the rosbag2 directory that it belongs to
        :param note: what else a person should know of it
        :param follows: its caller waits for another file already, and this one goes with it
        :param is_patient: its caller waits until it is stored or rejected, through all faults
            and pauses
        :param revocable: its caller may ``withdraw()``
        :returns: the outcome of the next try that ends; after a fault that is not the log's, it
            stays accepted
        :raises Busy: too many callers wait already; then it is not accepted
        :raises LedgerUnavailable: it cannot be accepted now
        """
        with self._changed:
            if self._closed:
                raise Cancelled(f'{path} is not accepted: the node is ending')
            outcome = self._callers.submit(
                path, fingerprint, name=name, bag=bag, note=note, follows=follows,
                is_patient=is_patient, revocable=revocable, is_paused=self._paused)
            self.wake()
        return outcome

    def withdraw(self, outcome: PendingLog) -> None:
        """
        Take a request back; does not wait for the network.

        The outcome is ``Withdrawn`` then, unless the log is stored or rejected before. Where
        nobody else has asked for the log, that comes when there is nothing of it in the bucket.
        """
        with self._changed:
            self._callers.withdraw(outcome)

    def step(self) -> float:
        """
        Begin what can be begun now.

        :returns: seconds after which to look again, if nothing wakes it before
        """
        with self._changed:
            self._news = False
            self._waiting.send_late_away(self._running)
            pause_s = self._go_through(written := self._settlement.write_again())
        if written:  # maybe that one is stored
            self._on_stored()
        return pause_s

    def _go_through(self, written: Sequence[int]) -> float:
        try:
            for number in written:
                self._callers.written(number)
            self._callers.look_again()
            while self._may_begin() and (transfer := self._ledger.claim(
                    only_urgent=self._gate.opens_in_s() > 0)) is not None:
                if not self._begin(transfer):
                    return _LOOK_S
            return self._pause_s()
        except (LedgerUnavailable, Cancelled) as error:
            self.outcomes.warn(str(error))
            return _LEDGER_PAUSE_S

    def _go_on(self, transfer: Transfer, waiters: Sequence[PendingLog]) -> None:
        with self._changed:
            self._callers.go_on(transfer, waiters, is_paused=self._paused)
            self.wake()

    def _run(self) -> None:
        while True:
            pause_s = survive(self.step, PAUSE_S)
            with self._changed:
                if not self._news and not self._closed:
                    self._changed.wait(pause_s)
                if self._closed:
                    return

    def _may_begin(self) -> bool:
        return not self._closed and not self._paused and self._running.has_room()

    def _pause_s(self) -> float:
        """Return for how long nothing can change but by somebody who wakes this one."""
        pauses = [60.0]
        if self._running or self._waiting.is_late_soon():
            pauses.append(_LOOK_S)
        if self._callers.has_unseen:
            pauses.append(_LEDGER_PAUSE_S)
        if not self._paused:
            # What is due goes on when the gate opens; what is urgent is a reason to be woken.
            opens_s = self._gate.opens_in_s()
            due_s = opens_s or self._ledger.next_due_s()
            pauses += [] if due_s is None else [max(due_s, 0.05)]
        return min(pauses)

    def _begin(self, transfer: Transfer) -> bool:
        attempt = Attempt(transfer, self._ledger.journal(transfer.id), self._clock)
        try:
            future = self._pool.submit(
                self._upload, transfer.path, custom_filename=transfer.name,
                folder=transfer.bag.folder if transfer.bag else '', is_closed=not transfer.note,
                journal=attempt.journal, on_sent=attempt.on_sent, cancel=attempt.cancel)
        except (Busy, RuntimeError) as reason:  # no thread to be had
            self._ledger.release(transfer.id)
            self.outcomes.warn(f'{transfer.path} cannot be begun now: {reason}')
            return False
        self._running[transfer.id] = attempt
        self._waiting.has_begun(transfer.id)
        future.add_done_callback(partial(self._ended, attempt))
        return True

    def _ended(self, attempt: Attempt, future: 'Future[StoredLog]') -> None:
        transfer, outcome = attempt.transfer, attempt.outcome(future)
        with self._changed:
            attempt.has_ended = not isinstance(outcome, Cancelled)
            is_awaited = self._waiting.is_awaited(transfer.id)
        is_written = survive(partial(self._settlement.settle, transfer, outcome,
                                     has_gained=attempt.journal.gained > 0,
                                     is_awaited=is_awaited), True)
        with self._changed:
            del self._running[transfer.id]
            # Paused and resumed before it ended, or cancelled and asked for again: who has asked
            # since then waits for the next try.
            goes_on = not self._closed and isinstance(outcome, Cancelled) and (
                attempt.cancel.is_set() or (isinstance(outcome, Paused) and not self._paused))
            is_written = is_written or not self._settlement.is_unwritten(transfer.id)
            ready = self._callers.told(transfer, outcome, is_written=is_written, goes_on=goes_on)
            self.wake()
        for waiter in ready:
            waiter.tell(outcome)
        if isinstance(outcome, StoredLog):
            self._on_stored()
