"""What an object says of the log that it holds: its user metadata, within S3's 2 KB."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any, Optional
from urllib.parse import quote, unquote

from flightlog_bucket.logs import LogFacts
from flightlog_bucket.results import LogContent

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: names and values
MAX_BYTES = 2048
# The part size that an upload may add.
_RESERVED_BYTES = 48
_MAX_REASON_CHARACTERS = 120

_FORMAT = 'log-format'
_VERDICT = 'log-verdict'
_REASON = 'log-reason'
_DESCRIPTION = 'log-description'


def content_of(facts: LogFacts) -> LogContent:
    """Return what is known of a log, as it is kept and shown."""
    return LogContent(facts.format, facts.verdict.outcome, facts.verdict.reason,
                      json.dumps(facts.description.as_dict(), separators=(',', ':')))


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
        # Cut before it is quoted: half a "%C3" is no character.
        found[_REASON] = quote(content.reason[:_MAX_REASON_CHARACTERS].strip(),
                               safe="/ ,.;:'()=", errors='replace').replace('  ', ' %20')
    room = MAX_BYTES - _RESERVED_BYTES - len(_DESCRIPTION) - sum(
        len(key) + len(value) for key, value in found.items())
    description = _fitting(json.loads(content.description or '{}'), room)
    if description:
        found[_DESCRIPTION] = description
    return found


@dataclass(frozen=True)
class Brief:
    """
    A description in short.

    :param start: aware, UTC; None: not known
    :param duration_s: 0: not known
    :param message_count: 0: none, or not known
    """

    start: Optional[datetime]
    duration_s: float
    message_count: int


def brief(content: LogContent) -> Brief:
    """Return what is known of a log in short; a description may come from anybody."""
    try:
        found = json.loads(content.description or '{}')
        start = found.get('start')
        return Brief(
            None if start is None else datetime.fromisoformat(start.replace('Z', '+00:00')),
            max(float(found.get('duration_s', 0.0)), 0.0),
            min(max(int(found.get('message_count', 0)), 0), 2 ** 64 - 1))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return Brief(None, 0.0, 0)


def content_in(found: Mapping[str, str]) -> LogContent:
    """Return what the user metadata of an object tell of its log; empty where they do not."""
    description = found.get(_DESCRIPTION, '')
    return LogContent(found.get(_FORMAT, ''), found.get(_VERDICT, ''),
                      unquote(found.get(_REASON, '')),
                      description if _is_object(description) else '')


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


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
