"""What reading all of a log found."""
from dataclasses import dataclass
from typing import Any, Optional

from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.verdict import VALID


@dataclass(frozen=True)
class Reading:
    """
    What reading all of a log found; what is not known is None.

    :param outcome: ``valid``, ``truncated`` or ``corrupt``
    :param reason: of any outcome but ``valid``; of that, why not all was read
    :param start_ns: of the first message, nanoseconds since 1970 UTC
    :param duration_ns: from the first message to the last
    :param message_count: of all topics
    :param topics: with their counts
    :param dropouts: of a ULog
    :param dropout_ms: of a ULog
    """

    outcome: str = VALID
    reason: str = ''
    start_ns: Optional[int] = None
    duration_ns: Optional[int] = None
    message_count: Optional[int] = None
    topics: Optional[tuple[Topic, ...]] = None
    dropouts: Optional[int] = None
    dropout_ms: Optional[int] = None

    def counted(self) -> dict[str, Any]:
        """
        Return what is known of it, by the names of ``Description``.

        Without the start: it is the timestamp of the key, and must not depend on the level.
        """
        names = ('duration_ns', 'message_count', 'topics', 'dropouts', 'dropout_ms')
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
