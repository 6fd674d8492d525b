"""Records of ROS 1 bags: http://wiki.ros.org/Bags/Format/2.0."""
from collections.abc import Callable
from dataclasses import dataclass
import re
import struct
from typing import NamedTuple, Optional

from flightlog_bucket.logs.chunk import PackedData
from flightlog_bucket.logs.reader import Damage

OP_MESSAGE = 2
OP_BAG_HEADER = 3
OP_INDEX_DATA = 4
OP_CHUNK = 5
OP_CHUNK_INFO = 6
OP_CONNECTION = 7

INDEX_ENTRY_BYTES = 12
"""Time in seconds and nanoseconds, and offset in the chunk, of a message."""
_MAX_HEADER_BYTES = 64 * 1024
_MAX_CONNECTION_BYTES = 8 * 1024**2
_MAX_FIELDS = 64
"""Of one record; the format defines seven at most."""

_U32 = struct.Struct('<I')

Fields = dict[bytes, bytes]
ReadAt = Callable[[int, int], bytes]
"""Returns so many bytes from an offset, or raises ``EndOfLog``."""


@dataclass(frozen=True, slots=True)
class Connection:
    """
    A publisher of a topic.

    :param topic: as it was recorded, bytes of any kind
    :param type: e.g. ``sensor_msgs/Imu``
    """

    topic: bytes
    type: bytes


class IndexData(NamedTuple):
    """
    Where the messages of a connection are in a chunk.

    :param connection: its number
    :param messages: how many it has
    :param data_bytes: of the record
    :param end: where the next record begins
    """

    connection: int
    messages: int
    data_bytes: int
    end: int


@dataclass(frozen=True, slots=True)
class Record:
    """
    A record, without its data.

    :param offset: where it begins
    :param fields: of its header
    :param data_offset: where its data begin
    :param data_bytes: their size
    """

    offset: int
    fields: Fields
    data_offset: int
    data_bytes: int

    @property
    def op(self) -> int:
        """The kind of the record; -1: it has none."""
        value = self.fields.get(b'op', b'')
        return value[0] if len(value) == 1 else -1

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.data_offset + self.data_bytes

    def number(self, name: bytes) -> int:
        """Return a field of 4 bytes, or 8 for a position."""
        number: int = self._unpack(name, '<Q' if name.endswith(b'_pos') else '<I')[0]
        return number

    def time_ns(self, name: bytes) -> int:
        """Return a time in nanoseconds since 1970."""
        seconds, nanoseconds = self._unpack(name, '<II')
        return int(seconds * 10**9 + nanoseconds)

    def _unpack(self, name: bytes, layout: str) -> tuple[int, ...]:
        value = self.fields.get(name, b'')
        if len(value) != struct.calcsize(layout):
            raise Damage(f'in the record at byte {self.offset}, the field {name.decode()} is'
                         ' missing, or has the wrong size')
        return struct.unpack(layout, value)

    def packed_data(self) -> PackedData:
        """Return the data of a chunk record."""
        compression = self.fields.get(b'compression', b'').decode(errors='replace')
        # Zstandard is none of the compressions of a bag.
        return PackedData(self.data_offset, self.data_bytes, self.number(b'size'),
                          compression if compression != 'zstd' else 'zstd in a bag')


def read_record(read: ReadAt, offset: int) -> Record:
    """
    Return the record at ``offset``.

    :raises Damage: if it is none
    """
    header_bytes = _length(read, offset)
    if header_bytes > _MAX_HEADER_BYTES:
        raise Damage(f'the header of the record at byte {offset} has {header_bytes} bytes')
    data_offset = offset + 4 + header_bytes + 4
    fields = _fields(read(offset + 4, header_bytes), offset)
    return Record(offset, fields, data_offset, _length(read, data_offset - 4))


class IndexDataReader:
    """
    Reads the headers of index data records: thousands, and alike but for two numbers.

    :param read: reads the bag
    """

    def __init__(self, read: ReadAt) -> None:
        self._read = read
        self._alike: Optional[re.Pattern[bytes]] = None
        self._length = 0

    def read_at(self, offset: int) -> IndexData:
        """
        Return the record at ``offset``.

        :raises Damage: if it is no index data
        """
        if self._alike is not None:
            match = self._alike.fullmatch(self._read(offset, self._length))
            if match:
                data_bytes, = _U32.unpack(match['data'])
                return IndexData(_U32.unpack(match['conn'])[0], _U32.unpack(match['count'])[0],
                                 data_bytes, offset + self._length + data_bytes)
        record = read_record(self._read, offset)
        if record.op != OP_INDEX_DATA:
            raise Damage(f'there are no index data at byte {offset}')
        index = IndexData(record.number(b'conn'), record.number(b'count'), record.data_bytes,
                          record.end)
        self._length = record.data_offset - offset
        self._alike = _pattern(self._read(offset, self._length))
        return index


def _pattern(record: bytes) -> re.Pattern[bytes]:
    """Return what records match that have the same fields in the same order, of other numbers."""
    pattern = re.escape(record[:-4]) + b'(?P<data>.{4})'
    for name in (b'conn', b'count'):
        value = record.index(name + b'=') + len(name) + 1
        pattern = pattern.replace(re.escape(record[value - len(name) - 1:value + 4]),
                                  name + b'=(?P<' + name + b'>.{4})', 1)
    return re.compile(pattern, re.DOTALL)


def read_connection(read: ReadAt, record: Record) -> Connection:
    """
    Return what a connection record says.

    :raises Damage: if there is no topic or type in it
    """
    if record.data_bytes > _MAX_CONNECTION_BYTES:
        raise Damage(f'the connection at byte {record.offset} has {record.data_bytes} bytes')
    data = _fields(read(record.data_offset, record.data_bytes), record.offset)
    topic, kind = record.fields.get(b'topic', b''), data.get(b'type', b'')
    if not topic:
        raise Damage(f'the connection at byte {record.offset} has no topic')
    if not kind:
        raise Damage(f'the connection at byte {record.offset} has no type')
    return Connection(topic, kind)


def _length(read: ReadAt, offset: int) -> int:
    return int.from_bytes(read(offset, 4), 'little')


def _fields(header: bytes, offset: int) -> Fields:
    fields: Fields = {}
    position, size = 0, len(header)
    for _ in range(_MAX_FIELDS):
        if position == size:
            return fields
        begin = position + 4
        position = begin + _U32.unpack_from(header, position)[0] if begin <= size else size + 1
        name, equals, value = header[begin:position].partition(b'=')
        if position > size or not equals:
            raise Damage(f'in the record at byte {offset}, a field does not fit into the header')
        fields[name] = value
    if position < size:
        raise Damage(f'the record at byte {offset} has more than {_MAX_FIELDS} fields')
    return fields
