"""
The messages of a ULog, one by one.

https://docs.px4.io/main/en/dev_log/ulog_file_format.html#definitions-section
"""
from collections.abc import Callable
from dataclasses import dataclass
import re
import struct
from typing import Union

from flightlog_bucket.logs.reader import Damage, TooMuch
from flightlog_bucket.logs.ulog_formats import Formats, Layout, SIZES

DATA = ord('D')
SYNC = b'\x2f\x73\x13\x20\x25\x0c\xbb\x12'
KINDS = b'FIMPQARDLCSO'
FLAG_BITS = b'B'
FLAG_BITS_BYTES = 40

_MAX_TOPICS = 1024
"""PX4 numbers its topics with 8 bits."""
MAX_TEXT = 200
_MAX_UNKNOWN_BYTES = 10_000
"""Of a message of a kind that came after this was written; pyulog skips no longer ones either."""
_MAX_GPS_SAMPLES = 8
_FIX_2D = 2
"""PX4 takes the time from a receiver with at least a two-dimensional fix."""
EARLIEST_US = 946_684_800 * 10**6
"""The year 2000."""
LATEST_US = 4_102_444_800 * 10**6
"""The year 2100."""

_UINT64 = struct.Struct('<Q')
_TOPIC = struct.Struct('<BH')
_WANTED = ('sys_uuid', 'ver_hw', 'ver_sw', 'ver_sw_release')
_LOG_LEVELS = b'01234567'
_CONTROL = re.compile(rb'[\x00-\x1f]')


@dataclass
class Subscription:
    """
    A topic that is logged.

    :param name: of its format
    :param multi_id: which of the topics of this name it is, from 0
    :param layout: of its messages
    :param timestamp: where in a message that is; -1: there is none
    :param utc: where the time of a GPS receiver is, microseconds since 1970; -1: there is none
    :param message_count: that came by
    """

    name: str
    multi_id: int
    layout: Layout
    timestamp: int
    utc: int
    message_count: int = 0


