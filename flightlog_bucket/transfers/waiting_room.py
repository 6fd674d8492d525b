"""Callers who wait for the outcome of a transfer."""
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from flightlog_bucket.errors import Busy, FlightlogError
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.attempt import Attempts

# The network has max_wait_s as well, and its error says more.
_MARGIN_S = 2.0


class _Waiter:
    def __init__(self, outcome: 'Future[StoredLog]', deadline_s: float, *, has_begun: bool,
                 is_next: bool) -> None:
        self.outcome = outcome
        self.deadline_s = deadline_s
        self.has_begun = has_begun
        # Of the try after the one that is under way.
        self.is_next = is_next


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
        self._waiters: dict[int, list[_Waiter]] = {}

    def __len__(self) -> int:
        return sum(len(waiters) for waiters in self._waiters.values())

    def check_room(self, path: Path) -> None:
        """
        Refuse a caller where too many wait for a try to begin.

        :raises Busy: saying so
        """
        idle = sum(not w.has_begun for waiters in self._waiters.values() for w in waiters)
        if idle >= self._most:
            raise Busy(f'{path} is not accepted: {idle} uploads wait; try again later')

    def add(self, transfer_id: int, *, is_running: bool, is_next: bool,
            is_patient: bool) -> 'Future[StoredLog]':
        """
        Let a caller wait.

        :param is_running: a try is under way
        :param is_next: for the try after that
        :param is_patient: however long it takes
        """
        outcome: Future[StoredLog] = Future()
        self._enter(transfer_id, outcome, has_begun=is_running or is_patient, is_next=is_next)
        return outcome

    def put(self, transfer_id: int, outcomes: 'list[Future[StoredLog]]') -> None:
        """Let those who waited for one transfer wait for another one."""
        for outcome in outcomes:
            self._enter(transfer_id, outcome, has_begun=False, is_next=False)

    def has_begun(self, transfer_id: int) -> None:
        """Note that a try is under way."""
        for waiter in self._waiters.get(transfer_id, ()):
            waiter.has_begun = True

    def take(self, transfer_id: int,
             ) -> 'tuple[list[Future[StoredLog]], list[Future[StoredLog]]]':
        """Return those who wait for the try that has ended, and those who wait for the next."""
        waiters = self._waiters.pop(transfer_id, [])
        return ([w.outcome for w in waiters if not w.is_next],
                [w.outcome for w in waiters if w.is_next])

    def send_away(self, transfer_id: int, error: FlightlogError) -> None:
        """Tell all who wait for one transfer that there is no outcome soon."""
        for waiter in self._waiters.pop(transfer_id, []):
            waiter.outcome.set_exception(error)

    def send_all_away(self, error: FlightlogError) -> None:
        """Tell everybody that there is no outcome soon."""
        for transfer_id in list(self._waiters):
            self.send_away(transfer_id, error)

    def send_late_away(self, running: Attempts) -> None:
        """
        Tell those who have waited too long for a try to begin, or for a check to end.

        :param running: the tries that are under way
        """
        checks = running.long_checks(self._max_wait_s + _MARGIN_S)
        for transfer_id in list(self._waiters):
            path = checks.get(transfer_id)
            for waiter in self._take_late(transfer_id, is_checked=path is not None):
                waiter.outcome.set_exception(Busy(
                    f'{path} is accepted, and after {self._max_wait_s:.0f} s still being checked'
                    ' or waiting for that; it goes on in the background' if waiter.has_begun else
                    f'its turn did not come within {self._max_wait_s:.0f} s, behind'
                    f' {len(running)} uploads; it is accepted, and goes up later'))

    def _take_late(self, transfer_id: int, *, is_checked: bool) -> list[_Waiter]:
        now_s, waiters = self._clock(), self._waiters.pop(transfer_id)
        late = [w for w in waiters if w.deadline_s <= now_s and (is_checked or not w.has_begun)]
        if len(late) < len(waiters):
            self._waiters[transfer_id] = [w for w in waiters if w not in late]
        return late

    def _enter(self, transfer_id: int, outcome: 'Future[StoredLog]', *, has_begun: bool,
               is_next: bool) -> None:
        self._waiters.setdefault(transfer_id, []).append(_Waiter(
            outcome, self._clock() + self._max_wait_s, has_begun=has_begun, is_next=is_next))
