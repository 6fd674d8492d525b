"""What is in the data of an MCAP file, and whether its chunks are as they say: mcap.dev/spec."""
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
import struct
from typing import NamedTuple, Optional, TypeVar
import zlib

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs.reader import Damage
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.records import Attachment, Channel, Chunk, McapRecord, Metadata, Schema
from mcap.stream_reader import CRCValidationError, get_chunk_data_stream

_INDEX_ENTRY = struct.Struct('<QQ')
_COMPRESSIONS = ('', 'lz4', 'zstd')

AnyRecord = TypeVar('AnyRecord', bound=McapRecord)


class RawRecord(NamedTuple):
    """
    A record as it is in the file.

    :param opcode: its kind
    :param offset: where it begins
    :param content: of the record, with what may follow the fields that are known
    """

    opcode: int
    offset: int
    content: bytes

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + records.PREFIX.size + len(self.content)

    @property
    def length(self) -> int:
        """Bytes with those of its kind and length."""
        return self.end - self.offset


class _Fields(ReadDataStream):
    """The content of a record; what is no UTF-8 is a name nevertheless."""

    def __init__(self, content: bytes) -> None:
        super().__init__(BytesIO(content))

    def read(self, length: int) -> bytes:
        data = super().read(length)
        if len(data) < length:
            raise EndOfFile
        return data

    def read_prefixed_string(self) -> str:
        return self.read(self.read4()).decode(errors='surrogateescape')


def parse(kind: type[AnyRecord], raw: RawRecord) -> AnyRecord:
    """
    Return a record as the library reads it.

    :raises Damage: if its fields do not fit into it
    """
    return _parse(kind, raw, _Fields(raw.content))


def _parse(kind: type[AnyRecord], raw: RawRecord, fields: _Fields) -> AnyRecord:
    try:
        return kind.read(fields)  # type: ignore[attr-defined,no-any-return]
    except EndOfFile as error:
        raise Damage(f'the fields of the record at byte {raw.offset} do not fit into it'
                     ) from error
    except UnicodeDecodeError as error:  # the compression of a chunk
        raise Damage(f'the chunk at byte {raw.offset} is packed with what is unknown') from error


@dataclass
class Times:
    """Those of messages: in which order they are is the recorder's choice."""

    first_ns: Optional[int] = None
    last_ns: int = 0
    start_ns: int = 2**64
    end_ns: int = 0

    def saw(self, time_ns: int) -> None:
        """Take the time of a message in."""
        if self.first_ns is None:
            self.first_ns = time_ns
        self.last_ns = time_ns
        self.start_ns = min(time_ns, self.start_ns)
        self.end_ns = max(time_ns, self.end_ns)

    def are(self, start_ns: int, end_ns: int) -> bool:
        """
        Tell whether these are what a writer says of them.

        The Python library had those of the first and the last message until August 2022, and the
        Go library takes a start of zero for none.
        """
        return self.first_ns is None or (
            (start_ns in (self.start_ns, self.first_ns) or not self.start_ns)
            and end_ns in (self.end_ns, self.last_ns))


@dataclass
class ChunkFound:
    """
    What was found of a chunk.

    :param record: what it says of itself, without its data
    :param length: of the record, bytes
    :param messages: time and offset in the chunk of each message, by channel
    :param indexes: where the message indexes begin, by channel
    :param end: of the record, or of the last message index after it
    """

    record: Chunk
    packed_bytes: int
    offset: int
    length: int
    end: int
    times: Times = field(default_factory=Times)
    counts: Counter[int] = field(default_factory=Counter)
    messages: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    indexes: dict[int, int] = field(default_factory=dict)

    def saw(self, channel: int, time_ns: int, position: int) -> None:
        """Take a message in."""
        self.times.saw(time_ns)
        self.messages.setdefault(channel, []).append((time_ns, position))

    def check_message_index(self, raw: RawRecord) -> None:
        """
        Compare a message index with the messages.

        :raises Damage: if they do not agree
        """
        content = records.Content(raw.content, 0, len(raw.content))
        channel = int.from_bytes(content.take(2), 'little')
        entries = content.string()
        expected = self.messages.get(channel, [])
        if len(entries) != _INDEX_ENTRY.size * len(expected):
            raise Damage(f'the message index at byte {raw.offset} has'
                         f' {len(entries) // _INDEX_ENTRY.size} messages of the channel'
                         f' {channel}, its chunk {len(expected)}')
        if sorted(_INDEX_ENTRY.iter_unpack(entries)) != sorted(expected):
            raise Damage(f'the message index at byte {raw.offset} has other messages than its'
                         ' chunk')
        self.indexes[channel] = raw.offset
        self.end = raw.end


