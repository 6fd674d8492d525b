"""A ledger to be read and steered."""
from pathlib import Path

from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.state_directory import StateDirectory


class Book:
    """A ledger, files, and a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = 1000.0
        self.changes: list[int] = []
        self.ledger = Ledger(StateDirectory(folder / 'state'), machine='drone-001',
                             destination='bucket', clock=lambda: self.now_s,
                             wall_clock=lambda: 1_000_000 + self.now_s,
                             on_change=self.changes.extend)

    def accept(self, name: str, size: int = 1, **options: object) -> int:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'x' * size)
        self.now_s += 1
        return self.ledger.accept(path, Fingerprint.of(path.stat()), **options).id

    def store(self, name: str, size: int = 1) -> int:
        number = self.accept(name, size)
        self.ledger.stored(number, StoredLog(f'key/{name}', '', size, '', False, 0, '"e"'))
        return number

    def reject(self, name: str, fault: str = 'CorruptLog') -> int:
        number = self.accept(name)
        self.ledger.rejected(number, 'it is damaged', fault)
        return number

    def let_wait(self, name: str, seconds: float = 60.0) -> int:
        number = self.accept(name)
        self.ledger.waits(number, 'nobody there', 'Unavailable', seconds)
        return number

    def state(self, number: int) -> str:
        return self.ledger.transfers([number])[number].state

    def told(self) -> list[int]:
        told = list(self.changes)
        self.changes.clear()
        return told
