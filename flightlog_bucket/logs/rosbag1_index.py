"""The index at the end of a ROS 1 bag, and whether the chunks are as it says."""
from collections.abc import Iterator
from dataclasses import dataclass, field
import struct
from typing import Optional

from flightlog_bucket.logs.reader import (
    Damage,
    EndOfLog,
    LogReader,
    MAX_RECORDS,
    TooMuch,
    Truncated,
)
from flightlog_bucket.logs.rosbag1_records import (
    Connection,
    FieldBudget,
    INDEX_ENTRY_BYTES,
    IndexDataReader,
    OP_BAG_HEADER,
    OP_CHUNK,
    OP_CHUNK_INFO,
    OP_CONNECTION,
    OP_MESSAGE,
    read_connection,
    read_record,
    ReadAt,
    Record,
)
from flightlog_bucket.logs.window import Window

VERSION_2_LINE = b'#ROSBAG V2.0\n'

_MAX_INDEX_BYTES = 8 * 1024**2
_SMALLEST_RECORD_BYTES = 50
_ZEROS = bytes(4)
"""The number of messages that the index ends with has less of them at its end."""
_COUNT = struct.Struct('<II')  # connection, and its messages in a chunk
_MAX_CHUNKS_IN_A_ROW = 2500
_MAX_CHUNKS_APART = 1000
_MAX_INDEX_DATA = 40_000
_MAX_SAMPLE_RECORDS = 2500


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """
    What the index says of a chunk.

    :param offset: where the chunk begins
    :param start_ns: of its earliest message
    :param end_ns: of its latest message
    :param counts: connections and their messages, as the bag holds them
    """

    offset: int
    start_ns: int
    end_ns: int
    counts: bytes

    @property
    def connections(self) -> int:
        """How many have messages in it."""
        return len(self.counts) // _COUNT.size

    def messages(self) -> Iterator[tuple[int, int]]:
        """Yield connections and the numbers of their messages."""
        return _COUNT.iter_unpack(self.counts)


@dataclass
class Index:
    """
    The connections by their numbers, and the chunks.

    :param ends_with_zeros: more than a number of messages does
    """

    connections: dict[int, Connection] = field(default_factory=dict)
    chunks: list[ChunkInfo] = field(default_factory=list)
    ends_with_zeros: bool = False

    def messages(self) -> dict[int, int]:
        """
        Return how many messages the connections have.

        :raises Damage: if a chunk has messages of none of them
        """
        totals = dict.fromkeys(self.connections, 0)
        for chunk in self.chunks:
            for connection, count in chunk.messages():
                if connection not in totals:
                    raise Damage(f'the chunk at byte {chunk.offset} has messages of the'
                                 f' connection {connection}, which there is not')
                totals[connection] += count
        return totals


def read_bag_header(log: LogReader) -> Record:
    """
    Return the bag header record of version 2.0.

    :raises EndOfLog: if the bag ends before its end
    :raises Damage: if there is none
    """
    header = read_record(log.read_at, len(VERSION_2_LINE))
    if header.op != OP_BAG_HEADER:
        raise Damage('the first record is no bag header')
    return header


def read_index(log: LogReader, header: Record, budget: FieldBudget) -> Index:
    """
    Return the index of a bag that was closed.

    :param budget: that the fields of its records are charged to
    :raises Truncated: if the bag ends inside
    :raises Damage: if it is wrong, or bytes follow it
    :raises TooMuch: if it is very large
    """
    offset = header.number(b'index_pos')
    records = header.number(b'conn_count') + header.number(b'chunk_count')
    if records > MAX_RECORDS:
        if records * _SMALLEST_RECORD_BYTES > log.size:
            raise Damage(f'the bag header says that the index has {records} records')
        raise TooMuch(f'the index has {records} records')
    if log.size - offset > _MAX_INDEX_BYTES:
        raise TooMuch(f'the index has {log.size - offset} bytes')
    data = log.read_at(offset, log.size - offset)
    part, index = Part(data, offset), Index(ends_with_zeros=data.endswith(_ZEROS))
    try:
        end = _read_records(part, offset, records, index, budget)
    except EndOfLog as error:
        raise Truncated('the bag ends inside its index') from error
    except Damage:
        # Blocks of which the file system knew, and which the disk never got.
        if index.ends_with_zeros and _is_lost(part, offset, budget):
            raise Truncated('zero bytes are where the end of its index should be') from None
        raise
    if end != part.end:
        raise Damage(f'{part.end - end} bytes follow the index')
    return index


def _is_lost(part: 'Part', offset: int, budget: FieldBudget) -> bool:
    """Tell whether the records are right up to the zero bytes that the bag ends with."""
    rest = part.without_zeros()
    try:
        _read_records(rest, offset, MAX_RECORDS, Index(), budget)
    except EndOfLog:
        return True
    except Damage:
        return False
    return False


