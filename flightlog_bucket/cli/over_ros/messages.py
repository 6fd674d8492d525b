"""Between messages and what the command line shows."""
from datetime import datetime, timezone
import json
from typing import Any, Optional

from flightlog_bucket.cli.backend import Entry, Failure, Step, Uploaded
from flightlog_bucket.cli.entries import fields_of
from flightlog_bucket.cli.transfer_view import TransferView

ACCEPTED = 202
_NO_FACTS = ('success', 'status', 'error')


def as_string(text: str) -> str:
    """
    Return the text, if a message can hold it.

    :raises Failure: it is not UTF-8
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Failure(400, f'{text} is not UTF-8, and a message of ROS 2 cannot hold it; rename'
                      ' it, or its folder') from None
    return text


def check(answer: Any) -> Any:
    """
    Return the answer.

    :raises Failure: it is no success
    """
    if not answer.success:
        raise Failure(answer.status, answer.error)
    return answer


def step_of(feedback: Any) -> Step:
    """Return the feedback of ``action/UploadLog``."""
    return Step(
        feedback.state, feedback.sent_bytes, feedback.total_bytes, feedback.rate,
        _known(feedback.remaining_s), feedback.attempts, feedback.reason,
        feedback.next_attempt_in_s)


def uploaded_of(result: Any) -> Uploaded:
    """
    Return the result of ``action/UploadLog``.

    :raises Failure: the log is not stored, nor accepted where this is enough
    """
    check(result)
    return Uploaded(
        result.s3_key, result.file_url, result.file_size, result.content_type,
        result.already_stored, result.verdict, result.verdict_reason,
        is_accepted=result.status == ACCEPTED)


def entry_of(file: Any) -> Entry:
    """Return ``msg/FileInfo``."""
    return Entry(
        file.key, file.size, moment_of(file.last_modified) or datetime.fromtimestamp(
            0, timezone.utc),
        file.url, file.format, file.verdict, moment_of(file.start), file.duration_s,
        file.message_count)


def transfer_of(status: Any) -> TransferView:
    """Return ``msg/TransferStatus``."""
    return TransferView(
        status.direction, status.id, status.path, status.key, status.state, status.sent_bytes,
        status.total_bytes, status.rate, _known(status.remaining_s), status.attempts,
        status.reason, moment_of(status.next_attempt), status.verdict, moment_of(status.stamp))


def facts_of(info: Any, *, with_file: bool, with_object: bool) -> dict[str, object]:
    """
    Return the answer of ``~/info``; what is JSON there is an object here.

    :param with_file: it was asked about a file
    :param with_object: it was asked about a key
    """
    facts = {name: getattr(info, name) for name in info.get_fields_and_field_types()
             if name not in _NO_FACTS
             and (with_file or not name.startswith('file_'))
             and (with_object or not name.startswith('object'))}
    for name, value in facts.items():
        if name.endswith('_description'):
            facts[name] = json.loads(value) if value else {}
        elif name == 'object':
            facts[name] = fields_of(entry_of(value)) if value.key else {}
        elif not isinstance(value, (str, bool, int, float)):
            facts[name] = list(value)
    return facts


def moment_of(time: Any) -> Optional[datetime]:
    """Return ``builtin_interfaces/Time``; None: it is 0."""
    if not time.sec and not time.nanosec:
        return None
    return datetime.fromtimestamp(time.sec + time.nanosec / 1e9, timezone.utc)


def _known(seconds: float) -> Optional[float]:
    return None if seconds < 0 else seconds