@dataclass
class DataFound:
    """What was found in the data of a file; counts by channel."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    times: Times = field(default_factory=Times)
    chunks: dict[int, ChunkFound] = field(default_factory=dict)
    attachments: dict[int, tuple[int, str]] = field(default_factory=dict)
    metadata: dict[int, tuple[int, str]] = field(default_factory=dict)
    _chunk: Optional[ChunkFound] = None

    def look_at(self, raw: RawRecord) -> None:
        """
        Take a record in.

        :raises Damage: if it does not agree with itself, or with those before it
        """
        if raw.opcode == records.OP_CHUNK:
            self._look_at_chunk(raw)
        elif raw.opcode == records.OP_MESSAGE_INDEX:
            if self._chunk is not None:
                self._chunk.check_message_index(raw)
        elif raw.opcode == records.OP_ATTACHMENT:
            self._look_at_attachment(raw)
        elif raw.opcode == records.OP_METADATA:
            self.metadata[raw.offset] = raw.length, parse(Metadata, raw).name
        else:
            self._look_inside(raw)

    def _look_at_chunk(self, raw: RawRecord) -> None:
        record = parse(Chunk, raw)
        data = _unpacked(record, raw.offset)
        if self._chunk is not None:
            self._chunk.messages.clear()
        chunk = ChunkFound(record, len(record.data), raw.offset, raw.length, raw.end)
        record.data = b''
        self._chunk = self.chunks[raw.offset] = chunk
        position, prefix = 0, records.PREFIX
        while position < len(data):
            begin = position + prefix.size
            opcode, length = prefix.unpack_from(data, position) if begin <= len(data) else (0, 0)
            if not opcode or begin + length > len(data):
                raise Damage(f'the chunk at byte {raw.offset} does not end with a record')
            content = data[begin:begin + length]
            message = self._look_inside(RawRecord(opcode, raw.offset, content))
            if message is not None:
                chunk.saw(*message, position)
            position = begin + length
        chunk.counts.update({number: len(found) for number, found in chunk.messages.items()})
        if not chunk.times.are(record.message_start_time, record.message_end_time):
            raise Damage(f'the messages of the chunk at byte {raw.offset} have other times than it'
                         ' says')

    def _look_inside(self, raw: RawRecord) -> Optional[tuple[int, int]]:
        """Return channel and time of a message."""
        if raw.opcode == records.OP_MESSAGE:
            channel, time_ns = records.message(records.Content(raw.content, 0, len(raw.content)))
            if channel not in self.channels:
                raise Damage(f'there is a message of the channel {channel}, which there is not')
            self.counts[channel] += 1
            self.times.saw(time_ns)
            return channel, time_ns
        if raw.opcode == records.OP_CHANNEL:
            found = parse(Channel, raw)
            self.channels[found.id] = found
        elif raw.opcode == records.OP_SCHEMA:
            schema = parse(Schema, raw)
            self.schemas[schema.id] = schema
        return None

    def _look_at_attachment(self, raw: RawRecord) -> None:
        fields = _Fields(raw.content)
        self.attachments[raw.offset] = raw.length, _parse(Attachment, raw, fields).name
        end = fields.count - 4
        expected = int.from_bytes(raw.content[end:fields.count], 'little')
        if expected and zlib.crc32(memoryview(raw.content)[:end]) != expected:
            raise Damage(f'the checksum of the attachment at byte {raw.offset} is wrong')


def _unpacked(chunk: Chunk, offset: int) -> bytes:
    if chunk.compression not in _COMPRESSIONS:
        raise Damage(f'the chunk at byte {offset} is packed with what is unknown')
    if not chunk.uncompressed_size and not chunk.data:
        return b''  # LZ4 and Zstandard have no such frames, and their libraries refuse them
    try:
        stream, length = get_chunk_data_stream(chunk, validate_crc=True)
    except CRCValidationError as error:
        raise Damage(f'the checksum of the chunk at byte {offset} is wrong') from error
    if length != chunk.uncompressed_size:
        raise Damage(f'the chunk at byte {offset} does not unpack to the'
                     f' {chunk.uncompressed_size} bytes that it says')
    return stream.read(length)