class Part:
    """A part of a bag, in memory; its offsets are those in the bag."""

    def __init__(self, data: bytes, start: int = 0) -> None:
        self._data = data
        self._start = start
        self.end = start + len(data)

    def without_zeros(self) -> 'Part':
        """Return it without the zero bytes at its end."""
        return Part(self._data.rstrip(b'\0'), self._start)

    def read(self, offset: int, length: int) -> bytes:
        begin = offset - self._start
        if begin < 0 or offset + length > self.end:
            raise EndOfLog(f'there are no {length} bytes at {offset}')
        return self._data[begin:begin + length]


def _read_records(part: Part, offset: int, records: int, index: Index,
                  budget: FieldBudget) -> int:
    """Read the records, and return where the last one ends."""
    for _ in range(records):
        record = read_record(part.read, offset, budget)
        add_record(index, part.read, record, budget)
        offset = record.end
    return offset


def add_record(index: Index, read: ReadAt, record: Record,
               budget: Optional[FieldBudget] = None) -> None:
    """
    Take a record of the index in.

    :param budget: that its fields are charged to
    :raises Damage: if it does not belong into the index, or is wrong
    """
    if record.op == OP_CONNECTION:
        index.connections[record.number(b'conn')] = read_connection(read, record, budget)
    elif record.op == OP_CHUNK_INFO:
        index.chunks.append(_chunk_info(read, record))
    else:
        raise Damage(f'the record at byte {record.offset} does not belong into the index')


def _chunk_info(read: ReadAt, record: Record) -> ChunkInfo:
    counts = read(record.data_offset, record.data_bytes)
    if record.number(b'ver') != 1 or len(counts) != _COUNT.size * record.number(b'count'):
        raise Damage(f'the chunk info at byte {record.offset} has the wrong version or size')
    return ChunkInfo(record.number(b'chunk_pos'), record.time_ns(b'start_time'),
                     record.time_ns(b'end_time'), counts)


@dataclass
class Survey:
    """
    What a look at the chunks found.

    :param compressions: of the chunks looked at
    :param looked_at: how many these are
    :param error: what ended the look; None: nothing
    """

    compressions: set[str] = field(default_factory=set)
    looked_at: int = 0
    error: Optional[ValueError] = None


def survey_chunks(log: LogReader, index: Index, index_offset: int,
                  budget: FieldBudget) -> Survey:
    """Compare chunks with the index: all, or so many of them, evenly spread."""
    survey = Survey()
    window = Window(log)
    index_data = IndexDataReader(window.read, budget)
    try:
        for chunk in _chosen(index.chunks):
            if chunk.offset >= index_offset:
                raise Damage(f'the chunk at byte {chunk.offset} is not before the index')
            record = _check_chunk(window, index_data, chunk, index_offset)
            if not survey.looked_at:
                _check_sample(record.packed_data().sample(log), index.connections, budget)
            survey.compressions.add(record.packed_data().compression)
            survey.looked_at += 1
    except (Damage, TooMuch) as error:
        survey.error = error
    return survey


def _chosen(chunks: list[ChunkInfo]) -> list[ChunkInfo]:
    index_data = sum(chunk.connections for chunk in chunks)
    if len(chunks) <= _MAX_CHUNKS_IN_A_ROW and index_data <= _MAX_INDEX_DATA:
        return chunks
    step = max(len(chunks) // _MAX_CHUNKS_APART, index_data // _MAX_INDEX_DATA) + 1
    return chunks[::step]


def _check_chunk(window: Window, index_data: IndexDataReader, chunk: ChunkInfo,
                 index_offset: int) -> Record:
    record = read_record(window.read, chunk.offset)
    if record.op != OP_CHUNK:
        raise Damage(f'there is no chunk at byte {chunk.offset}, where the index has one')
    if record.end > index_offset:
        raise Damage(f'the chunk at byte {chunk.offset} does not end before the index')
    record.packed_data().check_claims()
    counts = dict(chunk.messages())
    offset = record.end
    for _ in range(chunk.connections):
        data = index_data.read_at(offset)
        if (counts.pop(data.connection, -1) != data.messages or data.end > index_offset
                or data.data_bytes != INDEX_ENTRY_BYTES * data.messages):
            raise Damage(f'the index data at byte {offset} do not agree with the index')
        offset = data.end
    return record


def _check_sample(sample: bytes, connections: dict[int, Connection],
                  budget: FieldBudget) -> None:
    for record in records_of_chunk(sample, budget):
        if record.op == OP_MESSAGE:
            record.time_ns(b'time')
        elif record.op != OP_CONNECTION:
            raise Damage('there is a record in the first chunk that does not belong there')
        if record.number(b'conn') not in connections:
            raise Damage('there is a record in the first chunk of an unknown connection')


def records_of_chunk(data: bytes, budget: FieldBudget) -> Iterator[Record]:
    """
    Yield records of the beginning of a chunk, as far as they are whole; at most 2500.

    :raises Damage: if there is one that cannot be read
    :raises TooMuch: if the budget does not allow it
    """
    part = Part(data)
    offset = 0
    for _ in range(_MAX_SAMPLE_RECORDS):
        try:
            record = read_record(part.read, offset, budget)
        except EndOfLog:
            return
        if record.end > len(data):
            return
        yield record
        offset = record.end
