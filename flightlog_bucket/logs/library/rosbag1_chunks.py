"""All of a ROS 1 bag, record by record: its chunks, and whether the index is that of them."""
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
import struct
from typing import Optional

from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage, EndOfLog, LogReader
from flightlog_bucket.logs.rosbag1_index import add_record, ChunkInfo, Index, Part
from flightlog_bucket.logs.rosbag1_records import (
    Alike,
    Connection,
    OP_CHUNK,
    OP_CONNECTION,
    OP_INDEX_DATA,
    OP_MESSAGE,
    read_connection,
    read_record,
    Record,
)
from flightlog_bucket.logs.rosbag1_walk import lost_from, next_record

_MAX_CUT_BYTES = 64 * 1024**2
"""Of the chunk in which the bag was cut, that are looked at."""
_INDEX_ENTRY = struct.Struct('<III')
_TIME = struct.Struct('<II')


@dataclass
class Chunk:
    """
    What was found in a chunk.

    :param messages: connection and time of the message that is at an offset, and the offset; an
        index may have that of a connection record before it instead
    """

    offset: int
    counts: Counter[int] = field(default_factory=Counter)
    messages: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    start_ns: int = 2**64
    end_ns: int = 0

    def saw(self, connection: int, time_ns: int) -> None:
        """Take a message in."""
        self.counts[connection] += 1
        self.start_ns = min(time_ns, self.start_ns)
        self.end_ns = max(time_ns, self.end_ns)

    def check_index_data(self, record: Record, entries: bytes) -> None:
        """
        Compare index data with the messages.

        :raises Damage: if they do not agree
        """
        connection, count = record.number(b'conn'), record.number(b'count')
        if self.counts[connection] != count:
            raise Damage(f'the index data at byte {record.offset} count {count} messages, the'
                         f' chunk has {self.counts[connection]}')
        found = set()
        for seconds, nanoseconds, offset in _INDEX_ENTRY.iter_unpack(entries):
            expected = connection, seconds * 10**9 + nanoseconds
            message = self.messages.get(offset)
            if message is None or message[:2] != expected:
                raise Damage(f'the index data at byte {record.offset} have a message that the'
                             ' chunk does not have')
            found.add(message)
        if len(found) != count:
            raise Damage(f'the index data at byte {record.offset} have a message twice')

    def check_info(self, info: ChunkInfo) -> None:
        """
        Compare what the index says of the chunk with it.

        :raises Damage: if they do not agree
        """
        if {number: count for number, count in info.messages() if count} != self.counts:
            raise Damage(f'the index counts other messages than the chunk at byte {self.offset}'
                         ' has')
        if self.counts and (info.start_ns, info.end_ns) != (self.start_ns, self.end_ns):
            raise Damage(f'the index has other times than the chunk at byte {self.offset}')


