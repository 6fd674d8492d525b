"""A desk at which goals are taken."""
from pathlib import Path
from typing import Any

from flightlog_bucket.transfers.housekeeping import Job
from flightlog_bucket.transfers.records import (
    Orphan,
)
from flightlog_bucket.transfers.withdrawals import Remains

from support.desk import Desk


class Goals(Desk):
    """
    A desk at which goals are taken.

    ``there`` are the files whose objects are in the bucket; or why that cannot be asked.
    """

    def __init__(self, directory: Any, **options: Any) -> None:
        self.aborted: list[Orphan] = []
        self.problem: Any = None
        self.there: Any = {}
        self.asked: list[tuple[Path, str]] = []
        self.later: list[Job] = []
        super().__init__(directory, **{
            'remains': Remains(self._abort, self._holds, self.later.append), **options})

    def _abort(self, orphan: Orphan) -> Any:
        self.aborted.append(orphan)
        return self.problem

    def _holds(self, path: Path, key: str) -> Any:
        self.asked.append((path, key))
        if isinstance(self.there, Exception):
            raise self.there
        return self.there.get(path)

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
