"""The summary at the end of an MCAP file, and whether the file is as it says."""
from dataclasses import dataclass, field
from typing import Optional
import zlib

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs.mcap_records import Channel, ChunkIndex, Content, Statistics
from flightlog_bucket.logs.reader import Damage, LogReader, MAX_RECORDS, TooMuch
from flightlog_bucket.logs.window import Window

_MAX_SUMMARY_BYTES = 12 * 1024**2
_MAX_CHUNKS = 2000
_MAX_POINTERS = 100
"""Attachments and metadata that are looked at, of each."""
_MAX_DATA_END_BYTES = 256


@dataclass(frozen=True)
class Footer:
    """
    The last record.

    :param offset: where it begins
    :param summary_start: 0: there is no summary
    :param offsets_start: 0: there are no summary offsets
    :param summary_crc: 0: there is none
    """

    offset: int
    summary_start: int
    offsets_start: int
    summary_crc: int

    @property
    def data_end(self) -> int:
        """Where the data section ends."""
        return self.summary_start or self.offset


@dataclass
class Summary:
    """What the summary holds; any part of it may be missing."""

    schemas: dict[int, bytes] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkIndex] = field(default_factory=list)
    attachments: list[tuple[int, int]] = field(default_factory=list)
    metadata: list[tuple[int, int]] = field(default_factory=list)
    statistics: Optional[Statistics] = None


def is_closed(log: LogReader) -> bool:
    """Tell whether the file ends with the magic."""
    end = len(records.MAGIC)
    return log.size >= 2 * end and log.read_at(log.size - end, end) == records.MAGIC


def read_footer(log: LogReader) -> Footer:
    """
    Return the footer of a file that was closed, and find the DataEnd record.

    :raises Damage: if they are wrong, or missing
    """
    offset = log.size - records.TAIL_BYTES
    tail = log.read_at(offset, records.TAIL_BYTES)
    opcode, length = records.PREFIX.unpack_from(tail)
    if opcode != records.OP_FOOTER or length != records.FOOTER.size:
        raise Damage('there is no footer at the end')
    footer = Footer(offset, *records.FOOTER.unpack_from(tail, records.PREFIX.size))
    starts = [footer.summary_start, footer.offsets_start or offset, offset]
    if footer.summary_start and sorted(starts) != starts:
        raise Damage('the footer says that the summary is where it cannot be')
    _find_data_end(log, footer.data_end)
    return footer


def _find_data_end(log: LogReader, end: int) -> None:
    """
    Find the DataEnd record, the last one before the summary; it may be padded.

    :raises Damage: if it is not there
    """
    size = min(_MAX_DATA_END_BYTES, end - len(records.MAGIC))
    data = log.read_at(end - size, size)
    for begin in range(size - records.PREFIX.size - 4, -1, -1):
        opcode, length = records.PREFIX.unpack_from(data, begin)
        if opcode == records.OP_DATA_END and length == size - begin - records.PREFIX.size:
            return
    raise Damage(f'there is no DataEnd record before byte {end}, where the data end')


def read_summary(log: LogReader, footer: Footer) -> Summary:
    """
    Return the summary; an empty one if there is none.

    :raises Damage: if it is wrong
    :raises TooMuch: if it is very large
    """
    if not footer.summary_start:
        return Summary()
    size = footer.offset - footer.summary_start
    if size > _MAX_SUMMARY_BYTES:
        raise TooMuch(f'the summary has {size} bytes')
    # The checksum is of the footer as well, without itself.
    data = log.read_at(footer.summary_start, size + records.TAIL_BYTES)
    covered = len(data) - len(records.MAGIC) - 4
    if footer.summary_crc and zlib.crc32(memoryview(data)[:covered]) != footer.summary_crc:
        raise Damage('the checksum of the summary is wrong')
    return _parse(data, size)


def _parse(data: bytes, size: int) -> Summary:
    summary, offset = Summary(), 0
    for _ in range(MAX_RECORDS):
        if offset == size:
            return summary
        opcode, length = _prefix(data, offset, size)
        begin = offset + records.PREFIX.size
        offset = begin + length
        _add(summary, opcode, Content(data, begin, offset))
    raise TooMuch(f'the summary has more than {MAX_RECORDS} records')


