"""Reading all of a ROS 1 bag with rosbags; what that refuses, a bag without index, without it."""
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
import os
from typing import BinaryIO, Optional

from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage, EndOfLog, read_up_to
from flightlog_bucket.logs.rosbag1_index import Part, VERSION_2_LINE
from flightlog_bucket.logs.rosbag1_records import (
    Connection,
    OP_CHUNK,
    OP_CONNECTION,
    OP_INDEX_DATA,
    OP_MESSAGE,
    read_connection,
    read_record,
    Record,
)
from flightlog_bucket.logs.rosbag1_walk import next_record
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID
from rosbags.rosbag1 import Reader, ReaderError

_MAX_CUT_BYTES = 64 * 1024**2
"""Of the chunk in which the bag was cut, that are looked at."""


def read(path: str, structure: str) -> Reading:
    """
    Read every message of a bag.

    :param path: of the bag
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    with open(path, 'rb') as stream:
        bag = _File(stream)
        if structure == TRUNCATED:
            return _read_truncated(bag)
        if not _is_readable(bag):
            return Reading()
    try:
        with Reader(path) as reader:
            return _read(reader)
    except ReaderError as error:
        return Reading(CORRUPT, f'rosbags says: {error}')


def _is_readable(bag: '_File') -> bool:
    if bag.read(0, len(VERSION_2_LINE)) != VERSION_2_LINE:
        return False
    return not read_record(bag.read, len(VERSION_2_LINE)).fields.get(b'encryptor')


def _read(reader: Reader) -> Reading:
    found = _Found()
    for connection, time_ns, _ in reader.messages():
        found.saw(connection.id, time_ns)
    for connection in reader.connections:
        # rosbags gives the names that ROS 2 has for the types of ROS 1.
        found.connections[connection.id] = Connection(
            connection.topic.encode(), connection.msgtype.replace('/msg/', '/').encode())
    if found.messages != reader.message_count:
        return Reading(CORRUPT, f'the index counts {reader.message_count} messages, there are'
                                f' {found.messages}')
    return found.reading(VALID)


class _File:
    """An open bag, read without a bound: the process has its own."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = os.fstat(stream.fileno()).st_size

    def read(self, offset: int, length: int) -> bytes:
        if offset + length > self.size:
            raise EndOfLog(f'there are no {length} bytes at {offset}')
        self._stream.seek(offset)
        return read_up_to(self._stream, length)


@dataclass
class _Found:
    """What was found of messages, in all and in the latest chunk; by connection."""

    connections: dict[int, Connection] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    in_chunk: Counter[int] = field(default_factory=Counter)
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None

    @property
    def messages(self) -> int:
        return self.counts.total()

    def saw(self, connection: int, time_ns: int) -> None:
        self.counts[connection] += 1
        self.start_ns = time_ns if self.start_ns is None else min(time_ns, self.start_ns)
        self.end_ns = time_ns if self.end_ns is None else max(time_ns, self.end_ns)

    def reading(self, outcome: str, reason: str = '') -> Reading:
        duration_ns = None
        if self.start_ns is not None and self.end_ns is not None:
            duration_ns = self.end_ns - self.start_ns
        return Reading(outcome, reason, self.start_ns, duration_ns, self.messages,
                       self._topics() or None)

    def _topics(self) -> tuple[Topic, ...]:
        return topics.by_name((topics.text(connection.topic), topics.text(connection.type),
                               self.counts[number])
                              for number, connection in self.connections.items())


def _read_truncated(bag: _File) -> Reading:
    found = _Found()
    try:
        offset = read_record(bag.read, len(VERSION_2_LINE)).end
        for record in _records(bag, offset):
            _look_at(found, bag, record)
    except EndOfLog:
        pass
    except Damage as error:
        return found.reading(CORRUPT, str(error))
    return found.reading(TRUNCATED, f'it was not closed; it has {found.messages} whole messages')


def _records(bag: _File, offset: int) -> Iterator[Record]:
    while offset < bag.size:
        record = next_record(bag.read, offset)
        if record is None:
            return
        yield record
        offset = record.end


def _look_at(found: _Found, bag: _File, record: Record) -> None:
    if record.op == OP_CHUNK and record.end > bag.size:
        # What is wrong where the bag was cut says nothing of the rest.
        with suppress(Damage):
            _look_at_cut_chunk(found, bag, record)
    elif record.op == OP_CHUNK:
        packed = record.packed_data()
        packed.check_claims()
        data = packed.unpack(bag.read(record.data_offset, record.data_bytes))
        try:
            found.in_chunk = _count(found, data, record.offset)
        except EndOfLog as error:
            raise Damage(f'the chunk at byte {record.offset} does not end with a record'
                         ) from error
    elif record.op == OP_INDEX_DATA:
        connection, count = record.number(b'conn'), record.number(b'count')
        if found.in_chunk[connection] != count:
            raise Damage(f'the index data at byte {record.offset} count {count} messages, the'
                         f' chunk has {found.in_chunk[connection]}')


def _look_at_cut_chunk(found: _Found, bag: _File, record: Record) -> None:
    packed = replace(record.packed_data(), size=_MAX_CUT_BYTES + 1,
                     unpacked_bytes=_MAX_CUT_BYTES)
    length = min(bag.size - record.data_offset, _MAX_CUT_BYTES)
    data = packed.unpack(bag.read(record.data_offset, length))
    with suppress(EndOfLog):
        _count(found, data, record.offset)


def _count(found: _Found, data: bytes, chunk_offset: int) -> Counter[int]:
    """
    Count the messages of a chunk.

    :raises EndOfLog: if it does not end with a record
    :raises Damage: if a record does not belong there
    """
    counts: Counter[int] = Counter()
    chunk, offset = Part(data), 0
    while offset < len(data):
        record = read_record(chunk.read, offset)
        chunk.read(record.data_offset, record.data_bytes)
        if record.op == OP_MESSAGE:
            connection = record.number(b'conn')
            found.saw(connection, record.time_ns(b'time'))
            counts[connection] += 1
        elif record.op == OP_CONNECTION:
            found.connections[record.number(b'conn')] = read_connection(chunk.read, record)
        else:
            raise Damage(f'there is a record in the chunk at byte {chunk_offset} that does not'
                         ' belong there')
        offset = record.end
    return counts
