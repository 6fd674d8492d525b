"""Uploads that nobody wants any more: nothing of them stays in the bucket."""
from collections.abc import Callable, Sequence
from functools import partial
import logging
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import (
    Busy,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    Withdrawn,
)
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.gate import Gate
from flightlog_bucket.transfers.housekeeping import PASSING
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Orphan, WITHDRAWN
from flightlog_bucket.transfers.survival import survive
from flightlog_bucket.transfers.waiting_room import PendingLog

REASON = 'the upload was cancelled (~/upload_log); upload it again to store it'
_LATER = 'the parts of it that are up are removed later, when the bucket can be reached'
_THREADS = 2

_log = logging.getLogger(__name__)

Abort = Callable[[Orphan], Optional[FlightlogError]]


def no_abort(orphan: Orphan) -> Optional[FlightlogError]:
    """Leave it to who looks through the ledger."""
    return None


class Withdrawals:
    """
    Ends transfers that nobody wants any more, and then tells who wanted them.

    :param ledger: of the transfers
    :param abort: aborts a multipart upload; returns why it is still there
    :param gate: closed while there is no network
    """

    def __init__(self, ledger: Ledger, abort: Abort, gate: Gate) -> None:
        self._ledger = ledger
        self._abort = abort
        self._gate = gate
        self._pool = WorkerPool(_THREADS, 'withdrawals')

    def end(self, transfer_id: int, waiters: Sequence[PendingLog]) -> None:
        """
        End a transfer that is not on its way; does not wait for the network.

        :param waiters: are told when there is nothing of it in the bucket any more; at once,
            where that cannot be reached
        """
        path = self._path(transfer_id)
        try:
            orphan = self._ledger.withdrawn(transfer_id, REASON, WITHDRAWN)
        except (LedgerUnavailable, Cancelled) as error:
            tell(waiters, f'{path}: the upload goes on in the background: that it was cancelled'
                          f' cannot be written down ({error})')
            return
        cancelled = f'{path}: the upload was cancelled'
        _log.info('%s', cancelled)
        if orphan is None:
            tell(waiters, cancelled)
            return
        if self._gate.opens_in_s() > 0:
            tell(waiters, f'{cancelled}; {_LATER}')
            waiters = ()
        try:
            self._pool.submit(survive, partial(self._abort_and_tell, orphan, waiters, cancelled),
                              None)
        except Busy as error:
            tell(waiters, f'{cancelled}; {_LATER} ({error})')

    def close(self) -> None:
        """Take no more; what is under way goes on."""
        self._pool.shutdown(cancel_futures=False)

    def _abort_and_tell(self, orphan: Orphan, waiters: Sequence[PendingLog],
                        cancelled: str) -> None:
        said = f'{cancelled}; {_LATER}'
        try:
            problem = self._abort(orphan)
            if problem is None:
                said = cancelled
            elif not isinstance(problem, PASSING):
                said = (f'{cancelled}; the parts of it that are up stay in the bucket until a'
                        f' lifecycle rule removes them: {problem}')
        finally:
            tell(waiters, said)

    def _path(self, transfer_id: int) -> Path:
        try:
            found = self._ledger.transfers([transfer_id])
        except (LedgerUnavailable, Cancelled):
            found = {}
        return found[transfer_id].path if found else Path()


def tell(waiters: Sequence[PendingLog], reason: str) -> None:
    """Tell who does not want a log any more what becomes of it."""
    for waiter in waiters:
        waiter.set_exception(Withdrawn(reason))
