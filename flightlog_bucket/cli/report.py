"""What a check found, for people and for programs."""
from collections.abc import Iterator
from dataclasses import dataclass
import json
from typing import Any, Optional

from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.verdict import Verdict

UNREADABLE = 'unreadable'
"""The outcome for what cannot be opened or read."""

_LABELS = (
    ('start', 'start'), ('duration_s', 'duration'), ('message_count', 'messages'),
    ('storage', 'storage'), ('compression', 'compression'), ('vehicle_uuid', 'vehicle'),
    ('hardware', 'hardware'), ('firmware_version', 'firmware'), ('firmware_hash', 'commit'),
    ('dropouts', 'dropouts'), ('dropout_ms', 'lost in all'))
_SHOWN = {'duration_s': '{:.3f} s', 'dropout_ms': '{} ms'}


@dataclass(frozen=True)
class Report:
    """
    What was found of a log.

    :param path: as it was given
    :param format: that the name says; None: that of no log
    :param verdict: of the check; its outcome can also be ``unreadable``
    :param description: what is known of it
    """

    path: str
    format: Optional[str]
    verdict: Verdict
    description: Optional[Description] = None

    def as_json(self) -> str:
        """Return one line; what is not ASCII is escaped."""
        return json.dumps({
            'path': self.path, 'format': self.format, 'verdict': self.verdict.outcome,
            'reason': self.verdict.reason, 'description': self._known()})

    def as_text(self) -> str:
        """Return lines for people; those after the first are indented."""
        return '\n'.join(escaped(line) for line in self._lines())

    def _known(self) -> dict[str, Any]:
        return {} if self.description is None else self.description.as_dict()

    def _lines(self) -> Iterator[str]:
        yield f'{self.path}: {self.verdict.outcome}'
        if self.verdict.reason:
            yield f'  {self.verdict.reason}'
        known = self._known()
        for name, label in _LABELS:
            if name in known:
                yield f'  {label:<12}{_SHOWN.get(name, "{}").format(known[name])}'
        topics = known.get('topics', ())
        if topics:
            yield f'  {"topics":<12}{len(topics)}'
        yield from map(_topic_line, topics)


def escaped(text: str) -> str:
    r"""
    Return a text as printable ASCII.

    What a log or a file name holds may be meant for the terminal, e.g. ``\x1b[2J``.
    """
    return ''.join(char if ' ' <= char <= '~' else _escape(char) for char in text)


def _topic_line(topic: dict[str, Any]) -> str:
    count = f'  {topic["message_count"]}' if 'message_count' in topic else ''
    return f'    {topic.get("name", "")}  {topic.get("type", "")}{count}'.rstrip()


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f'\\x{code - 0xDC00:02x}'
    return char.encode('unicode_escape').decode()
