"""
ROS 1 bags without a whole index: what their recorder left when it was cut off.

The recorder writes the size of a chunk into its header when the chunk is full; until then it is
zero, and what follows cannot be told. Blocks that never reached the disk are zero bytes.
"""
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
import struct
from typing import Optional

from flightlog_bucket.logs.reader import Damage, EndOfLog, LogReader, MAX_RECORDS, TooMuch
from flightlog_bucket.logs.rosbag1_index import records_of_chunk
from flightlog_bucket.logs.rosbag1_records import (
    Connection,
    INDEX_ENTRY_BYTES,
    OP_CHUNK,
    OP_CHUNK_INFO,
    OP_CONNECTION,
    OP_INDEX_DATA,
    OP_MESSAGE,
    read_connection,
    read_record,
    ReadAt,
    Record,
)
from flightlog_bucket.logs.window import Window

_MAX_UNPACKED = 4
"""Chunks of which the beginning is unpacked, for their connections."""


@dataclass
class Walk:
    """
    What was found from the beginning of a bag.

    :param connections: by their numbers
    :param start_ns: of the earliest message; None: none was found
    :param end_ns: of the latest message
    :param compressions: of the chunks
    :param end: how the walk ended, in words
    :param error: damage before the end
    """

    connections: dict[int, Connection] = field(default_factory=dict)
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None
    compressions: set[str] = field(default_factory=set)
    end: str = ''
    error: Optional[Damage] = None
    chunks: int = 0

    @property
    def duration_ns(self) -> Optional[int]:
        """From the earliest message to the latest."""
        if self.start_ns is None or self.end_ns is None:
            return None
        return self.end_ns - self.start_ns

    def saw(self, time_ns: int) -> None:
        """Take the time of a message in."""
        self.start_ns = time_ns if self.start_ns is None else min(time_ns, self.start_ns)
        self.end_ns = time_ns if self.end_ns is None else max(time_ns, self.end_ns)


def walk(log: LogReader, offset: int) -> Walk:
    """
    Look at the records from ``offset``, where the bag header ends.

    :raises OSError: if the disk does not give them
    """
    found = Walk()
    window = Window(log)
    try:
        for _ in range(MAX_RECORDS):
            record = next_record(window.read, offset)
            if record is None or record.end > log.size:
                found.end = f'what is whole of it ends at byte {offset}'
                _look_at_rest(found, log, record)
                return found
            _look_at(found, log, window, record)
            offset = record.end
        found.end = f'more than {MAX_RECORDS} records would be looked at'
    except EndOfLog:
        found.end = f'what is whole of it ends at byte {offset}'
    except TooMuch as error:
        found.end = str(error)
    except Damage as error:
        found.error = error
    return found


def next_record(read: ReadAt, offset: int) -> Optional[Record]:
    """
    Return the record at ``offset``; None: zero bytes are there.

    Its data can end after the end of the bag.

    :raises EndOfLog: if its header does
    :raises Damage: if there is something else
    """
    if read(offset, 4) == bytes(4):
        return None
    record = read_record(read, offset)
    if record.op not in (OP_CHUNK, OP_INDEX_DATA, OP_CONNECTION, OP_CHUNK_INFO):
        raise Damage(f'the record at byte {offset} does not belong there')
    return replace(record, data_bytes=2**63) if _is_open(record) else record


def _is_open(record: Record) -> bool:
    return record.op == OP_CHUNK and not record.data_bytes and not record.number(b'size')


def _look_at(found: Walk, log: LogReader, window: Window, record: Record) -> None:
    if record.op == OP_CHUNK:
        _look_at_chunk(found, log, record)
    elif record.op == OP_INDEX_DATA:
        _look_at_index_data(found, window, record)
    elif record.op == OP_CONNECTION:
        connection = read_connection(window.read, record)
        found.connections[record.number(b'conn')] = connection
    else:
        found.saw(record.time_ns(b'start_time'))
        found.saw(record.time_ns(b'end_time'))


def _look_at_rest(found: Walk, log: LogReader, record: Optional[Record]) -> None:
    """Look at the chunk that was cut; what is wrong in it says nothing of the rest."""
    if record is None or record.op != OP_CHUNK:
        return
    packed = replace(record.packed_data(), size=log.size, unpacked_bytes=log.size)
    with suppress(Damage, TooMuch):
        _look_at_messages(found, packed.sample(log), record.offset)
        found.compressions.add(packed.compression)


def _look_at_index_data(found: Walk, window: Window, record: Record) -> None:
    entries = record.data_bytes // INDEX_ENTRY_BYTES
    if record.number(b'count') != entries:
        raise Damage(f'the index data at byte {record.offset} have the wrong size')
    for entry in {0, entries - 1} if entries else ():
        offset = record.data_offset + INDEX_ENTRY_BYTES * entry
        seconds, nanoseconds = struct.unpack('<II', window.read(offset, 8))
        found.saw(seconds * 10**9 + nanoseconds)


def _look_at_chunk(found: Walk, log: LogReader, chunk: Record) -> None:
    packed = chunk.packed_data()
    packed.check_claims()
    found.compressions.add(packed.compression)
    found.chunks += 1
    if found.chunks > _MAX_UNPACKED:
        return
    _look_at_messages(found, packed.sample(log), chunk.offset)


def _look_at_messages(found: Walk, sample: bytes, offset: int) -> None:
    read = partial(_slice, sample)
    for record in records_of_chunk(sample):
        if record.op == OP_CONNECTION:
            found.connections[record.number(b'conn')] = read_connection(read, record)
        elif record.op == OP_MESSAGE:
            found.saw(record.time_ns(b'time'))
        else:
            raise Damage(f'there is a record in the chunk at byte {offset} that does not belong'
                         ' there')


def _slice(data: bytes, offset: int, length: int) -> bytes:
    return data[offset:offset + length]
