"""Walking through a ULog from message to message."""
import struct
from typing import Optional

from flightlog_bucket.logs.reader import Damage, LogReader
from flightlog_bucket.logs.ulog_messages import DATA, Messages, Subscription

_HEAD = struct.Struct('<HB')
_HEAD_BYTES = 3
_KEY_BYTES = 5
"""Size, kind and number of a topic: all that has to be looked at of most messages."""
_BLOCK_BYTES = 1024 * 1024
MAX_MESSAGES = 400_000
"""That are walked through; 16 MiB have about 270,000."""
MAX_OTHER_MESSAGES = 50_000
"""Of these, of which the content is looked at as well; 16 MiB have about 5,000."""


class _Step:
    """How far it is over a message of a certain topic and size, and how many there were."""

    __slots__ = ('count', 'length', 'topic')

    def __init__(self, topic: Subscription, length: int) -> None:
        self.topic = topic
        self.length = length
        self.count = 0


class Walk:
    """
    A walk through a log, that stops where a message does not fit.

    :param log: reads it
    :param messages: take what comes by
    :param position: of the first message
    :param is_bounded: False: however many messages there are, all are walked through
    """

    def __init__(self, log: LogReader, messages: Messages, position: int, *,
                 is_bounded: bool = True) -> None:
        self.position = position
        self.first_data: Optional[int] = None
        self._log = log
        self._messages = messages
        self._steps: dict[bytes, _Step] = {}
        # No log has as many messages as it has bytes.
        self._left = MAX_MESSAGES if is_bounded else log.size
        self._others_left = MAX_OTHER_MESSAGES if is_bounded else log.size

    @property
    def is_exhausted(self) -> bool:
        """Whether there were as many messages as are walked through."""
        return self._left <= 0 or self._others_left <= 0

    def walk_to(self, end: int) -> None:
        """
        Go on until there, or to the message that would end after it.

        :raises Damage: at what is no message
        """
        while self.position < end and not self.is_exhausted:
            block = self._log.read_at(self.position, min(_BLOCK_BYTES, end - self.position))
            walked = self._walk_block(block)
            if not walked:
                break
            self.position += walked
        self._count()

    def _walk_block(self, block: bytes) -> int:
        """Return how much of the block the messages take that it holds whole."""
        position, length, steps, left = 0, len(block), self._steps, self._left
        while left:
            step = steps.get(block[position:position + _KEY_BYTES])
            if step is None:
                following = self._take_at(position, block)
                if following > length:
                    break
            else:
                following = position + step.length
                # What does not fit is met again, with what comes after this block.
                if following > length:
                    break
                step.count += 1
            position = following
            left -= 1
        self._left = left
        return position

    def _take_at(self, position: int, block: bytes) -> int:
        """Take in a message, if the block holds it whole, and return where it ends."""
        if position + _HEAD_BYTES > len(block) or self._others_left <= 0:
            return len(block) + 1
        size, kind = _HEAD.unpack_from(block, position)
        following: int = position + _HEAD_BYTES + size
        if following <= len(block):
            self._take(position, kind, block[position + _HEAD_BYTES:following])
        return following

    def _take(self, position: int, kind: int, content: bytes) -> None:
        self._others_left -= 1
        try:
            if kind != DATA:
                self._messages.take(kind, content)
                if kind == ord('A'):
                    self._count()
                return
            if self.first_data is None:
                self.first_data = self.position + position
            topic = self._messages.take_data(content)
        except Damage as error:
            raise Damage(f'{error} (at byte {self.position + position})') from error
        topic.message_count += 1
        if len(content) - 2 in (topic.layout.least, topic.layout.most) \
                and not self._messages.wants(topic):
            key = _HEAD.pack(len(content), DATA) + content[:2]
            self._steps[key] = _Step(topic, _HEAD_BYTES + len(content))

    def _count(self) -> None:
        """Write down what was counted; a number can now belong to another topic."""
        for step in self._steps.values():
            step.topic.message_count += step.count
        self._steps.clear()
