"""What an object says of the log that it holds: its user metadata, within S3's 2 KB."""
from collections.abc import Mapping
from datetime import datetime, timezone
import json
from typing import Any, Optional, Union
from urllib.parse import quote, unquote

from flightlog_bucket.logs import LogFacts
from flightlog_bucket.results import LogContent

# S3 takes 2,048 bytes of names and values:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
# MinIO counts the prefix of each name with them, rclone takes 1,725, and an upload in parts adds
# their size.
MAX_BYTES = 1500
_MAX_REASON_BYTES = 240

_FORMAT = 'log-format'
_VERDICT = 'log-verdict'
_REASON = 'log-reason'
_DESCRIPTION = 'log-description'


def content_of(facts: LogFacts) -> LogContent:
    """Return what is known of a log, as it is kept and shown."""
    described = facts.description
    return LogContent(
        facts.format, facts.verdict.outcome, facts.verdict.reason,
        json.dumps(described.as_dict(), separators=(',', ':')), start=facts.start,
        duration_s=(described.duration_ns or 0) / 10**9,
        message_count=described.message_count or 0)


def metadata(name: str, machine: str, content: LogContent) -> dict[str, str]:
    """
    Return the user metadata of an object: ASCII, and within S3's limit.

    A description that is too long lacks its last topics; ``topics_left_out`` says how many.

    :param name: of the object
    :param machine: whose log it is
    :param content: of the log
    """
    found = {'original-filename': quote(name), 'machine-id': machine, _FORMAT: content.format,
             _VERDICT: content.verdict}
    if content.reason:
        found[_REASON] = _quoted(content.reason)
    room = MAX_BYTES - len(_DESCRIPTION) - sum(
        len(key) + len(value) for key, value in found.items())
    description = _fitting(json.loads(content.description or '{}'), room)
    if description:
        found[_DESCRIPTION] = description
    return found


def without_content(found: Mapping[str, str]) -> dict[str, str]:
    """Return user metadata without what they tell of the log, for a server that takes few."""
    return {key: value for key, value in found.items()
            if key not in (_FORMAT, _VERDICT, _REASON, _DESCRIPTION)}


def content_in(found: Mapping[str, str]) -> LogContent:
    """Return what the user metadata of an object tell of its log; they may be anybody's."""
    text = found.get(_DESCRIPTION, '')
    description = _parsed(text)
    return LogContent(
        found.get(_FORMAT, ''), found.get(_VERDICT, ''), unquote(found.get(_REASON, '')),
        text if description is not None else '',
        start=_moment((description or {}).get('start')),
        duration_s=float(_number((description or {}).get('duration_s'))),
        message_count=int(_number((description or {}).get('message_count'))))


def _quoted(reason: str) -> str:
    # Cut before it is quoted: half a "%C3" is no character.
    while True:
        text = quote(reason.strip(), safe="/ ,.;:'()=", errors='replace').replace('  ', ' %20')
        if len(text) <= _MAX_REASON_BYTES:
            return text
        reason = reason[:min(_MAX_REASON_BYTES, len(reason)) - 8]


def _fitting(description: dict[str, Any], room: int) -> str:
    text = _ascii(description)
    topics = list(description.get('topics', ()))
    left_out = 0
    while len(text) > room:
        if not topics:
            return ''
        # At a time as many as are surely too much; never fewer than one.
        excess = max((len(text) - room) * len(topics) // (2 * len(text)), 1)
        del topics[-excess:]
        left_out += excess
        text = _ascii({**description, 'topics': topics, 'topics_left_out': left_out})
    return text


def _ascii(description: dict[str, Any]) -> str:
    # The signature of a request takes several spaces for one.
    return json.dumps(description, separators=(',', ':')).replace('  ', ' \\u0020')


def _parsed(text: str) -> Optional[dict[str, Any]]:
    """Return a JSON object; None: it is none."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f'{constant} is no JSON')


def _moment(text: object) -> Optional[datetime]:
    try:
        found = datetime.fromisoformat(str(text).replace('Z', '+00:00'))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _number(value: object) -> Union[int, float]:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # The largest that a message and the ledger take.
    return value if is_number and 0 <= value < 2 ** 63 else 0  # type: ignore[operator,return-value]