class Messages:
    """What the messages of a log say, taken in as they come."""

    def __init__(self) -> None:
        self.formats = Formats()
        self.by_id: dict[int, Subscription] = {}
        self.topics: dict[tuple[str, int], Subscription] = {}
        self.information: dict[str, Union[str, int]] = {}
        self.gps: list[tuple[int, int]] = []
        """Time of a GPS receiver and timestamp of the sample, microseconds."""
        self.skipped: set[int] = set()
        """Kinds of messages that are not known."""
        self.dropouts = 0
        self.dropout_ms = 0
        self._takers: dict[int, Callable[[bytes], None]] = {
            ord('F'): self.formats.add, ord('I'): self._information, ord('A'): self._subscribe,
            ord('M'): self._flagged_information, ord('Q'): self._flagged_information,
            ord('P'): self._information, ord('R'): _at_least(2), ord('L'): _at_least(9),
            ord('C'): _at_least(11), ord('S'): _at_least(8), ord('O'): self._dropout}

    def take(self, kind: int, content: bytes) -> None:
        """
        Take in a message that holds no data.

        :param kind: its letter
        :raises Damage: if it cannot be what a recorder wrote
        :raises TooMuch: if there are more than anybody writes
        """
        taker = self._takers.get(kind)
        if taker is not None:
            taker(content)
        elif is_skipped(kind, len(content)):
            self.skipped.add(kind)
        else:
            raise Damage(f'there is no message of the kind {chr(kind)!a} with'
                         f' {len(content)} bytes' if kind else
                         'there are zero bytes in the place of a message')

    def take_data(self, content: bytes) -> Subscription:
        """
        Take in a message with data, and return its topic; the caller counts it.

        :raises Damage: if there is no such topic, or it has other sizes
        """
        if len(content) < 2:
            raise Damage('a data message has no topic')
        topic = self.by_id.get(content[0] | content[1] << 8)
        if topic is None:
            raise Damage(f'there is data of the topic {content[0] | content[1] << 8}, which was'
                         ' never announced')
        if not topic.layout.least <= len(content) - 2 <= topic.layout.most:
            raise Damage(f'a message of {topic.name[:MAX_TEXT]!a} has {len(content) - 2} bytes'
                         f' instead of {topic.layout.least}')
        if self.wants(topic):
            self._take_gps(topic, content)
        return topic

    def wants(self, topic: Subscription) -> bool:
        """Tell whether the content of the topic's messages is of interest."""
        return topic.utc >= 0 and len(self.gps) < _MAX_GPS_SAMPLES

    def may_begin(self, rest: bytes) -> bool:
        """Tell whether a message that the file cuts can begin like this."""
        if len(rest) < 3:
            return True
        size, kind, content = rest[0] | rest[1] << 8, rest[2], rest[3:]
        if kind == DATA:
            return self._may_be_data(size, content)
        if kind in b'IP':
            return _may_be_key(size, content)
        if kind in b'MQ':
            return _may_be_key(size - 1, content[1:])
        if kind in b'LC':
            return size >= 9 and (not content or content[0] in _LOG_LEVELS)
        if kind == ord('A'):
            return size > 3 and self.formats.begins(content[3:].decode(errors='replace'))
        if kind == ord('F'):
            return size > 3 and _is_text(content)
        if kind == ord('S'):
            return size == len(SYNC) and SYNC.startswith(content)
        return size == 2 if kind in b'OR' else is_skipped(kind, size)

    def _may_be_data(self, size: int, content: bytes) -> bool:
        if len(content) < 2:
            return any(t.layout.least <= size - 2 <= t.layout.most for t in self.by_id.values())
        topic = self.by_id.get(content[0] | content[1] << 8)
        return topic is not None and topic.layout.least <= size - 2 <= topic.layout.most

    def _take_gps(self, topic: Subscription, content: bytes) -> None:
        fix = topic.layout.offset('fix_type', 'uint8_t')
        utc_us: int = _UINT64.unpack_from(content, 2 + topic.utc)[0]
        if EARLIEST_US <= utc_us < LATEST_US and (fix < 0 or content[2 + fix] >= _FIX_2D):
            self.gps.append((utc_us, _UINT64.unpack_from(content, 2 + topic.timestamp)[0]))

    def _subscribe(self, content: bytes) -> None:
        _at_least(4)(content)
        multi_id, message_id = _TOPIC.unpack_from(content)
        name = content[3:].decode(errors='replace')
        layout = self.formats.layout(name)
        timestamp = layout.offset('timestamp', 'uint64_t')
        utc = layout.offset('time_utc_usec', 'uint64_t') if timestamp >= 0 else -1
        topic = self.topics.setdefault(
            (name, multi_id), Subscription(name, multi_id, layout, timestamp, utc))
        if max(len(self.topics), len(self.by_id)) > _MAX_TOPICS:
            raise TooMuch(f'it has more than {_MAX_TOPICS} topics')
        topic.layout, topic.timestamp, topic.utc = layout, timestamp, utc
        self.by_id[message_id] = topic

    def _flagged_information(self, content: bytes) -> None:
        # What was continued, or of which configuration a default is.
        self._information(content[1:])

    def _information(self, content: bytes) -> None:
        end = 1 + content[0] if content else 0
        kind, space, name = content[1:end].decode(errors='replace').partition(' ')
        if not space or end > len(content):
            raise Damage('an information or a parameter has no name')
        value = content[end:]
        if len(value) != SIZES.get(kind, len(value)):
            raise Damage(f'{name[:MAX_TEXT]!a} has {len(value)} bytes instead of {SIZES[kind]}')
        if name not in _WANTED:
            return
        if kind == 'uint32_t' and len(value) == 4:
            self.information[name] = int.from_bytes(value, 'little')
        elif kind.startswith('char['):
            text = value[:4 * MAX_TEXT].decode(errors='replace').strip('\0 ')
            self.information[name] = text[:MAX_TEXT]

    def _dropout(self, content: bytes) -> None:
        _at_least(2)(content)
        self.dropouts += 1
        self.dropout_ms += content[0] | content[1] << 8


def is_skipped(kind: int, size: int) -> bool:
    """Tell whether a message can be of a kind that is not known yet."""
    is_letter = chr(kind).isascii() and chr(kind).isalpha()
    return is_letter and kind not in KINDS and 0 < size <= _MAX_UNKNOWN_BYTES


def _at_least(size: int) -> Callable[[bytes], None]:
    def check(content: bytes) -> None:
        if len(content) < size:
            raise Damage(f'a message has {len(content)} bytes, not {size} or more')
    return check


def _may_be_key(size: int, content: bytes) -> bool:
    """Tell whether a content of ``size`` bytes can begin with a length, and a text of that."""
    if not content:
        return size > 3
    return 3 <= content[0] < size and _is_text(content[1:1 + content[0]])


def _is_text(content: bytes) -> bool:
    return _CONTROL.search(content) is None
