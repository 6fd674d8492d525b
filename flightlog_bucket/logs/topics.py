"""Topics by what was counted of them, in the words of the log; these are not trusted."""
from collections.abc import Iterable
from typing import Optional

from flightlog_bucket.logs.description import Topic

_MAX_TOPICS = 2000
_MAX_CHARACTERS = 300
"""Of a name or a type; ROS allows about 255."""


def text(raw: bytes) -> str:
    """Return a name of the log, shortened if it is very long."""
    return raw[:4 * _MAX_CHARACTERS].decode(errors='replace')[:_MAX_CHARACTERS]


def by_name(counted: Iterable[tuple[str, str, Optional[int]]]) -> tuple[Topic, ...]:
    """
    Return the topics, the first 2000 of them, sorted; what has several publishers becomes one.

    :param counted: name, type and messages of each publisher; None: they were not counted
    """
    counts: dict[tuple[str, str], Optional[int]] = {}
    for name, kind, count in counted:
        if len(counts) == _MAX_TOPICS and (name, kind) not in counts:
            continue
        before = counts.get((name, kind), 0)
        counts[name, kind] = None if before is None or count is None else before + count
    return tuple(Topic(name, kind, count)
                 for (name, kind), count in sorted(counts.items(), key=lambda c: c[0]))
