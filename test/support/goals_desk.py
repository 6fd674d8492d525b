"""A desk at which goals are taken."""
from typing import Any

from flightlog_bucket.transfers.records import (
    Orphan,
)

from support.desk import Desk


class Goals(Desk):
    """A desk at which goals are taken."""

    def __init__(self, directory: Any, **options: Any) -> None:
        self.aborted: list[Orphan] = []
        self.problem: Any = None
        super().__init__(directory, **{'abort': self._abort, **options})

    def _abort(self, orphan: Orphan) -> Any:
        self.aborted.append(orphan)
        return self.problem

    def goal(self, name: str, **options: Any) -> Any:
        return self.ask(name, is_patient=True, revocable=True, **options)

    def again(self, name: str, **options: Any) -> Any:
        """Ask for a file that is there."""
        path = self.directory / name
        return self.worker.submit(path, self.ledger.find(path).fingerprint, **options)

    def found(self, name: str) -> Any:
        return self.ledger.find(self.directory / name)

    def is_cancelled(self) -> bool:
        return self.running[0].arguments['cancel'].is_set()
