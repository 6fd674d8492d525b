"""Rates, times and progress in words."""
from dataclasses import replace
from datetime import datetime, timezone
import json
import time
from typing import Any, Optional

from flightlog_bucket.cli.backend import Step
from flightlog_bucket.sizes import size_text

_SILENT_S = 3.0
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def rate_text(rate: float) -> str:
    """Return bytes per second, e.g. ``1.2 MB/s``."""
    return f'{size_text(rate)}/s'


def duration_text(seconds: float) -> str:
    """Return a time span, e.g. ``0:07``, ``1:02:03`` or ``3 d 4 h``."""
    whole = max(0, round(seconds))
    if whole >= _DAY_S:
        return f'{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h'
    minutes, rest = divmod(whole, _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'


def moment_text(moment: Optional[datetime]) -> str:
    """Return a time in UTC to the second; ``-``: not known."""
    if moment is None:
        return '-'
    return moment.astimezone(timezone.utc).strftime('%Y-%m-%d %H:%M:%S')


def iso_text(moment: Optional[datetime]) -> Optional[str]:
    """Return a time as ISO 8601 in UTC; None: not known."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat().replace('+00:00', 'Z')


def percent_text(done_bytes: int, total_bytes: int) -> str:
    """Return how much is done; 100 % only when all is."""
    if not total_bytes:
        return '- %'
    return f'{min(done_bytes, total_bytes) * 100 // total_bytes} %'


def step_text(step: Step) -> str:
    """Return how far a transfer is, or why it does not go on."""
    if step.reason or step.state == 'queued':
        return waiting_text(step.reason, step.next_attempt_in_s)
    words = [f'{percent_text(step.done_bytes, step.total_bytes)} of {size_text(step.total_bytes)}'
             if step.total_bytes else 'begins', *movement_words(step.rate, step.remaining_s)]
    return ', '.join(words)


def lasting_text(step: Step, at_s: float) -> str:
    """
    Return the same some time after it was told, for what is drawn again and again.

    :param at_s: when it was told, in monotonic seconds
    """
    passed_s = time.monotonic() - at_s
    if step.reason or step.state == 'queued':
        return step_text(replace(
            step, next_attempt_in_s=max(step.next_attempt_in_s - passed_s, 0.0)))
    if passed_s <= _SILENT_S:
        return step_text(step)
    return (f'{step_text(replace(step, rate=0.0, remaining_s=None))}, no news for'
            f' {int(passed_s)} s')


def movement_words(rate: float, remaining_s: Optional[float]) -> list[str]:
    """Return how fast it goes, and for how long yet, as far as this is known."""
    words = [rate_text(rate)] if rate > 0 else []
    if remaining_s is not None:
        words.append(f'{duration_text(remaining_s)} left')
    return words


def waiting_text(reason: str, next_attempt_in_s: float) -> str:
    """Return why a transfer does not go on, and when it is tried again."""
    text = f'waits: {reason}' if reason else 'waits for its turn'
    if next_attempt_in_s >= 0.5:
        text += f'; next try in {duration_text(next_attempt_in_s)}'
    return text


def json_line(fields: dict[str, Any]) -> str:
    """Return an object in one line; what is not ASCII is escaped."""
    return json.dumps(fields)
