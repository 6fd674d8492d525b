"""How the field API tells times and how transfers stand."""
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Optional

from flightlog_bucket.operations.downloads import DONE
from flightlog_bucket.operations.standings_watch import UPLOAD
from flightlog_bucket.operations.texts import explanation, text
from flightlog_bucket.transfers.records import STORED
from flightlog_bucket.transfers.standing import Standing

Json = dict[str, Any]

# That a date can tell everywhere: the end of the year 9999.
_LAST_S = 253_402_300_799


def moment(since_1970_s: float) -> Optional[str]:
    """Return a time of day, ISO 8601, UTC; None where it is none."""
    if not 0 < since_1970_s < _LAST_S:
        return None
    return datetime.fromtimestamp(since_1970_s, timezone.utc).isoformat(timespec='milliseconds')


def transfer(direction: str, standing: Standing, *, is_received: bool) -> Json:
    """
    Return how a transfer stands.

    :param direction: ``UPLOAD`` or ``DOWNLOAD``
    :param is_received: the log has come over HTTP, and so can be discarded
    """
    has_ended = standing.state in (STORED, DONE)
    return {
        'id': standing.id, 'direction': direction, 'name': text(standing.path.name),
        'path': text(standing.path), 'key': text(standing.key), 'state': standing.state,
        'sent_bytes': standing.sent_bytes, 'total_bytes': standing.total_bytes,
        'rate': round(standing.rate, 1),
        'remaining_s': 0.0 if has_ended else seconds(standing.remaining_s),
        'attempts': standing.attempts, 'reason': explanation(standing.reason),
        'next_attempt': moment(standing.next_attempt_s), 'verdict': text(standing.verdict),
        'is_received': is_received and direction == UPLOAD,
        'is_deleted': standing.is_deleted}


def seconds(value: Optional[float]) -> Optional[float]:
    """Return a time, rounded; None: it is not known."""
    return None if value is None else round(value, 1)


def succeeded(answer: Json, status: int = 200) -> Json:
    """Return the answer to a request that was carried out."""
    return {'success': True, 'status': status, **answer}


def explanations(values: Iterable[object]) -> list[str]:
    """Return each of them as a string that fits an answer."""
    return [explanation(value) for value in values]
