"""One transfer as ``msg/TransferStatus`` tells of it, for people and for programs."""
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Optional

from flightlog_bucket.cli.words import (
    iso_text,
    movement_words,
    percent_text,
    waiting_text,
)
from flightlog_bucket.sizes import size_text

MOVING = ('uploading', 'downloading')
OVER = ('stored', 'done', 'failed')
FAILED = ('rejected', 'failed')


@dataclass(frozen=True)
class TransferView:
    """See ``msg/TransferStatus.msg``; what is not known is None."""

    direction: str
    id: int
    path: str
    key: str
    state: str
    sent_bytes: int
    total_bytes: int
    rate: float
    remaining_s: Optional[float]
    attempts: int
    reason: str
    next_attempt: Optional[datetime]
    verdict: str
    stamp: Optional[datetime] = None

    def as_fields(self) -> dict[str, Any]:
        """Return what a program gets."""
        return {
            'direction': self.direction, 'id': self.id, 'path': self.path, 'key': self.key,
            'state': self.state, 'sent_bytes': self.sent_bytes,
            'total_bytes': self.total_bytes, 'rate': self.rate,
            'remaining_s': self.remaining_s, 'attempts': self.attempts, 'reason': self.reason,
            'next_attempt': iso_text(self.next_attempt), 'verdict': self.verdict}

    def progress(self) -> str:
        """Return how much of it is done, and how fast it goes."""
        if self.state not in MOVING:
            return percent_text(self.sent_bytes, self.total_bytes) if self.sent_bytes else ''
        return ', '.join([percent_text(self.sent_bytes, self.total_bytes),
                          *movement_words(self.rate, self.remaining_s)])

    def next_try_in_s(self) -> float:
        """Return the seconds until the next try; 0: now, or never."""
        if self.next_attempt is None or self.state != 'queued':
            return 0.0
        return max(0.0, (self.next_attempt - datetime.now(timezone.utc)).total_seconds())

    def told(self) -> str:
        """Return how it stands, in one line without the path."""
        if self.state == 'queued':
            return waiting_text(self.reason, self.next_try_in_s())
        if self.state in FAILED:
            return f'{self.state}: {self.reason}' if self.reason else self.state
        if self.state in MOVING:
            return f'{self.state}, {self.progress()}'
        return f'{self.state}, {size_text(self.total_bytes)}'
