"""The end of a ULog: where its messages end, and when."""
from collections import deque
from collections.abc import Iterator
import statistics
import struct
from typing import NamedTuple, Optional

from flightlog_bucket.logs.ulog_formats import MAX_MESSAGE_BYTES
from flightlog_bucket.logs.ulog_messages import DATA, KINDS, Messages

TAIL_BYTES = 64 * 1024
CHAIN = 16
"""Messages in a row that are no coincidence."""
LONG_TAIL_BYTES = 4 * (MAX_MESSAGE_BYTES + 3)
"""Is looked at where messages are so long that there are fewer."""
_MAX_CANDIDATES = 25_000
"""Places where a message may begin; 64 KiB have about 1,500, the long tail four times that."""
_BEGINNING_BYTES = 64
_STAMPS = 64
"""Timestamps of which the latest is looked for."""
_GAP_US = 60 * 10**6
"""Between two messages that is no surprise: a dropout can last that long."""
_HEAD = struct.Struct('<HB')
_TIMESTAMP = struct.Struct('<Q')


class Chain(NamedTuple):
    """
    Messages in a row.

    :param start: of the first, in the block
    :param end: of the last, in the block
    :param length: how many there are
    """

    start: int
    end: int
    length: int

    @property
    def is_sure(self) -> bool:
        """Whether it is no coincidence."""
        # A long tail is spanned by a few messages.
        return self.length >= CHAIN or self.end - self.start > LONG_TAIL_BYTES // 2


def chains(block: bytes, messages: Messages, *, is_strict: bool) -> list[Chain]:
    """
    Return the longest chain of messages for every place where one ends, the last place first.

    :param block: a part of a log, which may begin anywhere in a message
    :param messages: the topics that are known
    :param is_strict: whether there is no data of others
    """
    # From the back: a chain that begins here is one longer than that which follows.
    following: dict[int, tuple[int, int]] = {}
    best: dict[int, Chain] = {}
    kinds = KINDS + bytes(messages.skipped)
    for start in range(len(block) - 3, -1, -1):
        if block[start + 2] not in kinds:
            continue
        size = block[start] | block[start + 1] << 8
        after = start + 3 + size
        if after > len(block) or not _is_message(block, start, size, messages, is_strict):
            continue
        if len(following) == _MAX_CANDIDATES:
            break
        end, length = following.get(after, (after, 0))
        following[start] = end, length + 1
        if end not in best or length + 1 > best[end].length:
            best[end] = Chain(start, end, length + 1)
    return sorted(best.values(), key=lambda chain: chain.end, reverse=True)


def _is_message(block: bytes, start: int, size: int, messages: Messages,
                is_strict: bool) -> bool:
    kind = block[start + 2]
    if kind == DATA:
        topic = messages.by_id.get(block[start + 3] | block[start + 4] << 8) if size > 1 else None
        if topic is not None:
            return topic.layout.least <= size - 2 <= topic.layout.most
        # A topic that was announced where nobody looked has any size, with a timestamp.
        return size >= 10 and not is_strict
    beginning = block[start:start + 3 + min(size, _BEGINNING_BYTES)]
    if kind == ord('A'):
        return messages.formats.knows(beginning[6:].decode(errors='replace'))
    return messages.may_begin(beginning)


def stamps(block: bytes, messages: Messages) -> Iterator[int]:
    """
    Yield the timestamps of the data in a block of whole messages, microseconds.

    Where no time of a GPS receiver is known yet, it is taken from here.
    """
    position = 0
    while position + 3 <= len(block):
        size, kind = _HEAD.unpack_from(block, position)
        content = block[position + 3:position + 3 + size]
        position += 3 + size
        topic = messages.by_id.get(content[0] | content[1] << 8) \
            if kind == DATA and len(content) == size >= 2 else None
        if topic is None or topic.timestamp < 0 or not (
                topic.layout.least <= size - 2 <= topic.layout.most):
            continue
        if messages.wants(topic):
            messages.take_data(content)
        yield _TIMESTAMP.unpack_from(content, 2 + topic.timestamp)[0]


def latest(timestamps: Iterator[int]) -> Optional[int]:
    """
    Return the latest of the last timestamps, without those that run ahead of all others.

    :param timestamps: of messages as they were written
    """
    last = sorted(deque(timestamps, _STAMPS))
    if not last:
        return None
    middle = statistics.median_low(last)
    gap = _GAP_US + 4 * (middle - last[len(last) // 4])
    end = middle
    for stamp in last:
        if end < stamp <= end + gap:
            end = stamp
    return end