def _prefix(data: bytes, offset: int, size: int) -> tuple[int, int]:
    if offset + records.PREFIX.size > size:
        raise Damage('the summary does not end with a record')
    opcode, length = records.PREFIX.unpack_from(data, offset)
    if offset + records.PREFIX.size + length > size:
        raise Damage('a record of the summary does not end before the footer')
    return opcode, length


def _add(summary: Summary, opcode: int, content: Content) -> None:
    if opcode == records.OP_SCHEMA:
        summary.schemas.update([records.schema(content)])
    elif opcode == records.OP_CHANNEL:
        summary.channels.update([records.channel(content)])
    elif opcode == records.OP_CHUNK_INDEX:
        summary.chunks.append(records.chunk_index(content))
    elif opcode == records.OP_ATTACHMENT_INDEX:
        summary.attachments.append(records.record_at(content))
    elif opcode == records.OP_METADATA_INDEX:
        summary.metadata.append(records.record_at(content))
    elif opcode == records.OP_STATISTICS:
        summary.statistics = records.statistics(content)
    elif opcode <= records.OP_DATA_END and opcode != records.OP_SUMMARY_OFFSET:
        raise Damage(f'a record with the opcode {opcode} is in the summary')


def check_summary(log: LogReader, footer: Footer, summary: Summary) -> int:
    """
    Compare the summary with itself and with the records that it points to.

    The beginning of the first chunk is unpacked.

    :return: how many chunks were looked at: all, or so many of them, evenly spread
    :raises Damage: if they do not agree
    :raises TooMuch: if they are too many
    """
    if summary.statistics is not None:
        _check_statistics(summary, summary.statistics)
    window = Window(log)
    for opcode, pointers in ((records.OP_ATTACHMENT, summary.attachments),
                             (records.OP_METADATA, summary.metadata)):
        for offset, length in pointers[:_MAX_POINTERS]:
            _check_record(window, footer, opcode, offset, length)
    chosen = summary.chunks[::-(-len(summary.chunks) // _MAX_CHUNKS) or 1]
    for chunk in chosen:
        data_offset = _check_chunk(window, footer, chunk)
        if chunk is summary.chunks[0]:
            chunk.header.data_at(data_offset).sample(log)
    return len(chosen)


def _check_statistics(summary: Summary, statistics: Statistics) -> None:
    for name, indexed, counted in (
            ('chunks', summary.chunks, statistics.chunks),
            ('attachments', summary.attachments, statistics.attachments),
            ('metadata', summary.metadata, statistics.metadata)):
        # A writer may leave out any of them. That of rosbag2 counts channels with messages only.
        if indexed and len(indexed) != counted:
            raise Damage(f'the statistics count {counted} {name}, the summary has {len(indexed)}')
    counts = statistics.message_counts
    if counts and sum(counts.values()) != statistics.messages:
        raise Damage(f'the statistics count {statistics.messages} messages, and'
                     f' {sum(counts.values())} of the channels')
    if summary.channels and not counts.keys() <= summary.channels.keys():
        raise Damage('the statistics count messages of channels that the summary does not have')


def _check_record(window: Window, footer: Footer, opcode: int, offset: int, length: int) -> None:
    if offset + length > footer.data_end or length < records.PREFIX.size:
        raise Damage(f'the summary has a record at byte {offset}, outside of the data')
    if records.PREFIX.unpack(window.read(offset, records.PREFIX.size)) != (
            opcode, length - records.PREFIX.size):
        raise Damage(f'the record at byte {offset} is not the one that the summary has')


def _check_chunk(window: Window, footer: Footer, chunk: ChunkIndex) -> int:
    """Return where the data of the chunk begin."""
    _check_record(window, footer, records.OP_CHUNK, chunk.offset, chunk.length)
    if chunk.offset + chunk.length + chunk.message_index_bytes > footer.data_end:
        raise Damage(f'the message index of the chunk at byte {chunk.offset} is outside of the'
                     ' data')
    size = min(records.MAX_HEAD_BYTES, chunk.length)
    content = Content(window.read(chunk.offset, size), records.PREFIX.size, size)
    if records.chunk_header(content) != chunk.header:
        raise Damage(f'the chunk at byte {chunk.offset} is not as the chunk index says')
    if content.position + chunk.header.packed_bytes > chunk.length:
        raise Damage(f'the data of the chunk at byte {chunk.offset} are longer than the chunk')
    data_offset = chunk.offset + content.position
    chunk.header.data_at(data_offset).check_claims()
    return data_offset
