"""ROS 1 bags: http://wiki.ros.org/Bags/Format/2.0."""
import struct
from typing import Optional

from flightlog_bucket.logs.reader import LogReader, MAX_RECORDS, NoStart

MAGIC = b'#ROSBAG'
_VERSION_2_LINE = b'#ROSBAG V2.0\n'

_OP_BAG_HEADER = b'\x03'
_OP_CHUNK_INFO = b'\x06'
_OP_CONNECTION = b'\x07'
_MAX_HEADER_BYTES = 64 * 1024
_MAX_FIELDS = 1000
"""Of one record; the format defines seven at most."""

Fields = dict[bytes, bytes]


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is a ROS 1 bag, of any version."""
    return head.startswith(MAGIC)


def start_ns(log: LogReader) -> Optional[int]:
    """
    Return the earliest time in the chunk info records of the index.

    None for a bag without messages, one that was never closed (its ``index_pos`` is 0) and one of
    version 1, which has no chunks.

    :raises NoStart: if the header or the index is damaged
    """
    if log.read_at(0, len(_VERSION_2_LINE)) != _VERSION_2_LINE:
        return None
    header, _ = _record(log, len(_VERSION_2_LINE))
    if header.get(b'op') != _OP_BAG_HEADER:
        raise NoStart('the first record is no bag header')
    offset = _number(header, b'index_pos', '<Q')
    if offset == 0:
        return None
    records = _number(header, b'conn_count', '<I') + _number(header, b'chunk_count', '<I')
    if records > MAX_RECORDS:
        raise NoStart(f'the index has {records} records')
    starts = []
    for _ in range(records):
        record, offset = _record(log, offset)
        if record.get(b'op') == _OP_CHUNK_INFO:
            starts.append(_time_ns(record, b'start_time'))
        elif record.get(b'op') != _OP_CONNECTION:
            raise NoStart(f'the index ends early, before byte {offset}')
    return min(starts, default=None)


def _record(log: LogReader, offset: int) -> tuple[Fields, int]:
    """Return the header fields of the record at ``offset``, and where the next one begins."""
    header_bytes = _length(log, offset)
    if header_bytes > _MAX_HEADER_BYTES:
        raise NoStart(f'the header of the record at byte {offset} has {header_bytes} bytes')
    header = log.read_at(offset + 4, header_bytes)
    data_offset = offset + 4 + header_bytes
    return _fields(header), data_offset + 4 + _length(log, data_offset)


def _length(log: LogReader, offset: int) -> int:
    return int.from_bytes(log.read_at(offset, 4), 'little')


def is_closed(log: LogReader) -> bool:
    """
    Tell whether the bag has its index, which is written when it is closed; version 1 has none.

    :raises NoStart: if it has no whole header
    """
    line = log.read_at(0, len(_VERSION_2_LINE))
    if line != _VERSION_2_LINE:
        return line.startswith(MAGIC)
    header, _ = _record(log, len(_VERSION_2_LINE))
    return _number(header, b'index_pos', '<Q') > 0


def _fields(header: bytes) -> Fields:
    fields: Fields = {}
    position = 0
    while position < len(header):
        if len(fields) > _MAX_FIELDS:
            raise NoStart(f'a record has more than {_MAX_FIELDS} fields')
        begin = position + 4
        position = begin + int.from_bytes(header[position:begin], 'little')
        name, equals, value = header[begin:position].partition(b'=')
        if position > len(header) or not equals:
            raise NoStart('a field of a record does not fit into its header')
        fields[name] = value
    return fields


def _number(fields: Fields, name: bytes, layout: str) -> int:
    return _unpack(fields, name, layout)[0]


def _time_ns(fields: Fields, name: bytes) -> int:
    seconds, nanoseconds = _unpack(fields, name, '<II')
    return seconds * 10**9 + nanoseconds


def _unpack(fields: Fields, name: bytes, layout: str) -> tuple[int, ...]:
    value = fields.get(name, b'')
    if len(value) != struct.calcsize(layout):
        raise NoStart(f'the field {name!r} is missing, or has the wrong size')
    return struct.unpack(layout, value)
