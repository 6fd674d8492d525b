"""
ROS 1 bags without a whole index: what their recorder left when it was cut off.

The recorder writes the size of a chunk into its header when the chunk is full; until then it is
zero, and what follows cannot be told. Blocks that never reached the disk are zero bytes.
"""
from contextlib import suppress
from dataclasses import dataclass, field, replace
import struct
from typing import Optional

from flightlog_bucket.logs.reader import (
    Damage,
    EndOfLog,
    LogReader,
    MAX_RECORDS,
    TooMuch,
    zeros_begin,
)
from flightlog_bucket.logs.rosbag1_index import Part, records_of_chunk
from flightlog_bucket.logs.rosbag1_records import (
    Connection,
    FieldBudget,
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
_MAX_ZEROS = 4 * 1024**2
_FEW_ZEROS = 16
"""Numbers and messages end with as many."""


@dataclass
class Walk:
    """
    What was found from the beginning of a bag.

    :param connections: by their numbers
    :param start_ns: of the earliest message; None: none was found
    :param end_ns: of the latest message
    :param has_all_times: whether the times are those of all messages that are whole
    :param compressions: of the chunks
    :param end: how the walk ended, in words
    :param error: damage before the end
    """

    connections: dict[int, Connection] = field(default_factory=dict)
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None
    has_all_times: bool = False
    compressions: set[str] = field(default_factory=set)
    end: str = ''
    error: Optional[Damage] = None

    @property
    def duration_ns(self) -> Optional[int]:
        """From the earliest message to the latest; None: it is not known."""
        if self.start_ns is None or self.end_ns is None or not self.has_all_times:
            return None
        return self.end_ns - self.start_ns

    def saw(self, time_ns: int) -> None:
        """Take the time of a message in."""
        self.start_ns = time_ns if self.start_ns is None else min(time_ns, self.start_ns)
        self.end_ns = time_ns if self.end_ns is None else max(time_ns, self.end_ns)


def walk(log: LogReader, offset: int, budget: FieldBudget) -> Walk:
    """
    Look at the records from ``offset``, where the bag header ends.

    :param budget: that the fields of the records are charged to
    :raises OSError: if the disk does not give them
    """
    walker = _Walker(log, offset, budget)
    found = walker.found
    try:
        walker.run()
    except EndOfLog:
        found.end = f'what is whole of it ends at byte {walker.offset}'
    except TooMuch as error:
        found.end, found.has_all_times = str(error), False
    except Damage as error:
        found.error = error
    return found


def lost_from(read: ReadAt, size: int, at_most: int) -> int:
    """
    Return where the zero bytes begin that a bag ends with; its size: there are only a few.

    :param at_most: bytes that are looked at
    """
    begin = zeros_begin(read, size, at_most)
    return begin if size - begin > _FEW_ZEROS else size


def next_record(read: ReadAt, offset: int, zeros: int,
                budget: Optional[FieldBudget] = None) -> Optional[Record]:
    """
    Return the record at ``offset``; None: it is lost in zero bytes.

    Its data can end after the end of the bag.

    :param zeros: where the zero bytes begin that the bag ends with
    :param budget: that its fields are charged to
    :raises EndOfLog: if its header ends after the end of the bag
    :raises Damage: if there is something else
    """
    if read(offset, 4) == bytes(4):
        return None
    try:
        record = read_record(read, offset, budget)
        if record.op not in (OP_CHUNK, OP_INDEX_DATA, OP_CONNECTION, OP_CHUNK_INFO):
            raise Damage(f'the record at byte {offset} does not belong there')
        return replace(record, data_bytes=2**63) if _is_open(record) else record
    except Damage:
        header_bytes = int.from_bytes(read(offset, 4), 'little')
        if offset + 4 + header_bytes > zeros:
            return None
        raise


def _is_open(record: Record) -> bool:
    return record.op == OP_CHUNK and not record.data_bytes and not record.number(b'size')


class _Walker:

    def __init__(self, log: LogReader, offset: int, budget: FieldBudget) -> None:
        self._log = log
        self._window = Window(log)
        self._budget = budget
        self._zeros = log.size
        self._unpacked = 0
        # The latest chunk, unless all of its messages were looked at.
        self._unknown: Optional[Record] = None
        self.offset = offset
        self.found = Walk()

    def run(self) -> None:
        self._zeros = lost_from(self._log.read_at, self._log.size, _MAX_ZEROS)
        for _ in range(MAX_RECORDS):
            try:
                record = next_record(self._window.read, self.offset, self._zeros, self._budget)
            except EndOfLog:
                self._look_at_last_chunk()
                raise
            if record is None or not self._is_looked_at(record):
                self.found.end = f'what is whole of it ends at byte {self.offset}'
                self._look_at_rest(record)
                return
            self.offset = record.end
        raise TooMuch(f'more than {MAX_RECORDS} records would be looked at')

    def _is_looked_at(self, record: Record) -> bool:
        """Look at a record, and return whether it is whole."""
        if record.end > self._log.size:
            return False
        try:
            self._look_at(record)
        except Damage:
            if record.end > self._zeros:
                return False
            raise
        return True

    def _look_at(self, record: Record) -> None:
        if record.op == OP_CHUNK:
            self._look_at_chunk(record)
        elif record.op == OP_INDEX_DATA:
            self._look_at_index_data(record)
        elif record.op == OP_CONNECTION:
            connection = read_connection(self._window.read, record, self._budget)
            self.found.connections[record.number(b'conn')] = connection
        else:
            times = record.time_ns(b'start_time'), record.time_ns(b'end_time')
            for time_ns in times if record.data_bytes else ():
                self.found.saw(time_ns)

    def _look_at_chunk(self, chunk: Record) -> None:
        packed = chunk.packed_data()
        packed.check_claims()
        self.found.compressions.add(packed.compression)
        self._unpacked += 1
        self._unknown = chunk
        if self._unpacked <= _MAX_UNPACKED:
            self._look_inside(chunk)

    def _look_inside(self, chunk: Record) -> None:
        packed = chunk.packed_data()
        if self._look_at_messages(packed.sample(self._log), chunk.offset) == packed.unpacked_bytes:
            self._unknown = None

    def _look_at_index_data(self, record: Record) -> None:
        entries = record.data_bytes // INDEX_ENTRY_BYTES
        if record.number(b'count') != entries:
            raise Damage(f'the index data at byte {record.offset} have the wrong size')
        for entry in {0, entries - 1} if entries else ():
            offset = record.data_offset + INDEX_ENTRY_BYTES * entry
            seconds, nanoseconds = struct.unpack('<II', self._window.read(offset, 8))
            self.found.saw(seconds * 10**9 + nanoseconds)

    def _look_at_rest(self, record: Optional[Record]) -> None:
        """Look at the chunk that was cut; what is wrong in it says nothing of the rest."""
        if record is None or record.op != OP_CHUNK:
            self._look_at_last_chunk()
            return
        packed = replace(record.packed_data(), size=self._log.size,
                         unpacked_bytes=self._log.size)
        # Its messages are counted one by one only when all of the bag is read.
        with suppress(Damage, TooMuch):
            self._look_at_messages(packed.sample(self._log), record.offset)
            self.found.compressions.add(packed.compression)

    def _look_at_last_chunk(self) -> None:
        """Look at the chunk whose index data may be cut off."""
        chunk = self._unknown
        if chunk is not None and chunk.end <= self._zeros:
            self._look_inside(chunk)
        self.found.has_all_times = self._unknown is None

    def _look_at_messages(self, sample: bytes, offset: int) -> int:
        """Return where the last record ends that was looked at."""
        end = 0
        read = Part(sample).read
        for record in records_of_chunk(sample, self._budget):
            if record.op == OP_CONNECTION:
                connection = read_connection(read, record, self._budget)
                self.found.connections[record.number(b'conn')] = connection
            elif record.op == OP_MESSAGE:
                self.found.saw(record.time_ns(b'time'))
            else:
                raise Damage(f'there is a record in the chunk at byte {offset} that does not'
                             ' belong there')
            end = record.end
        return end
