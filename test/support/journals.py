"""A journal in memory, as a ledger keeps one on disk."""
import threading
from typing import Optional

from flightlog_bucket.storage.journal import Part, Progress
from flightlog_bucket.storage.local_file import Fingerprint


class MemoryJournal:
    """Remembers one upload; what it forgets stands in ``ends``, with whether it is gone."""

    def __init__(self) -> None:
        self.progress: Optional[Progress] = None
        self.ends: list[tuple[str, bool]] = []
        self.last_key = ''
        self._fingerprint: Optional[Fingerprint] = None
        self._lock = threading.Lock()

    @property
    def numbers(self) -> set[int]:
        """Of the parts that are up."""
        with self._lock:
            return {part.number for part in self.progress.parts} if self.progress else set()

    @property
    def up_bytes(self) -> int:
        """Of the parts that are up."""
        with self._lock:
            return sum(part.size for part in self.progress.parts) if self.progress else 0

    def begin(self, fingerprint: Fingerprint) -> Optional[Progress]:
        with self._lock:
            if self._fingerprint is not None and not fingerprint.is_same(self._fingerprint):
                self.progress = None
            self._fingerprint = fingerprint
            return self.progress

    def stored_as(self) -> str:
        return ''

    def began(self, key: str, upload_id: str, part_size: int) -> None:
        with self._lock:
            self.progress = Progress(key, upload_id, part_size, ())

    def acknowledged(self, part: Part) -> None:
        with self._lock:
            assert self.progress is not None
            self.progress = Progress(self.progress.key, self.progress.upload_id,
                                     self.progress.part_size, (*self.progress.parts, part))

    def may_be_stored(self, key: str) -> None:
        self.last_key = key

    def forgotten(self, reason: str, *, is_gone: bool) -> None:
        with self._lock:
            self.progress = None
            self.ends.append((reason, is_gone))

    def lose(self, *numbers: int) -> None:
        """Forget parts, as if their acknowledgements had not arrived."""
        with self._lock:
            assert self.progress is not None
            parts = tuple(p for p in self.progress.parts if p.number not in numbers)
            self.progress = Progress(self.progress.key, self.progress.upload_id,
                                     self.progress.part_size, parts)