class BagWalk:
    """
    Reads all records of a bag.

    :param bag: the file
    :param offset: where its header ends
    """

    def __init__(self, bag: LogReader, offset: int) -> None:
        self._bag = bag
        self._offset = offset
        self._zeros = lost_from(bag.read_at, bag.size, bag.size)
        self._alike: Optional[Alike] = None
        self._chunk = Chunk(-1)
        self._connections: dict[int, Connection] = {}
        self._counts: Counter[int] = Counter()
        self._times: list[int] = []
        self._chunks: dict[int, Chunk] = {}

    @property
    def messages(self) -> int:
        """How many there are."""
        return self._counts.total()

    def look_at_rest(self) -> None:
        """
        Read what there is of a bag that was cut.

        :raises Damage: if there is any before the cut
        """
        with suppress(EndOfLog):
            for record in self._records(self._bag.size):
                try:
                    self._look_at(record)
                except Damage:
                    if record.end <= min(self._zeros, self._bag.size):
                        raise
                    # What is wrong where the bag was cut says nothing of the rest.
                    self._look_at_cut_chunk(record)
                    return

    def look_at_all(self, index_offset: int) -> None:
        """
        Read a bag that was closed, and compare its index with it.

        :param index_offset: where the index begins
        :raises Damage: if they do not agree
        """
        for record in self._records(index_offset):
            self._look_at(record)
        # Some recorders leave zero bytes before the index.
        self._offset, index = index_offset, Index()
        for record in self._records(self._bag.size):
            add_record(index, self._bag.read_at, record)
        self._check_chunks(index)
        for number in self._counts:
            if number not in index.connections:
                raise Damage(f'there are messages of the connection {number}, which there is not')
        self._connections = index.connections

    def _check_chunks(self, index: Index) -> None:
        chunks = self._chunks.copy()
        for info in index.chunks:
            chunk = chunks.pop(info.offset, None)
            if chunk is None:
                raise Damage(f'there is no chunk at byte {info.offset}, where the index has one')
            chunk.check_info(info)
        for chunk in chunks.values():
            # A recorder may begin a chunk that gets no messages.
            if chunk.counts:
                raise Damage(f'the index does not have the chunk at byte {chunk.offset}')

    def reading(self, outcome: str, reason: str = '') -> Reading:
        """Return what was found."""
        start_ns = min(self._times, default=None)
        duration_ns = None if start_ns is None else max(self._times) - start_ns
        return Reading(outcome, reason, start_ns, duration_ns, self.messages,
                       self._topics() or None)

    def _topics(self) -> tuple[Topic, ...]:
        return topics.by_name((topics.text(connection.topic), topics.text(connection.type),
                               self._counts[number])
                              for number, connection in self._connections.items())

    def _records(self, end: int) -> Iterator[Record]:
        while self._offset < end:
            record = next_record(self._bag.read_at, self._offset, self._zeros)
            if record is None:
                return
            yield record
            self._offset = record.end

    def _look_at(self, record: Record) -> None:
        if record.op == OP_CHUNK:
            packed = record.packed_data()
            packed.check_claims()
            data = packed.unpack(self._bag.read_at(record.data_offset, record.data_bytes))
            self._chunk = Chunk(record.offset)
            self._look_into(data, self._chunk)
            self._take(self._chunk)
            self._chunks[record.offset] = Chunk(
                record.offset, self._chunk.counts, {}, self._chunk.start_ns, self._chunk.end_ns)
        elif record.op == OP_INDEX_DATA:
            self._chunk.check_index_data(
                record, self._bag.read_at(record.data_offset, record.data_bytes))
        elif record.op == OP_CONNECTION:
            self._bag.read_at(record.data_offset, record.data_bytes)

    def _look_at_cut_chunk(self, record: Record) -> None:
        if record.op != OP_CHUNK:
            return
        packed = replace(record.packed_data(), size=_MAX_CUT_BYTES + 1,
                         unpacked_bytes=_MAX_CUT_BYTES)
        length = min(self._bag.size - record.data_offset, record.data_bytes, _MAX_CUT_BYTES)
        chunk = Chunk(record.offset)
        with suppress(Damage):
            self._look_into(packed.unpack(self._bag.read_at(record.data_offset, length)), chunk)
        self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        self._counts += chunk.counts
        if chunk.counts:
            self._times += (chunk.start_ns, chunk.end_ns)

    def _look_into(self, data: bytes, chunk: Chunk) -> None:
        """
        Read the records of a chunk.

        :raises Damage: if it does not end with a record, or one does not belong there
        """
        part, offset, before = Part(data), 0, []
        while offset < len(data):
            begin, (offset, message) = offset, self._record(part, offset)
            before.append(begin)
            if offset > len(data):
                raise Damage(f'the chunk at byte {chunk.offset} does not end with a record')
            if message is None:
                continue
            chunk.saw(*message)
            chunk.messages.update((at, (*message, begin)) for at in before)
            before.clear()

    def _record(self, part: Part, offset: int) -> tuple[int, Optional[tuple[int, int]]]:
        """Return where the record at ``offset`` ends; of a message, connection and time."""
        if self._alike is not None and offset + self._alike.length <= part.end:
            found = self._alike.match(part.read(offset, self._alike.length))
            if found:
                connection, time, size = found
                seconds, nanoseconds = _TIME.unpack(time)
                return (offset + self._alike.length + int.from_bytes(size, 'little'),
                        (int.from_bytes(connection, 'little'), seconds * 10**9 + nanoseconds))
        record = read_record(part.read, offset)
        if record.op == OP_CONNECTION:
            self._connections[record.number(b'conn')] = read_connection(part.read, record)
            return record.end, None
        if record.op != OP_MESSAGE:
            raise Damage('there is a record in a chunk that does not belong there')
        message = record.number(b'conn'), record.time_ns(b'time')
        self._alike = Alike(part.read(offset, record.data_offset - offset), (b'conn', b'time'))
        return record.end, message
