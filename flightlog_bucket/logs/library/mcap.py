"""Reading all of an MCAP file with the mcap library, and the checksums that that leaves out."""
from collections import Counter
import io
import os
import struct
from typing import BinaryIO, Optional, TYPE_CHECKING
import zlib

from flightlog_bucket.logs import mcap_records, topics
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED
from mcap.exceptions import EndOfFile, McapError, RecordLengthLimitExceeded
from mcap.records import (
    Channel,
    Chunk,
    McapRecord,
    Message,
    MessageIndex,
    Schema,
    Statistics,
)
from mcap.stream_reader import breakup_chunk, CRCValidationError, StreamReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1024 * 1024


def read(path: str, structure: str) -> Reading:
    """
    Read every record of an MCAP file, and compare every checksum.

    :param path: of the file
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    found = _Found()
    try:
        with open(path, 'rb') as stream:
            whole = _WholeRecords(stream, _check_attachments(stream))
            _check_summary(stream)
            stream.seek(0)
            for record in StreamReader(whole, emit_chunks=True, validate_crcs=True).records:
                found.look_at(record)
        found.check()
    except EndOfFile:
        if structure != TRUNCATED:
            return Reading(CORRUPT, 'the file ends inside a record')
        return found.reading(TRUNCATED, 'the file was never closed; it has'
                                        f' {found.messages} whole messages')
    except RecordLengthLimitExceeded as error:
        return found.reading(structure, f'not all of it was read: {error}')
    except (Damage, McapError, CRCValidationError) as error:
        return Reading(CORRUPT, str(error) or type(error).__name__)
    return found.reading(structure)


class _Found:
    """What was found in a file; counts by channel."""

    def __init__(self) -> None:
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._counts: Counter[int] = Counter()
        self._in_chunk: Counter[int] = Counter()
        self._start_ns: Optional[int] = None
        self._end_ns: Optional[int] = None
        self._statistics: Optional[Statistics] = None

    @property
    def messages(self) -> int:
        """How many were found."""
        return self._counts.total()

    def look_at(self, record: McapRecord) -> None:
        """
        Take in a record of the file.

        :raises Damage: if it does not agree with those before it
        """
        if isinstance(record, Chunk):
            self._look_into(record)
        elif isinstance(record, MessageIndex):
            if self._in_chunk[record.channel_id] != len(record.records):
                raise Damage(f'a message index has {len(record.records)} messages of the channel'
                             f' {record.channel_id}, its chunk'
                             f' {self._in_chunk[record.channel_id]}')
        elif isinstance(record, Statistics):
            self._statistics = record
        else:
            self._look_inside(record)

    def _look_into(self, chunk: Chunk) -> None:
        before = self._counts.copy()
        try:
            for record in breakup_chunk(chunk, validate_crc=True):
                self._look_inside(record)
        except EndOfFile as error:
            raise Damage('a chunk does not end with a record') from error
        self._in_chunk = self._counts - before

    def _look_inside(self, record: McapRecord) -> None:
        if isinstance(record, Message):
            if record.channel_id not in self._channels:
                raise Damage(f'there is a message of the channel {record.channel_id}, which there'
                             ' is not')
            self._counts[record.channel_id] += 1
            time_ns = record.log_time
            self._start_ns = time_ns if self._start_ns is None else min(time_ns, self._start_ns)
            self._end_ns = time_ns if self._end_ns is None else max(time_ns, self._end_ns)
        elif isinstance(record, Channel):
            self._channels[record.id] = record
        elif isinstance(record, Schema):
            self._schemas[record.id] = record

    def check(self) -> None:
        """
        Compare the statistics with what was counted.

        :raises Damage: if they do not agree
        """
        if self._statistics is not None and self._statistics.message_count != self.messages:
            raise Damage(f'the statistics count {self._statistics.message_count} messages, there'
                         f' are {self.messages}')

    def reading(self, outcome: str, reason: str = '') -> Reading:
        """Return what was found."""
        duration_ns = None
        if self._start_ns is not None and self._end_ns is not None:
            duration_ns = self._end_ns - self._start_ns
        found = topics.by_name(
            (topics.text(channel.topic.encode()), self._type(channel), self._counts[number])
            for number, channel in self._channels.items())
        return Reading(outcome, reason, self._start_ns, duration_ns, self.messages,
                       found or None)

    def _type(self, channel: Channel) -> str:
        schema = self._schemas.get(channel.schema_id)
        return topics.text(schema.name.encode()) if schema else ''


class _WholeRecords(io.RawIOBase):
    """
    A file as far as its records are whole: the library would take the rest of one for all of it.

    :param stream: the file
    :param end: of the last record that is whole, bytes
    """

    def __init__(self, stream: BinaryIO, end: int) -> None:
        super().__init__()
        self._stream = stream
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: 'WriteableBuffer') -> int:
        view = memoryview(buffer).cast('B')
        data = self._stream.read(min(len(view), max(self._end - self._stream.tell(), 0)))
        view[:len(data)] = data
        return len(data)


def _check_attachments(stream: BinaryIO) -> int:
    """
    Compare the checksums of the attachments.

    :return: where the last record ends that is whole; of a file that was closed, its size
    :raises Damage: if one is wrong
    """
    size = os.fstat(stream.fileno()).st_size
    offset = len(mcap_records.MAGIC)
    while offset + mcap_records.PREFIX.size <= size:
        stream.seek(offset)
        opcode, length = mcap_records.PREFIX.unpack(stream.read(mcap_records.PREFIX.size))
        begin = offset + mcap_records.PREFIX.size
        if begin + length > size:
            return offset
        if opcode == mcap_records.OP_ATTACHMENT:
            _check_attachment(stream, begin)
        offset = begin + length
        if opcode == mcap_records.OP_FOOTER:
            return offset if size < offset + len(mcap_records.MAGIC) else size
    return offset


def _check_attachment(stream: BinaryIO, begin: int) -> None:
    stream.seek(begin + 16)
    for layout in ('<I', '<I', '<Q'):  # the lengths of name, media type and data
        stream.seek(struct.unpack(layout, stream.read(struct.calcsize(layout)))[0], os.SEEK_CUR)
    _check_crc(stream, begin, stream.tell(), f'the attachment at byte {begin}')


def _check_summary(stream: BinaryIO) -> None:
    """
    Compare the checksum of the summary.

    :raises Damage: if it is wrong
    """
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(size - mcap_records.TAIL_BYTES, 0))
    tail = stream.read()
    if len(tail) < mcap_records.TAIL_BYTES or not tail.endswith(mcap_records.MAGIC):
        return
    start, _, _ = mcap_records.FOOTER.unpack_from(tail, mcap_records.PREFIX.size)
    end = size - len(mcap_records.MAGIC) - 4
    _check_crc(stream, start or size - mcap_records.TAIL_BYTES, end, 'the summary')


def _check_crc(stream: BinaryIO, begin: int, end: int, what: str) -> None:
    """Compare the checksum at ``end`` with the bytes before it; zero: there is none."""
    stream.seek(begin)
    crc = 0
    while stream.tell() < end:
        block = stream.read(min(end - stream.tell(), _BLOCK_BYTES))
        if not block:
            raise Damage(f'{what} is longer than the file')
        crc = zlib.crc32(block, crc)
    expected = int.from_bytes(stream.read(4), 'little')
    if expected and crc != expected:
        raise Damage(f'the checksum of {what} is wrong')
