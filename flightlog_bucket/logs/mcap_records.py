"""Records of MCAP files: https://mcap.dev/spec."""
from dataclasses import dataclass
import struct

from flightlog_bucket.logs.chunk import PackedData
from flightlog_bucket.logs.reader import Damage

MAGIC = b'\x89MCAP0\r\n'

OP_HEADER = 0x01
OP_FOOTER = 0x02
OP_SCHEMA = 0x03
OP_CHANNEL = 0x04
OP_MESSAGE = 0x05
OP_CHUNK = 0x06
OP_MESSAGE_INDEX = 0x07
OP_CHUNK_INDEX = 0x08
OP_ATTACHMENT = 0x09
OP_ATTACHMENT_INDEX = 0x0A
OP_STATISTICS = 0x0B
OP_METADATA = 0x0C
OP_METADATA_INDEX = 0x0D
OP_SUMMARY_OFFSET = 0x0E
OP_DATA_END = 0x0F

PREFIX = struct.Struct('<BQ')
"""Opcode, and the bytes of the content that follow."""
FOOTER = struct.Struct('<QQI')
"""Start of the summary, start of the summary offsets, CRC-32 of the summary."""
TAIL_BYTES = PREFIX.size + FOOTER.size + len(MAGIC)
MESSAGE_INDEX_ENTRY_BYTES = 16
MAX_HEAD_BYTES = 4096
"""Of a record, that are looked at."""

_NO_TIMES = 2**64 - 1, 0
"""What the C++ library writes of a chunk without messages; its chunk index may have zeros."""

_MESSAGE = struct.Struct('<HIQ')
_MESSAGE_INDEX = struct.Struct('<HI')
_CHUNK = struct.Struct('<QQQI')
_U32 = struct.Struct('<I')
_STATISTICS = struct.Struct('<QHIIIIQQ')
_CHUNK_INDEX = struct.Struct('<QQQQ')
_CHANNEL_COUNT = struct.Struct('<HQ')


@dataclass(frozen=True)
class Statistics:
    """
    What a Statistics record says.

    :param message_counts: by channel; empty: the writer did not count them
    """

    message_counts: dict[int, int]
    messages: int
    schemas: int
    channels: int
    attachments: int
    metadata: int
    chunks: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic, and the schema of its messages; 0: there is none."""

    topic: bytes
    schema: int


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """
    What is said of a chunk at its beginning, and in the chunk index.

    :param start_ns: of its earliest message
    :param end_ns: of its latest message
    :param unpacked_bytes: of its data
    :param compression: as it is written; empty: none
    :param packed_bytes: of its data
    """

    start_ns: int
    end_ns: int
    unpacked_bytes: int
    compression: bytes
    packed_bytes: int

    @property
    def has_times(self) -> bool:
        """Whether there are messages in the chunk: without, the times are zero."""
        return bool(self.start_ns or self.end_ns)

    @property
    def compression_name(self) -> str:
        """The compression in the words of a description."""
        return self.compression[:20].decode(errors='replace') or 'none'

    def data_at(self, offset: int) -> PackedData:
        """Return the data, which begin at ``offset``."""
        # A bag can have these, an MCAP file cannot.
        is_odd = self.compression in (b'none', b'bz2')
        return PackedData(offset, self.packed_bytes, self.unpacked_bytes,
                          f'{self.compression_name} of bags' if is_odd
                          else self.compression_name)


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    """
    Where a chunk is, and what it holds.

    :param offset: of the chunk record
    :param length: of the chunk record
    :param message_index_bytes: that follow it
    """

    offset: int
    length: int
    message_index_bytes: int
    header: ChunkHeader


class Content:
    """
    The content of a record, field by field.

    :param data: the content, or a block that holds it
    :param start: where it begins
    :param end: where it ends
    """

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self.position = start
        self._end = end

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        begin = self.position
        if begin + length > self._end:
            raise Damage('a field of a record is longer than the record')
        self.position += length
        return self._data[begin:self.position]

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        """Return the next numbers."""
        return layout.unpack(self.take(layout.size))

    def string(self) -> bytes:
        """Return the next bytes, of which there is the number before them."""
        return self.take(self.unpack(_U32)[0])


def message(content: Content) -> tuple[int, int]:
    """Read the beginning of a Message record: its channel, and its log time in ns."""
    number, _, log_time_ns = content.unpack(_MESSAGE)
    return number, log_time_ns


def message_index(content: Content) -> tuple[int, int]:
    """Read the beginning of a Message Index record: its channel, and how many messages."""
    number, size = content.unpack(_MESSAGE_INDEX)
    return number, size // MESSAGE_INDEX_ENTRY_BYTES


def statistics(content: Content) -> Statistics:
    """Read a Statistics record."""
    numbers = content.unpack(_STATISTICS)
    return Statistics(dict(_CHANNEL_COUNT.iter_unpack(_map(content))), *numbers)


def _map(content: Content) -> bytes:
    entries = content.string()
    if len(entries) % _CHANNEL_COUNT.size:
        raise Damage('a list of channels has the wrong size')
    return entries


def schema(content: Content) -> tuple[int, bytes]:
    """Read the beginning of a Schema record: its number and its name."""
    number = int.from_bytes(content.take(2), 'little')
    return number, content.string()


def channel(content: Content) -> tuple[int, Channel]:
    """Read the beginning of a Channel record: its number, and what it is."""
    number = int.from_bytes(content.take(2), 'little')
    schema_number = int.from_bytes(content.take(2), 'little')
    return number, Channel(content.string(), schema_number)


def chunk_header(content: Content) -> ChunkHeader:
    """Read the beginning of a Chunk record."""
    start_ns, end_ns, unpacked_bytes, _ = content.unpack(_CHUNK)
    compression = content.string()
    return ChunkHeader(_start(start_ns, end_ns), end_ns, unpacked_bytes, compression,
                       int.from_bytes(content.take(8), 'little'))


def chunk_index(content: Content) -> ChunkIndex:
    """Read a Chunk Index record."""
    start_ns, end_ns, offset, length = content.unpack(_CHUNK_INDEX)
    _map(content)
    message_index_bytes = int.from_bytes(content.take(8), 'little')
    compression = content.string()
    packed_bytes, unpacked_bytes = struct.unpack('<QQ', content.take(16))
    return ChunkIndex(offset, length, message_index_bytes, ChunkHeader(
        _start(start_ns, end_ns), end_ns, unpacked_bytes, compression, packed_bytes))


def _start(start_ns: int, end_ns: int) -> int:
    return 0 if (start_ns, end_ns) == _NO_TIMES else start_ns


def record_at(index: Content) -> tuple[int, int]:
    """Read the beginning of an Attachment or Metadata Index record: offset and length."""
    offset, length = struct.unpack('<QQ', index.take(16))
    return offset, length
