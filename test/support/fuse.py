"""A ledger whose power fails, or whose disk is full, at a moment that a test chooses."""
from collections.abc import Callable
from typing import Any

from flightlog_bucket.errors import LedgerUnavailable
from flightlog_bucket.transfers.ledger import Ledger


class PowerCut(BaseException):
    """The process is no more."""


class Fuse:
    """
    Lets the power fail, or the disk be full, at one of the next transactions of a ledger.

    :param ledger: nothing of it works after a power cut
    """

    def __init__(self, ledger: Ledger) -> None:
        self._run = ledger._database.run
        self._left = self._full = 0
        self._is_after = False
        self._is_blown = False
        ledger._database.run = self._transaction  # type: ignore[method-assign]

    def light(self, transactions: int, *, is_after: bool) -> None:
        """Let it blow; ``is_after``: what the last of these transactions wrote is durable."""
        self._left, self._is_after = transactions, is_after

    def fill(self, transactions: int) -> None:
        """Let so many transactions fail, and those after them succeed again."""
        self._full = transactions

    def _transaction(self, work: Callable[..., Any]) -> Any:
        if self._full:
            self._full -= 1
            raise LedgerUnavailable('the disk is full')
        self._left -= 1
        if self._left == 0 and self._is_after and not self._is_blown:
            self._run(work)
        self._is_blown |= self._left == 0
        if self._is_blown:
            raise PowerCut
        return self._run(work)
