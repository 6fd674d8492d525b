"""MCAP, what ROS 2 records by default: https://mcap.dev/spec."""
from functools import cached_property
from typing import Optional

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.mcap_records import Content, MAGIC
from flightlog_bucket.logs.mcap_summary import (
    check_summary,
    Footer,
    is_closed,
    read_footer,
    read_summary,
    Summary,
)
from flightlog_bucket.logs.mcap_walk import Walk, walk
from flightlog_bucket.logs.reader import Damage, TooMuch, Truncated
from flightlog_bucket.logs.verdict import VALID, Verdict

__all__ = ['MAGIC', 'Mcap', 'matches']


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is an MCAP file."""
    return head.startswith(MAGIC)


class Mcap(FlightLog):
    """
    An MCAP file.

    When it is closed, it gets a footer, and mostly a summary before it. What has none is looked
    at from the beginning, as far as that goes.
    """

    storage = 'mcap'

    def check_structure(self) -> Verdict:
        """
        Compare the summary with itself and with the chunks.

        The beginning of the first chunk is unpacked.
        """
        self._check_header()
        footer = self._footer
        if footer is None:
            raise Truncated(f'the file was never closed; {self._unclosed().end}')
        summary = self._summary
        looked_at = check_summary(self.log, footer, summary)
        if not summary.chunks and (summary.statistics is None or summary.statistics.chunks):
            self._check_walk()
        chunks = len(summary.chunks)
        return Verdict(VALID, '' if looked_at == chunks else
                       f'{looked_at} of its {chunks} chunks were looked at')

    def _describe(self) -> Description:
        summary, statistics = self._summary, self._summary.statistics
        found = Walk(is_counted=False)
        if statistics is None or not self._has_topics(summary) or (
                statistics.chunks and not summary.chunks):
            found = self._walk
        messages, counts = self._counted(found)
        start_ns, duration_ns = self._times(found)
        channels = {**found.channels, **summary.channels}
        schemas = {**found.schemas, **summary.schemas}
        compressions = found.compressions | {c.header.compression_name for c in summary.chunks}
        return Description(
            self.storage, start_ns, duration_ns, messages,
            topics.by_name((topics.text(channel.topic),
                            topics.text(schemas.get(channel.schema, b'')),
                            None if counts is None else counts.get(number, 0))
                           for number, channel in channels.items()),
            compression='+'.join(sorted(compressions)) or 'none')

    def _has_topics(self, summary: Summary) -> bool:
        wanted = {channel.schema for channel in summary.channels.values()} - {0}
        is_any = summary.channels or not summary.statistics or not summary.statistics.channels
        return bool(is_any) and wanted <= summary.schemas.keys()

    def _counted(self, found: Walk) -> tuple[Optional[int], Optional[dict[int, int]]]:
        """Return how many messages there are, in all and by channel; None: it is not known."""
        statistics = self._summary.statistics
        if statistics is not None:
            is_known = statistics.message_counts or not statistics.messages
            by_channel = found.counts if found.is_counted else None
            return statistics.messages, statistics.message_counts if is_known else by_channel
        if self._footer is None or not found.is_counted:
            return None, None
        return sum(found.counts.values()), found.counts

    def _times(self, found: Walk) -> tuple[Optional[int], Optional[int]]:
        statistics, start_ns, end_ns = self._summary.statistics, found.start_ns, found.end_ns
        is_known = statistics is not None or found.has_all_times
        chunks = [chunk.header for chunk in self._summary.chunks if chunk.header.has_times]
        if statistics is not None:
            start_ns, end_ns = ((statistics.start_ns, statistics.end_ns) if statistics.messages
                                else (None, None))
        elif chunks and not found.is_counted:
            start_ns = min(chunk.start_ns for chunk in chunks)
            end_ns = max(chunk.end_ns for chunk in chunks)
            is_known = True
        if start_ns is None or end_ns is None:
            return None, None
        return start_ns, max(end_ns - start_ns, 0) if is_known else None

    def _check_header(self) -> None:
        size = min(records.MAX_HEAD_BYTES, self.log.size - len(MAGIC))
        head = self.log.read_at(len(MAGIC), size)
        if head[:1] not in (b'', bytes([records.OP_HEADER])):
            raise Damage('the first record is no header')
        length = 0
        if size >= records.PREFIX.size:
            length = records.PREFIX.unpack_from(head)[1]
        end = records.PREFIX.size + length
        if size < min(end, records.MAX_HEAD_BYTES) and not is_closed(self.log):
            raise Truncated('the file ends inside its header')
        content = Content(head, records.PREFIX.size, min(end, size))
        content.string()
        content.string()

    @cached_property
    def _footer(self) -> Optional[Footer]:
        return read_footer(self.log) if is_closed(self.log) else None

    @cached_property
    def _summary(self) -> Summary:
        return Summary() if self._footer is None else read_summary(self.log, self._footer)

    @cached_property
    def _walk(self) -> Walk:
        return walk(self.log, None if self._footer is None else self._footer.data_end)

    def _unclosed(self) -> Walk:
        if self._walk.error is not None:
            raise self._walk.error
        return self._walk

    def _check_walk(self) -> None:
        if self._walk.error is not None:
            raise self._walk.error
        if self._walk.too_much:
            raise TooMuch(self._walk.end)
