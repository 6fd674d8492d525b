"""
The formats of a ULog's topics: where the values of a message are.

https://docs.px4.io/main/en/dev_log/ulog_file_format.html#f-format-message
"""
import bisect
from dataclasses import dataclass
import re

from flightlog_bucket.logs.reader import Damage, TooMuch

MAX_MESSAGE_BYTES = 0xFFFF
_MAX_FORMAT_BYTES = 256 * 1024
"""Of all formats of a log; PX4 writes 20 to 60 KB."""
_MAX_DEPTH = 32
"""Formats inside of formats; PX4 has two."""
_PADDING = '_padding'
SIZES = {'int8_t': 1, 'uint8_t': 1, 'int16_t': 2, 'uint16_t': 2, 'int32_t': 4, 'uint32_t': 4,
         'int64_t': 8, 'uint64_t': 8, 'float': 4, 'double': 8, 'bool': 1, 'char': 1}
"""Bytes of the types that are no formats."""
_TYPE = re.compile(r'([^\[\]]+)(?:\[([0-9]{1,5})\])?')

_Field = tuple[str, int, str]
"""Type, how many of it, name."""


@dataclass(frozen=True)
class Layout:
    """
    Where the values of a topic's messages are.

    :param least: bytes of a message without the padding at its end, which PX4 leaves out
    :param most: bytes of a message with all padding
    :param fields: offset and type of each top-level field, by name
    """

    least: int
    most: int
    fields: dict[str, tuple[int, str]]

    def offset(self, name: str, wanted: str) -> int:
        """Return the offset of the field of this name and type; -1: there is none."""
        offset, found = self.fields.get(name, (-1, ''))
        return offset if found == wanted else -1


class Formats:
    """The formats that a log defines; an array of a thousand arrays costs no more than one."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._fields: dict[str, list[_Field]] = {}
        self._layouts: dict[str, Layout] = {}
        self._sizes = dict(SIZES)
        self._names: list[str] = []
        self._bytes = 0

    def add(self, content: bytes) -> None:
        """
        Take in a format message, e.g. ``vehicle_x:uint64_t timestamp;float[3] y;``.

        :raises Damage: if it is none, or another one has its name
        :raises TooMuch: if there are too many
        """
        name, colon, fields = content.decode(errors='replace').partition(':')
        if not colon:
            raise Damage('a format has no fields')
        if self._contents.setdefault(name, content) != content:
            raise Damage(f'the format {name[:200]!a} is defined twice')
        if name in self._fields:
            return
        self._bytes += len(content)
        if self._bytes > _MAX_FORMAT_BYTES:
            raise TooMuch(f'its formats are longer than {_MAX_FORMAT_BYTES} bytes')
        self._fields[name] = [_field(field) for field in fields.split(';') if field]

    def knows(self, name: str) -> bool:
        """Tell whether a format of this name is defined."""
        return name in self._fields

    def begins(self, name: str) -> bool:
        """Tell whether the name of a format begins like this."""
        if len(self._names) < len(self._fields):
            self._names = sorted(self._fields)
        place = bisect.bisect_left(self._names, name)
        return place < len(self._names) and self._names[place].startswith(name)

    def layout(self, name: str) -> Layout:
        """
        Return where the values of a topic with this format are.

        :raises Damage: if it is not defined, contains itself, or fits in no message
        """
        if name not in self._layouts:
            self._layouts[name] = self._lay_out(name)
        return self._layouts[name]

    def _lay_out(self, name: str) -> Layout:
        size = self._size(name, 0)
        if size > MAX_MESSAGE_BYTES:
            raise Damage(f'a message of the format {name[:200]!a} would have {size} bytes')
        fields, offset = {}, 0
        for kind, count, field in self._fields[name]:
            fields[field] = (offset, kind if count == 1 else f'{kind}[{count}]')
            offset += count * self._sizes[kind]
        least = size
        for kind, count, field in reversed(self._fields[name]):
            if not field.startswith(_PADDING):
                break
            least -= count * self._sizes[kind]
        return Layout(least, size, fields)

    def _size(self, name: str, depth: int) -> int:
        """Return the bytes of a type, of which every one is looked at once."""
        known = self._sizes.get(name)
        if known is not None:
            return known
        if name not in self._fields:
            raise Damage(f'the format {name[:200]!a} is not defined')
        if depth == _MAX_DEPTH:
            raise Damage(f'the format {name[:200]!a} contains itself, or formats without end')
        size = sum(count * self._size(kind, depth + 1) for kind, count, _ in self._fields[name])
        self._sizes[name] = size
        return size


def _field(text: str) -> _Field:
    words = text.split(' ')
    match = _TYPE.fullmatch(words[0])
    if len(words) < 2 or match is None:
        raise Damage(f'{text[:200]!a} is no field of a format')
    return match[1], int(match[2] or 1) or 1, words[1]
