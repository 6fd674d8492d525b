"""How a transfer stands, as people and programs are shown it."""
from dataclasses import dataclass
from pathlib import Path
from typing import Optional


@dataclass(frozen=True)
class Standing:
    """
    One transfer at one moment.

    :param id: in the ledger
    :param path: absolute, of the local file
    :param key: of the object; empty: not known yet
    :param state: ``queued``, ``uploading``, ``stored`` or ``rejected``
    :param sent_bytes: that went out in this try, or are up from an earlier one; all, once stored
    :param total_bytes: of the file
    :param rate: bytes per second, over the last seconds
    :param remaining_s: seconds until it is stored, at this rate; None: not known
    :param attempts: tries so far
    :param reason: why it is not stored; empty where nothing is wrong
    :param next_attempt_s: seconds since 1970, not before which it is tried again; 0: now, or never
    :param verdict: of the check; empty: none yet
    :param is_deleted: it was stored, and then deleted from the bucket on purpose
    """

    id: int
    path: Path
    key: str
    state: str
    sent_bytes: int
    total_bytes: int
    rate: float
    remaining_s: Optional[float]
    attempts: int
    reason: str
    next_attempt_s: float
    verdict: str
    is_deleted: bool = False


@dataclass(frozen=True)
class Backlog:
    """
    What is not stored yet, and not rejected either.

    :param count: logs
    :param size_bytes: of all of them
    :param oldest_s: seconds since 1970 when the one was accepted that waits the longest; 0: none
    """

    count: int
    size_bytes: int
    oldest_s: float
