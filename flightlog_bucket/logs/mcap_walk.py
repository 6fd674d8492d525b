"""MCAP files read from the beginning, record by record: what to do where there is no summary."""
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Optional

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs.mcap_records import Channel, ChunkHeader, Content
from flightlog_bucket.logs.reader import Damage, EndOfLog, LogReader, MAX_RECORDS, TooMuch
from flightlog_bucket.logs.window import Window

_MAX_UNPACKED = 4
"""Chunks of which the beginning is unpacked, for their channels."""
_MAX_UNPACKED_RECORDS = 20_000
_MAX_LENGTH = 2**40
"""Bytes of a record; what is longer was never written."""


@dataclass
class Walk:
    """
    What was found from the beginning of a file.

    :param counts: messages by channel
    :param is_counted: whether these are all
    :param start_ns: of the earliest message; None: none was found
    :param end_ns: of the latest message
    :param has_all_times: whether these are the times of all messages that are there
    :param compressions: of the chunks
    :param end: how the walk ended, in words; empty: where it should
    :param too_much: whether there is more than may be looked at
    :param error: damage before the end
    """

    schemas: dict[int, bytes] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    is_counted: bool = True
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None
    has_all_times: bool = True
    compressions: set[str] = field(default_factory=set)
    end: str = ''
    too_much: bool = False
    error: Optional[Damage] = None

    def saw(self, time_ns: int) -> None:
        """Take the time of a message in."""
        self.start_ns = time_ns if self.start_ns is None else min(time_ns, self.start_ns)
        self.end_ns = time_ns if self.end_ns is None else max(time_ns, self.end_ns)

    def add(self, channel: int, messages: int) -> None:
        """Take messages in."""
        self.counts[channel] = self.counts.get(channel, 0) + messages

    def take(self, inside: 'Walk', *, with_counts: bool) -> None:
        """Take in what was found inside of a chunk, with or without its messages' numbers."""
        self.schemas.update(inside.schemas)
        self.channels.update(inside.channels)
        for channel, messages in inside.counts.items() if with_counts else ():
            self.add(channel, messages)
        for time_ns in (inside.start_ns, inside.end_ns):
            if time_ns is not None:
                self.saw(time_ns)


def walk(log: LogReader, data_end: Optional[int]) -> Walk:
    """
    Look at the records of a file.

    :param data_end: where the data section ends; None: the file was not closed
    :raises OSError: if the disk does not give them
    """
    walker = _Walker(log, data_end)
    try:
        walker.run()
    except EndOfLog:
        walker.found.end = f'it ends inside the record at byte {walker.offset}'
    except TooMuch as error:
        walker.found.end, walker.found.too_much = str(error), True
        walker.found.has_all_times = False
    except Damage as error:
        walker.found.error = error
    walker.close()
    return walker.found


