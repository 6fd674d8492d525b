"""Uploads that nobody wants any more: nothing of them stays in the bucket."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
import logging
from pathlib import Path
import time
from typing import Optional

from flightlog_bucket.errors import (
    Busy,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    Unavailable,
    Withdrawn,
)
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.gate import Gate
from flightlog_bucket.transfers.housekeeping import Job, PASSING
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Orphan, Transfer, Withdrawal, WITHDRAWN
from flightlog_bucket.transfers.survival import survive
from flightlog_bucket.transfers.waiting_room import PendingLog
from flightlog_bucket.transfers.whole_log import CANCELLED

REASON = 'the upload was cancelled (~/upload_log); upload it again to store it'
OTHERS = 'others have asked for the log as well, or it was accepted before'
_LATER = 'the parts of it that are up are removed later, when the bucket can be reached'
_THREADS = 2
_MAY_COME_S = 60.0
"""For so long S3 may still be at work on a request whose connection is gone."""

_log = logging.getLogger(__name__)

Abort = Callable[[Orphan], Optional[FlightlogError]]
Holds = Callable[[Path, str], Optional[Fingerprint]]
GoOn = Callable[[Transfer, Sequence[PendingLog]], None]


def no_abort(orphan: Orphan) -> Optional[FlightlogError]:
    """Leave it to who looks through the ledger."""
    return None


def cannot_tell(path: Path, key: str) -> Optional[Fingerprint]:
    """Have no bucket to look into."""
    raise Unavailable(f'nobody can tell whether {key!r} is there')


@dataclass(frozen=True)
class Remains:
    """
    What can be done about what is in the bucket of a log that nobody wants any more.

    :param abort: aborts a multipart upload; returns why it is still there
    :param holds: tells whether an object has a file's content; see ``FlightLogBucket.holds()``
    :param later: does a job when the bucket can be reached; it raises one of ``PASSING`` then
    """

    abort: Abort = no_abort
    holds: Holds = cannot_tell
    later: Callable[[Job], None] = lambda job: None


NOTHING_REMAINS = Remains()


class Withdrawals:
    """
    Ends transfers that nobody wants any more, and then tells who wanted them.

    :param ledger: of the transfers
    :param remains: of them, in the bucket
    :param gate: closed while there is no network
    :param go_on: takes a transfer on again that is in the bucket already, with who waited for it
    :param clock: monotonic seconds
    """

    def __init__(self, ledger: Ledger, remains: Remains, gate: Gate, go_on: GoOn, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._abort, self._holds, self._later = remains.abort, remains.holds, remains.later
        self._gate = gate
        self._go_on = go_on
        self._clock = clock
        self._pool = WorkerPool(_THREADS, 'withdrawals')

    def end(self, transfer_id: int, waiters: Sequence[PendingLog]) -> None:
        """
        End a transfer that is not on its way; does not wait for the network.

        :param waiters: are told when there is nothing of it in the bucket any more; at once,
            where that cannot be reached, unless its last write may have stored it. Where it has,
            they wait on.
        """
        try:
            gone = self._ledger.withdrawn(transfer_id, REASON, WITHDRAWN)
        except (LedgerUnavailable, Cancelled) as error:
            tell_going_on(waiters, f'that it was cancelled cannot be written down ({error})')
            return
        if gone is None:
            tell_going_on(waiters, OTHERS)
            return
        cancelled = f'{gone.transfer.path}{CANCELLED}'
        _log.info('%s', cancelled)
        if gone.orphan is None and not gone.last_key:
            tell(waiters, cancelled)
            return
        unreachable = '; '.join((cancelled, *_unreachable(gone)))
        if self._gate.opens_in_s() > 0 and not gone.last_key:
            tell(waiters, unreachable)
            waiters = ()
        try:
            self._pool.submit(survive, partial(self._clear, gone, waiters), None)
        except Busy as error:
            tell(waiters, f'{unreachable} ({error})')
            self._look_later(gone)

    def close(self) -> None:
        """Take no more; what is under way goes on."""
        self._pool.shutdown(cancel_futures=False)

    def _clear(self, gone: Withdrawal, waiters: Sequence[PendingLog]) -> None:
        """Remove what is up of it, then look whether it is there all the same."""
        said = [f'{gone.transfer.path}{CANCELLED}', *_unreachable(gone)]
        try:
            problem = self._abort(gone.orphan) if gone.orphan else None
            said = said[:1]
            if isinstance(problem, PASSING):
                said += _unreachable(gone)
                self._look_later(gone)
                return
            if problem is not None:
                said.append('the parts of it that are up stay in the bucket until a lifecycle'
                            f' rule removes them: {problem}')
            try:
                is_there = self._is_there(gone)
            except FlightlogError as error:
                said.append(f'{_maybe(gone)}: {error}')
                if isinstance(error, PASSING):
                    self._look_later(gone)
                return
            if is_there:
                waiters, going = (), waiters
                self._go_on(gone.transfer, going)
            elif gone.orphan is None or problem is not None:
                self._look_later(gone)
        finally:
            tell(waiters, '; '.join(said))

    def _is_there(self, gone: Withdrawal) -> bool:
        """Tell whether the last write, whose answer did not come, has stored the log."""
        if not gone.last_key:
            return False
        found = self._holds(gone.transfer.path, gone.last_key)
        return found is not None and found.is_same(gone.transfer.fingerprint)

    def _look_later(self, gone: Withdrawal) -> None:
        if gone.last_key:
            self._later(partial(self._look_again, gone, self._clock() + _MAY_COME_S))

    def _look_again(self, gone: Withdrawal, until_s: float) -> None:
        if self._is_there(gone):
            self._go_on(gone.transfer, ())
        elif self._clock() < until_s:
            raise Unavailable(f'{gone.last_key!r} is not there, and may still come')


def tell(waiters: Sequence[PendingLog], reason: str) -> None:
    """Tell who does not want a log any more that it is not stored."""
    for waiter in waiters:
        waiter.set_exception(Withdrawn(reason))


def tell_going_on(waiters: Sequence[PendingLog], why: str) -> None:
    """Tell who does not want a log any more that it is stored all the same."""
    for waiter in waiters:
        waiter.set_exception(
            Withdrawn(f'the upload goes on in the background: {why}', goes_on=True))


def _unreachable(gone: Withdrawal) -> list[str]:
    """Return what is not known, or not done, of it while the bucket cannot be reached."""
    return ([_LATER] if gone.orphan else []) + (
        [f'{_maybe(gone)}: that is looked up when the bucket can be reached, and flightlog info'
         ' tells it then'] if gone.last_key else [])


def _maybe(gone: Withdrawal) -> str:
    return (f'it may be in the bucket as {gone.last_key!r}, as S3 was sent all of it, and did not'
            ' answer')
