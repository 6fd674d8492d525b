"""Callers who wait for the outcome of a transfer."""
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from flightlog_bucket.errors import Busy, FlightlogError
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.attempt import Attempts

# The network has max_wait_s as well, and its error says more.
_MARGIN_S = 2.0


class PendingLog(Future[StoredLog]):
    """
    The outcome of a transfer that somebody waits for.

    :param transfer_id: in the ledger; becomes that of another one where the file is rewritten
    :param deadline_s: on the monotonic clock, until when a try must have begun
    :param has_begun: a try is under way, or nobody minds how late it begins
    :param is_next: of the try after the one that is under way
    :param is_patient: only what is final is an outcome: no fault that another try may mend
    """

    def __init__(self, transfer_id: int, deadline_s: float, *, has_begun: bool, is_next: bool,
                 is_patient: bool) -> None:
        super().__init__()
        self.transfer_id = transfer_id
        self.deadline_s = deadline_s
        self.has_begun = has_begun
        self.is_next = is_next
        self.is_patient = is_patient
        self.is_withdrawn = False

    def tell(self, outcome: Union[StoredLog, BaseException]) -> None:
        """Tell what became of it."""
        if isinstance(outcome, BaseException):
            self.set_exception(outcome)
        else:
            self.set_result(outcome)


@dataclass(frozen=True)
class Followed:
    """
    A log that somebody waits for, for as long as it takes.

    :param path: that was asked for, of a file or a rosbag2 directory
    :param outcomes: of its files
    """

    path: Path
    outcomes: list[PendingLog]

    @property
    def ids(self) -> list[int]:
        """Of its transfers now: a file that is rewritten under way is another one then."""
        return [outcome.transfer_id for outcome in self.outcomes]


class WaitingRoom:
    """
    Who waits for which transfer. Not thread-safe: its owner has a lock.

    :param most: callers who may wait
    :param max_wait_s: seconds within which a try must begin, and then its check must end
    :param clock: monotonic seconds
    """

    def __init__(self, most: int, max_wait_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._waiters: dict[int, list[PendingLog]] = {}

    def is_late_soon(self) -> bool:
        """Tell whether there is anybody who may have to be sent away."""
        return any(not w.is_patient for waiters in self._waiters.values() for w in waiters)

    def check_room(self, path: Path) -> None:
        """
        Refuse a caller where too many wait for a try to begin.

        :raises Busy: saying so
        """
        idle = sum(not (w.has_begun or w.is_patient)
                   for waiters in self._waiters.values() for w in waiters)
        if idle >= self._most:
            raise Busy(f'{path} is not accepted: {idle} uploads wait; try again later')

    def add(self, transfer_id: int, *, has_begun: bool, is_next: bool,
            is_patient: bool) -> PendingLog:
        """Let a caller wait; see ``PendingLog``."""
        waiter = PendingLog(transfer_id, self._clock() + self._max_wait_s, has_begun=has_begun,
                            is_next=is_next, is_patient=is_patient)
        self._waiters.setdefault(transfer_id, []).append(waiter)
        return waiter

    def put(self, transfer_id: int, waiters: Collection[PendingLog]) -> None:
        """Let those who waited for one try wait for another one, maybe of another transfer."""
        for waiter in waiters:
            waiter.transfer_id = transfer_id
            waiter.deadline_s = self._clock() + self._max_wait_s
            waiter.has_begun = waiter.is_next = False
            self._waiters.setdefault(transfer_id, []).append(waiter)

    def has_begun(self, transfer_id: int) -> None:
        """Note that a try is under way."""
        for waiter in self._waiters.get(transfer_id, ()):
            waiter.has_begun = True

    def is_awaited(self, transfer_id: int) -> bool:
        """Tell whether somebody waits for a transfer however long it takes."""
        return any(waiter.is_patient for waiter in self._waiters.get(transfer_id, ()))

    def of(self, transfer_id: int) -> list[PendingLog]:
        """Return those who wait for a transfer."""
        return list(self._waiters.get(transfer_id, ()))

    def take(self, transfer_id: int) -> tuple[list[PendingLog], list[PendingLog]]:
        """Return those who wait for the try that has ended, and those who wait for the next."""
        waiters = self._waiters.pop(transfer_id, [])
        return [w for w in waiters if not w.is_next], [w for w in waiters if w.is_next]

    def take_withdrawn(self, transfer_id: int) -> list[PendingLog]:
        """Return those who do not want it any more."""
        return self._take(transfer_id, lambda waiter: waiter.is_withdrawn)

    def send_away(self, transfer_id: int, error: FlightlogError) -> None:
        """Tell who waits for a transfer, and is not patient, that there is no outcome soon."""
        for waiter in self._take(transfer_id, lambda waiter: not waiter.is_patient):
            waiter.set_exception(error)

    def send_all_away(self, error: FlightlogError, *, but: Collection[int]) -> None:
        """
        Tell everybody who is not patient that there is no outcome soon.

        :param but: transfers whose try has one; who waits for their next try is told
        """
        for transfer_id in list(self._waiters):
            for waiter in self._take(transfer_id, lambda waiter: not waiter.is_patient and (
                    waiter.is_next or waiter.transfer_id not in but)):
                waiter.set_exception(error)

    def send_late_away(self, running: Attempts) -> None:
        """
        Tell those who have waited too long for a try to begin, or for a check to end.

        :param running: the tries that are under way
        """
        checks = running.long_checks(self._max_wait_s + _MARGIN_S)
        for transfer_id in list(self._waiters):
            path = checks.get(transfer_id)
            for waiter in self._take_late(transfer_id, is_checked=path is not None):
                waiter.set_exception(Busy(
                    f'{path} is accepted, and after {self._max_wait_s:.0f} s still being checked'
                    ' or waiting for that; it goes on in the background' if waiter.has_begun else
                    f'its turn did not come within {self._max_wait_s:.0f} s, behind'
                    f' {len(running)} uploads; it is accepted, and goes up later'))

    def _take_late(self, transfer_id: int, *, is_checked: bool) -> list[PendingLog]:
        now_s = self._clock()
        return self._take(transfer_id, lambda w: not w.is_patient and w.deadline_s <= now_s
                          and (is_checked or not w.has_begun))

    def _take(self, transfer_id: int,
              is_meant: Callable[[PendingLog], bool]) -> list[PendingLog]:
        waiters = self._waiters.pop(transfer_id, [])
        taken = [waiter for waiter in waiters if is_meant(waiter)]
        if len(taken) < len(waiters):
            self._waiters[transfer_id] = [w for w in waiters if not is_meant(w)]
        return taken
