"""Whether the summary of an MCAP file is that of its data, all of which were read."""
from dataclasses import dataclass, field
from typing import Optional

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs.library.mcap_data import DataFound, parse, RawRecord
from flightlog_bucket.logs.reader import Damage
from mcap.records import (
    AttachmentIndex,
    Channel,
    ChunkIndex,
    Footer,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)


@dataclass
class SummaryFound:
    """
    What was found after the data.

    A writer may leave out any kind of record; what it does not leave out must be right.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkIndex] = field(default_factory=list)
    attachments: dict[int, tuple[int, str]] = field(default_factory=dict)
    metadata: dict[int, tuple[int, str]] = field(default_factory=dict)
    statistics: Optional[Statistics] = None
    offsets: list[SummaryOffset] = field(default_factory=list)
    _kinds: dict[int, int] = field(default_factory=dict)
    _ends: set[int] = field(default_factory=set)

    def look_at(self, raw: RawRecord) -> None:
        """
        Take a record in.

        :raises Damage: if its fields do not fit into it
        """
        self._kinds[raw.offset] = raw.opcode
        self._ends.add(raw.end)
        if raw.opcode == records.OP_SCHEMA:
            schema = parse(Schema, raw)
            self.schemas[schema.id] = schema
        elif raw.opcode == records.OP_CHANNEL:
            channel = parse(Channel, raw)
            self.channels[channel.id] = channel
        elif raw.opcode == records.OP_STATISTICS:
            self.statistics = parse(Statistics, raw)
        elif raw.opcode == records.OP_SUMMARY_OFFSET:
            self.offsets.append(parse(SummaryOffset, raw))
        else:
            self._look_at_index(raw)

    def _look_at_index(self, raw: RawRecord) -> None:
        if raw.opcode == records.OP_CHUNK_INDEX:
            self.chunks.append(parse(ChunkIndex, raw))
        elif raw.opcode == records.OP_ATTACHMENT_INDEX:
            attachment = parse(AttachmentIndex, raw)
            self.attachments[attachment.offset] = attachment.length, attachment.name
        elif raw.opcode == records.OP_METADATA_INDEX:
            metadata = parse(MetadataIndex, raw)
            self.metadata[metadata.offset] = metadata.length, metadata.name

    def check(self, data: DataFound, footer: Footer) -> None:
        """
        Compare the summary with the data.

        :raises Damage: if they do not agree
        """
        self._check_channels(data)
        self._check_chunks(data)
        for what, indexed, found in (('attachments', self.attachments, data.attachments),
                                     ('metadata', self.metadata, data.metadata)):
            if indexed and indexed != found:
                raise Damage(f'the summary has other {what} than the data')
        if self.statistics is not None:
            _check_statistics(self.statistics, data)
        self._check_offsets(footer)

    def _check_channels(self, data: DataFound) -> None:
        for number, channel in self.channels.items():
            found = data.channels.get(number, channel)
            if (channel.topic, channel.schema_id, channel.message_encoding) != (
                    found.topic, found.schema_id, found.message_encoding):
                raise Damage(f'the channel {number} of the summary is another than in the data')
        for number, schema in self.schemas.items():
            if data.schemas.get(number, schema) != schema:
                raise Damage(f'the schema {number} of the summary is another than in the data')
        if self.channels and not data.counts.keys() <= self.channels.keys():
            raise Damage('there are messages of channels that the summary does not have')

    def _check_chunks(self, data: DataFound) -> None:
        if self.chunks and sorted(c.chunk_start_offset for c in self.chunks) != [*data.chunks]:
            raise Damage('the summary has other chunks than the data')
        for index in self.chunks:
            _check_chunk(index, data)

    def _check_offsets(self, footer: Footer) -> None:
        # The Python library says where they would begin, without a summary as well.
        start = footer.summary_offset_start if self._kinds else 0
        if start and start not in self._kinds.keys() | self._ends:
            raise Damage('the footer says that the summary offsets are where no record begins')
        if start and any((offset >= start) != (kind == records.OP_SUMMARY_OFFSET)
                         for offset, kind in self._kinds.items()):
            raise Damage('the summary offsets are not where the footer says')
        for group in self.offsets:
            # The Python library has groups without records, rosbags some of which the start is
            # that of another: only what lies elsewhere is surely wrong.
            end = group.group_start + group.group_length
            if group.group_length and (group.group_start not in self._kinds
                                       or end > max(self._ends)):
                raise Damage('a summary offset is not that of records of the summary')


def _check_chunk(index: ChunkIndex, data: DataFound) -> None:
    chunk = data.chunks[index.chunk_start_offset]
    record, offset = chunk.record, chunk.offset
    if (index.chunk_length, index.compression, index.compressed_size, index.uncompressed_size) != (
            chunk.length, record.compression, chunk.packed_bytes, record.uncompressed_size):
        raise Damage(f'the chunk at byte {offset} is not as the chunk index says')
    if not chunk.times.are(index.message_start_time, index.message_end_time):
        raise Damage(f'the chunk index has other times than the chunk at byte {offset}')
    indexed = index.message_index_offsets
    unindexed = chunk.indexes.keys() - indexed.keys() if indexed else set()
    if (any(chunk.indexes.get(number) != place for number, place in indexed.items())
            or any(chunk.counts[number] for number in unindexed)):
        raise Damage(f'the message indexes of the chunk at byte {offset} are not where the chunk'
                     ' index says')
    length = chunk.end - (offset + chunk.length)
    if index.message_index_length != length and (indexed or index.message_index_length):
        raise Damage(f'the message indexes of the chunk at byte {offset} do not have the'
                     f' {index.message_index_length} bytes that the chunk index says')


def _check_statistics(statistics: Statistics, data: DataFound) -> None:
    """
    Compare the statistics with the data.

    Channels and schemas that are counted may be more: the C++ library, and so rosbag2, counts
    those that it was told of, and writes those that have messages.
    """
    for what, counted, found in (
            ('messages', statistics.message_count, data.counts.total()),
            ('chunks', statistics.chunk_count, len(data.chunks)),
            ('attachments', statistics.attachment_count, len(data.attachments)),
            ('metadata', statistics.metadata_count, len(data.metadata))):
        if counted != found:
            raise Damage(f'the statistics count {counted} {what}, there are {found}')
    if statistics.channel_count < len(data.counts):
        raise Damage(f'the statistics count {statistics.channel_count} channels, there are'
                     f' messages of {len(data.counts)}')
    counts = statistics.channel_message_counts
    if counts and {number: count for number, count in counts.items() if count} != data.counts:
        raise Damage('the statistics count other messages of the channels than there are')
    if not data.times.are(statistics.message_start_time, statistics.message_end_time):
        raise Damage('the statistics have other times than the messages')
