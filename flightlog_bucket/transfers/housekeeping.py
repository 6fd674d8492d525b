"""Now and then: abort what was given up, and forget what is long done with."""
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
import logging
import threading
from typing import Optional

from flightlog_bucket.errors import (
    AuthenticationFailed,
    Cancelled,
    FlightlogError,
    LedgerUnavailable,
    NotS3,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Orphan
from flightlog_bucket.transfers.survival import survive

KEEP_SETTLED = timedelta(days=30)
_PERIOD_S = 24 * 3600.0
# Of the network, the session-token service or the clock, none of the upload.
PASSING = (Unavailable, Cancelled, AuthenticationFailed, NotS3, SessionServiceError)

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Housekeeping:
    """
    One thread, which sleeps until it is woken, or a day is over.

    :param ledger: knows the multipart uploads that were given up
    :param abort: aborts one, by key and upload id; raises ``FlightlogError``
    :param now: the time of day, aware
    """

    def __init__(self, ledger: Ledger, abort: Callable[[str, str], None], *,
                 now: Callable[[], datetime] = _now) -> None:
        self._ledger = ledger
        self._abort = abort
        self._now = now
        self._news = threading.Event()
        self._closed = False

    def start(self) -> None:
        """Begin to work."""
        threading.Thread(target=self._run, name='housekeeping', daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._closed = True
        self._news.set()

    def wake(self) -> None:
        """Look for what is to be aborted: the network works."""
        self._news.set()

    def abort_orphans(self, *, again: bool = False) -> None:
        """
        Abort the multipart uploads that were given up.

        :param again: also those that could not be aborted before
        """
        for orphan in self._ledger.orphanage.all():
            if self._closed or (orphan.problem and not again):
                continue
            if isinstance(self.abort(orphan), PASSING):  # another time
                return

    def abort(self, orphan: Orphan) -> Optional[FlightlogError]:
        """
        Abort one multipart upload now.

        :returns: why it is still there; None: it is not
        """
        try:
            self._abort(orphan.key, orphan.upload_id)
            self._ledger.orphanage.aborted(orphan)
        except PASSING as error:
            _log.debug('%s is not aborted yet: %s', orphan.upload_id, error)
            return error
        except LedgerUnavailable as error:  # it is looked for again
            _log.debug('%s', error)
        except FlightlogError as error:
            self._stays(orphan, error)
            return error
        else:
            _log.debug('the multipart upload %s of %s is aborted', orphan.upload_id, orphan.key)
        return None

    def _stays(self, orphan: Orphan, error: FlightlogError) -> None:
        if not orphan.problem:
            _log.warning('the parts of %s that are up stay in the bucket until a lifecycle rule'
                         ' removes them (upload id %s, given up because %s): %s', orphan.key,
                         orphan.upload_id, orphan.reason, error)
        self._ledger.orphanage.stays(orphan, str(error))

    def _run(self) -> None:
        # At the start, and once a day: the policy may allow by now what it did not.
        is_daily = True
        while not self._closed:
            survive(partial(self._turn, is_daily), None)
            is_daily = not self._news.wait(_PERIOD_S)
            self._news.clear()

    def _turn(self, is_daily: bool) -> None:
        try:
            self.abort_orphans(again=is_daily)
            if is_daily:
                self._ledger.forget_settled(self._now() - KEEP_SETTLED)
        except (LedgerUnavailable, Cancelled) as error:
            _log.debug('%s', error)
