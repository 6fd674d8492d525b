"""How transfers stand, as messages tell it."""
from collections.abc import Sequence
import time
from typing import Any, Optional

from builtin_interfaces.msg import Time
from flightlog_bucket.msg import TransferStatus
from flightlog_bucket.operations.arguments import most_from
from flightlog_bucket.operations.downloads import DONE
from flightlog_bucket.operations.standings_watch import UPLOAD
from flightlog_bucket.operations.texts import explanation, text
from flightlog_bucket.ros.conversions import LAST_SECOND, succeeded
from flightlog_bucket.transfers.records import STORED
from flightlog_bucket.transfers.standing import Standing

MAX_TRANSFERS = 1000
UNKNOWN_S = -1.0

_ENDED = (STORED, DONE)
# That a message can hold.
_MAX_ATTEMPTS = 2 ** 32 - 1


def transfer_status(direction: str, standing: Standing, now_s: float) -> TransferStatus:
    """
    Return how a transfer stands.

    :param direction: ``UPLOAD`` or ``DOWNLOAD``
    :param now_s: seconds since 1970
    """
    return TransferStatus(
        stamp=moment(now_s), direction=direction, id=standing.id, path=text(standing.path),
        key=text(standing.key), state=standing.state, sent_bytes=standing.sent_bytes,
        total_bytes=standing.total_bytes, rate=float(standing.rate),
        remaining_s=0.0 if standing.state in _ENDED else seconds_or_unknown(standing.remaining_s),
        attempts=min(standing.attempts, _MAX_ATTEMPTS), reason=explanation(standing.reason),
        next_attempt=moment(standing.next_attempt_s), verdict=text(standing.verdict))


def seconds_or_unknown(remaining_s: Optional[float]) -> float:
    """Return the time as messages tell it: -1 where it is not known."""
    return UNKNOWN_S if remaining_s is None else float(remaining_s)


def moment(since_1970_s: float) -> Time:
    """Return a time of day; 0 where a message cannot hold it."""
    if not 0 < since_1970_s < LAST_SECOND:
        return Time()
    seconds = int(since_1970_s)
    return Time(sec=seconds, nanosec=int((since_1970_s - seconds) * 1e9))


def max_transfers_from(value: int) -> int:
    """Return how many transfers a request asks for; see ``most_from()``."""
    return most_from('max_transfers', value, MAX_TRANSFERS)


def transfers_listed(answer: Any, standings: Sequence[Standing], total: int) -> Any:
    """Return the answer of ~/list_transfers."""
    now_s = time.time()
    answer.transfers = [transfer_status(UPLOAD, standing, now_s) for standing in standings]
    answer.total = total
    return succeeded(answer)


def retried(answer: Any, count: int) -> Any:
    """Return the answer of ~/retry."""
    answer.retried = count
    return succeeded(answer)