class _Walker:

    def __init__(self, log: LogReader, data_end: Optional[int]) -> None:
        self._log = log
        self._window = Window(log)
        self._is_closed = data_end is not None
        self._data_end = log.size if data_end is None else data_end
        self._records_left = MAX_RECORDS
        self._unpacked_records_left = _MAX_UNPACKED_RECORDS
        self._chunks = 0
        # Whether the message index after a chunk is still to be counted.
        self._is_indexed = False
        self._awaits_index = False
        self.offset = len(records.MAGIC)
        self.found = Walk()

    def run(self) -> None:
        while self.offset < self._data_end:
            self._records_left -= 1
            if self._records_left < 0:
                raise TooMuch(f'there are more than {MAX_RECORDS} records')
            opcode, length = records.PREFIX.unpack(
                self._window.read(self.offset, records.PREFIX.size))
            end = self.offset + records.PREFIX.size + length
            self._check(opcode, length, end)
            size = min(length + records.PREFIX.size, records.MAX_HEAD_BYTES,
                       self._log.size - self.offset)
            content = Content(self._window.read(self.offset, size), records.PREFIX.size, size)
            if end > self._data_end:
                self._look_at_rest(opcode, content)
                raise EndOfLog
            if opcode == records.OP_CHUNK:
                self._look_at_chunk(content, length)
            elif opcode == records.OP_MESSAGE_INDEX:
                self._look_at_message_index(content)
            else:
                _add(self.found, opcode, content)
            self.offset = end

    def close(self) -> None:
        """Decide how the walk ended, and whether all messages were counted."""
        if not self._is_closed and not self.found.end:
            self.found.end = f'it ends after the record that ends at byte {self.offset}'
        if self._awaits_index or self.found.end or self.found.error is not None:
            self.found.is_counted = False

    def _check(self, opcode: int, length: int, end: int) -> None:
        if not opcode:
            raise Damage(f'there is no record at byte {self.offset}')
        if length > _MAX_LENGTH or (self._is_closed and end > self._data_end):
            raise Damage(f'the record at byte {self.offset} has {length} bytes')

    def _look_at_chunk(self, content: Content, length: int) -> None:
        header = records.chunk_header(content)
        data = header.data_at(self.offset + content.position)
        data.check_claims()
        if content.position + data.size > records.PREFIX.size + length:
            raise Damage(f'the data of the chunk at byte {self.offset} are longer than the chunk')
        if self._awaits_index:
            self.found.is_counted = False
        self.found.compressions.add(data.compression)
        self._awaits_index = self._is_indexed = True
        self._chunks += 1
        if self._chunks <= _MAX_UNPACKED:
            self._is_indexed = not self._look_inside(data.sample(self._log), data.unpacked_bytes)
            self._awaits_index = self._is_indexed
        if self._is_indexed:
            self._saw_chunk(header)

    def _saw_chunk(self, header: ChunkHeader) -> None:
        if header.has_times:
            self.found.saw(header.start_ns)
            self.found.saw(header.end_ns)

    def _look_inside(self, sample: bytes, unpacked_bytes: int) -> bool:
        """Return whether this is all of the chunk, so that its messages are counted."""
        inside, offset = Walk(), 0
        while offset + records.PREFIX.size <= len(sample) and self._unpacked_records_left:
            self._unpacked_records_left -= 1
            opcode, length = records.PREFIX.unpack_from(sample, offset)
            end = offset + records.PREFIX.size + length
            if end > len(sample):
                break
            _add(inside, opcode, Content(sample, offset + records.PREFIX.size, end))
            offset = end
        is_whole = offset == unpacked_bytes
        if len(sample) == unpacked_bytes and not is_whole and self._unpacked_records_left:
            raise Damage(f'the chunk at byte {self.offset} does not end with a record')
        self.found.take(inside, with_counts=is_whole)
        return is_whole

    def _look_at_message_index(self, content: Content) -> None:
        if self._is_indexed:
            self.found.add(*records.message_index(content))
            self._awaits_index = False

    def _look_at_rest(self, opcode: int, content: Content) -> None:
        """Look at the chunk that was cut; what is wrong in it says nothing of the rest."""
        if opcode != records.OP_CHUNK:
            return
        # Its messages are counted one by one only when all of the file is read.
        self.found.has_all_times = False
        with suppress(Damage):
            header = records.chunk_header(content)
            data = header.data_at(self.offset + content.position)
            self.found.compressions.add(data.compression)
            self._saw_chunk(header)
            self._look_inside(replace(data, size=2**63, unpacked_bytes=2**63).sample(self._log),
                              2**63)


def _add(found: Walk, opcode: int, content: Content) -> None:
    if opcode == records.OP_SCHEMA:
        found.schemas.update([records.schema(content)])
    elif opcode == records.OP_CHANNEL:
        found.channels.update([records.channel(content)])
    elif opcode == records.OP_MESSAGE:
        channel, time_ns = records.message(content)
        found.add(channel, 1)
        found.saw(time_ns)
