"""What does the work of a subcommand: a node, or this process itself."""
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
import threading
from typing import Optional, Protocol

from flightlog_bucket.cli.phrases import in_options


class Failure(Exception):
    """
    What was asked for was not done.

    :param status: HTTP meaning
    :param text: what happened, to which file or key, and what to do; may be in the words of the
        services
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(in_options(text))
        self.status = status


class NotReachable(Failure):
    """Nobody does the work: there is no node, or what it takes to do without one is missing."""


@dataclass(frozen=True)
class Step:
    """
    How far a transfer is.

    :param state: ``queued``, ``uploading`` or ``downloading``
    :param done_bytes: that went over the wire, or were there already; never less than before
    :param total_bytes: 0: not known yet
    :param rate: bytes per second
    :param remaining_s: seconds; None: not known
    :param attempts: tries so far
    :param reason: why it does not go on now; empty: it does
    :param next_attempt_in_s: seconds until the next try; 0: now
    """

    state: str
    done_bytes: int
    total_bytes: int
    rate: float
    remaining_s: Optional[float]
    attempts: int = 0
    reason: str = ''
    next_attempt_in_s: float = 0.0


OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Uploaded:
    """What became of an upload; ``is_accepted``: it goes on in the background."""

    s3_key: str = ''
    file_url: str = ''
    file_size: int = 0
    content_type: str = ''
    already_stored: bool = False
    verdict: str = ''
    verdict_reason: str = ''
    is_accepted: bool = False


@dataclass(frozen=True)
class Downloaded:
    """Where a downloaded log is now, and its size in bytes."""

    local_path: str
    file_size: int


@dataclass(frozen=True)
class Entry:
    """One stored log of a listing; see ``msg/FileInfo.msg``."""

    key: str
    size: int
    last_modified: datetime
    url: str
    format: str = ''
    verdict: str = ''
    start: Optional[datetime] = None
    duration_s: float = 0.0
    message_count: int = 0


class Backend(Protocol):
    """Each call raises ``Failure``, and ends soon after ``cancel`` is set."""

    def upload(self, path: str, *, name: str, enqueue_only: bool, on_step: OnStep,
               cancel: threading.Event) -> Uploaded:
        """Store a log, a file or a rosbag2 directory."""

    def list(self, prefix: str, *, most: Optional[int]) -> Iterator[Entry]:
        """Yield this machine's logs, by key."""

    def download(self, key: str, local_path: str, *, overwrite: bool, on_step: OnStep,
                 cancel: threading.Event) -> Downloaded:
        """Fetch a log; the local file appears whole and verified, or not at all."""

    def delete(self, key: str) -> None:
        """Delete a log from the bucket."""

    def info(self, target: str) -> dict[str, object]:
        """
        Tell all that is known, by the names of the answer of ``~/info``.

        :param target: a local file, or a key; empty: only how the connection is set and stands
        """

    def keys(self) -> Sequence[str]:
        """Return the keys that a shell may complete; empty where that takes long."""
