"""Asking S3, before a local log is deleted, whether it has it."""
from collections.abc import Callable
import logging
from pathlib import Path
import time
from typing import Optional

from flightlog_bucket.errors import (
    Cancelled,
    FlightlogError,
    InvalidRequest,
    LocalFileError,
    NotAllowed,
)
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.stored_logs import Records
from flightlog_bucket.transfers.warnings import Warnings

# A log that S3 has not although it said so, or does not let us ask for, or that the operating
# system does not let us delete, is left alone for so long.
DOUBT_PERIOD_S = 3600.0
# After so many errors in a row it is the network, and no other log is asked for.
MAX_FAILURES = 3

Holds = Callable[[Path, str], Optional[Fingerprint]]

_log = logging.getLogger(__name__)


class Confirmation:
    """
    Compares files with their objects; what S3 turns out not to have is queued again.

    :param ledger: queues it
    :param holds: compares, e.g. ``FlightLogBucket.holds``
    :param warnings: says what a person should know
    :param monotonic: seconds
    """

    def __init__(self, ledger: Records, holds: Holds, warnings: Warnings,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._holds = holds
        self._warnings = warnings
        self._monotonic = monotonic
        self._doubted: dict[Path, float] = {}  # until when
        self._failures = 0

    def begin(self) -> None:
        """Begin a run over many logs."""
        self._failures = 0
        now_s = self._monotonic()
        self._doubted = {path: until_s for path, until_s in self._doubted.items()
                         if until_s > now_s}

    def leave_alone(self, path: Path) -> None:
        """Do not read and compare a log again soon: it would be in vain."""
        self._doubted[path] = self._monotonic() + DOUBT_PERIOD_S

    def has(self, transfer: Transfer, here: Fingerprint) -> bool:
        """
        Tell whether S3 has, at this moment, what is in the file.

        :param transfer: stored, according to the ledger
        :param here: the file that the answer is to hold for
        :raises LocalFileError: if the file cannot be read
        :raises FlightlogError: if S3 cannot be asked, again and again
        """
        if transfer.path in self._doubted:
            return False
        try:
            held = self._holds(transfer.path, transfer.key)
        except (Cancelled, LocalFileError, InvalidRequest):
            raise
        except FlightlogError as error:
            if isinstance(error, NotAllowed):
                self.leave_alone(transfer.path)  # the next run gets to others
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise
            self._warnings.warn('unasked', 'cannot find out whether %s is in the bucket, so it is'
                                ' kept: %s', transfer.path, error)
            return False
        self._failures = 0
        if held is None:
            self._send_again(transfer, here)
        return held == here

    def _send_again(self, transfer: Transfer, here: Fingerprint) -> None:
        # Once in a while only: else a server that contradicts itself would be filled by us.
        self.leave_alone(transfer.path)
        self._ledger.accept(transfer.path, here, name=transfer.name, bag=transfer.bag,
                            note=transfer.note, again=True)
        _log.warning('%s was stored as %s, and S3 does not have it there as it is; the local file'
                     ' is kept and sent again', transfer.path, transfer.key)
