"""Records of ROS 1 bags: http://wiki.ros.org/Bags/Format/2.0."""
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import struct
from typing import NamedTuple, Optional

from flightlog_bucket.logs.chunk import PackedData
from flightlog_bucket.logs.reader import Damage, TooMuch

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
_COST_OF_UNLIKE = 40
"""In fields, of a record that has to be learned; a recorder writes all index data alike."""
_MAX_FIELDS_IN_ALL = 600_000
"""Of a bag that is looked at; 50,000 records of an index have about 450,000."""

_U32 = struct.Struct('<I')

Fields = dict[bytes, bytes]
ReadAt = Callable[[int, int], bytes]
"""Returns so many bytes from an offset, or raises ``EndOfLog``."""


class FieldBudget:
    """How many fields of records may still be looked at, in all of a bag."""

    def __init__(self) -> None:
        self._left = _MAX_FIELDS_IN_ALL

    def charge(self, fields: int = 1) -> None:
        """
        Take some off.

        :raises TooMuch: if there are none left
        """
        self._left -= fields
        if self._left < 0:
            raise TooMuch(f'its records have more than {_MAX_FIELDS_IN_ALL} fields')


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


def read_record(read: ReadAt, offset: int, budget: Optional[FieldBudget] = None) -> Record:
    """
    Return the record at ``offset``.

    :param budget: that its fields are charged to; None: they are not
    :raises Damage: if it is none
    :raises TooMuch: if the budget does not allow it
    """
    header_bytes = _length(read, offset)
    if header_bytes > _MAX_HEADER_BYTES:
        raise Damage(f'the header of the record at byte {offset} has {header_bytes} bytes')
    data_offset = offset + 4 + header_bytes + 4
    fields = _fields(read(offset + 4, header_bytes), offset, budget)
    return Record(offset, fields, data_offset, _length(read, data_offset - 4))


class IndexDataReader:
    """
    Reads the headers of index data records: thousands, and alike but for three numbers.

    :param read: reads the bag
    :param budget: that the fields are charged to of those that are unlike the one before
    """

    def __init__(self, read: ReadAt, budget: Optional[FieldBudget] = None) -> None:
        self._read = read
        self._budget = budget
        self._alike: Optional[Alike] = None

    def read_at(self, offset: int) -> IndexData:
        """
        Return the record at ``offset``.

        :raises Damage: if it is no index data
        :raises TooMuch: if there were too many fields
        """
        alike = self._alike
        if alike is not None:
            found = alike.match(self._read(offset, alike.length))
            if found:
                conn, count, data_bytes = map(_u32, found)
                return IndexData(conn, count, data_bytes, offset + alike.length + data_bytes)
        if self._budget is not None:
            self._budget.charge(_COST_OF_UNLIKE)
        record = read_record(self._read, offset, self._budget)
        if record.op != OP_INDEX_DATA:
            raise Damage(f'there are no index data at byte {offset}')
        index = IndexData(record.number(b'conn'), record.number(b'count'), record.data_bytes,
                          record.end)
        self._alike = Alike(self._read(offset, record.data_offset - offset),
                            (b'conn', b'count'))
        return index


class Alike:
    """
    What records have in common that have the same fields in the same order, of other values.

    :param record: one of them, without its data; it was read as a record before
    :param names: of the fields that have other values
    """

    def __init__(self, record: bytes, names: Sequence[bytes]) -> None:
        self.length = len(record)
        """Of such a record without its data, bytes."""
        values = dict(_values(record))
        self._values: list[slice] = [*(values[name] for name in names),
                                     slice(len(record) - 4, len(record))]
        self._parts: list[tuple[slice, bytes]] = []
        begin = 0
        for value in sorted(self._values, key=lambda value: value.start):
            self._parts.append((slice(begin, value.start), record[begin:value.start]))
            begin = value.stop

    def match(self, record: bytes) -> Optional[list[bytes]]:
        """Return the values of a record, and the length of its data; None: it is unlike."""
        for where, part in self._parts:
            if record[where] != part:
                return None
        return [record[value] for value in self._values]


def _values(record: bytes) -> Iterator[tuple[bytes, slice]]:
    """Yield names of fields, and where in the record their values are."""
    position = 4
    while position < len(record) - 4:
        begin = position + 4
        position = begin + _u32(record[position:begin])
        name = record[begin:position].partition(b'=')[0]
        yield name, slice(begin + len(name) + 1, position)


def read_connection(read: ReadAt, record: Record,
                    budget: Optional[FieldBudget] = None) -> Connection:
    """
    Return what a connection record says.

    :raises Damage: if there is no topic or type in it
    :raises TooMuch: if the budget does not allow it
    """
    if record.data_bytes > _MAX_CONNECTION_BYTES:
        raise Damage(f'the connection at byte {record.offset} has {record.data_bytes} bytes')
    data = _fields(read(record.data_offset, record.data_bytes), record.offset, budget)
    topic, kind = record.fields.get(b'topic', b''), data.get(b'type', b'')
    if not topic:
        raise Damage(f'the connection at byte {record.offset} has no topic')
    if not kind:
        raise Damage(f'the connection at byte {record.offset} has no type')
    return Connection(topic, kind)


def _u32(value: bytes) -> int:
    return int.from_bytes(value, 'little')


def _length(read: ReadAt, offset: int) -> int:
    return _u32(read(offset, 4))


def _fields(header: bytes, offset: int, budget: Optional[FieldBudget]) -> Fields:
    fields: Fields = {}
    position, size = 0, len(header)
    for _ in range(_MAX_FIELDS):
        if position == size:
            return fields
        if budget is not None:
            budget.charge()
        begin = position + 4
        position = begin + _U32.unpack_from(header, position)[0] if begin <= size else size + 1
        name, equals, value = header[begin:position].partition(b'=')
        if position > size or not equals:
            raise Damage(f'in the record at byte {offset}, a field does not fit into the header')
        fields[name] = value
    if position < size:
        raise Damage(f'the record at byte {offset} has more than {_MAX_FIELDS} fields')
    return fields
