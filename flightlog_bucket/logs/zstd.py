"""Files in Zstandard frames, what rosbag2 makes of a file with FILE compression: RFC 8878."""
from dataclasses import replace
from functools import cached_property
import io
import os
from typing import BinaryIO, cast, ClassVar, Optional

from flightlog_bucket.logs import libraries
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.mcap import matches as matches_mcap
from flightlog_bucket.logs.mcap import Mcap
from flightlog_bucket.logs.reader import Damage, LogReader, TooMuch, Truncated
from flightlog_bucket.logs.rosbag2_sqlite import matches as matches_sqlite
from flightlog_bucket.logs.rosbag2_sqlite import Rosbag2Sqlite
from flightlog_bucket.logs.verdict import STRUCTURE, Verdict
from flightlog_bucket.logs.zstd_frames import (
    begin_of_zeros,
    End,
    end_of_frames,
    ENDS_IN_ZEROS,
    MAGIC,
    matches,
    reading_at,
    Source,
)

__all__ = ['MAGIC', 'CompressedMcap', 'CompressedSqlite', 'is_whole', 'matches']

_MAX_BLOCKS = 1_000_000
"""That are looked at, a few seconds' work; a log of 5 GiB has at least 40,000."""
_MAX_CHECKED_BLOCKS = 50_000
_MAX_CONTENT_BYTES = 16 * 1024 * 1024
_MAX_WINDOW_BYTES = 8 * 1024 * 1024
"""What a decompressor must have: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2."""
_HEAD_BYTES = 64 * 1024
_MAGIC_BYTES = 64
_BLOCK_BYTES = 128 * 1024


def is_whole(stream: BinaryIO) -> bool:
    """
    Tell whether the last frame ends where the file does, by the headers alone.

    :param stream: unbuffered: a few bytes are read here and there
    :raises OSError: if the disk does not give them
    """
    size = stream.seek(0, os.SEEK_END)
    # What has more blocks than anybody writes is left to whoever decompresses it.
    return size > 0 and _end(stream, size, _MAX_BLOCKS)[0] in (End.WHOLE, End.UNKNOWN)


def _end(stream: BinaryIO, size: int, most_blocks: int) -> tuple[End, int]:
    return end_of_frames(reading_at(stream), size, most_blocks)


class CompressedMcap(FlightLog):
    """
    An MCAP file in Zstandard frames.

    What is in them is checked as such if it is small; of more, its beginning is looked at.
    """

    storage = 'mcap.zstd'
    content_name: ClassVar[str] = 'an MCAP file'
    _is_all_unpacked = False
    _ends_in_zeros = False

    def check_structure(self) -> Verdict:
        end, offset = self._end
        if end is End.CUT:
            raise Truncated(f'the file ends inside the frame at byte {offset}')
        if end is End.GARBAGE:
            raise Damage(f'{end.value} after byte {offset}')
        self._check_head()
        if self._ends_in_zeros:
            raise Truncated(ENDS_IN_ZEROS)
        if self._content is None:
            raise TooMuch(f'it unpacks to more than {_MAX_CONTENT_BYTES} bytes')
        verdict = self._content.check(STRUCTURE)
        if verdict.reason:
            verdict = Verdict(verdict.outcome, f'its content: {verdict.reason}')
        if end is End.UNKNOWN and not verdict.reason:
            raise TooMuch(f'more than {_MAX_CHECKED_BLOCKS} blocks would be needed')
        return verdict

    def _describe(self) -> Description:
        self._check_head()
        content = self._content or self._open(self._unpacked)
        described = content.describe()
        if self._content is None:
            # The start is all that its beginning tells.
            described = Description(described.storage, described.start_ns)
        return replace(described, compression='zstd')

    def _check_head(self) -> None:
        head = self._unpacked.getbuffer()[:_MAGIC_BYTES].tobytes()
        is_cut = self._ends_in_zeros or self._end[0] is End.CUT
        if not self._matches(head) and not is_cut:
            raise Damage(f'its content is not {self.content_name}, it begins with'
                         f' {head[:8].hex(" ")}' if head else 'it has no content')

    @cached_property
    def _end(self) -> tuple[End, int]:
        return _end(self.log.stream, self.log.size, _MAX_CHECKED_BLOCKS)

    @cached_property
    def _content(self) -> Optional[FlightLog]:
        """The log that was unpacked; None: it is too large."""
        return self._open(self._unpacked) if self._is_all_unpacked else None

    @cached_property
    def _unpacked(self) -> io.BytesIO:
        """All of the content if it is small, else its beginning."""
        unpacked = io.BytesIO()
        most = self._bytes_to_unpack()
        unpacker = libraries.zstandard().ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        zeros = begin_of_zeros(reading_at(self.log.stream), self.log.size)
        source = Source(self.log.read_at, self.log.size, zeros)
        try:
            # All that it asks of a stream is read().
            packed = cast(BinaryIO, source)
            with unpacker.stream_reader(packed, read_across_frames=True) as stream:
                while unpacked.tell() <= most:
                    block = stream.read(_BLOCK_BYTES)
                    if not block:
                        self._is_all_unpacked = True
                        return unpacked
                    unpacked.write(block)
        except libraries.ZstdError as error:
            if 'too much memory' in str(error):
                raise TooMuch(f'it takes more than {_MAX_WINDOW_BYTES} bytes to unpack') from error
            if source.is_at_zeros:
                self._ends_in_zeros = self._is_all_unpacked = True
                return unpacked
            raise Damage(f'it cannot be unpacked: {error}') from error
        unpacked.truncate(_HEAD_BYTES)
        return unpacked

    def _bytes_to_unpack(self) -> int:
        """Return how much is unpacked before it is known that the content is too large."""
        head = self.log.read_at(0, min(self.log.size, 18))
        try:
            stated = int(libraries.zstandard().frame_content_size(head))
        except libraries.ZstdError:
            return _MAX_CONTENT_BYTES
        return _HEAD_BYTES if stated > _MAX_CONTENT_BYTES else _MAX_CONTENT_BYTES

    def _open(self, content: BinaryIO) -> FlightLog:
        return Mcap(LogReader(self.log.path, content))

    def _matches(self, head: bytes) -> bool:
        return matches_mcap(head)


class CompressedSqlite(CompressedMcap):
    """An SQLite file of rosbag2 in Zstandard frames."""

    storage = 'sqlite3.zstd'
    content_name = 'an SQLite database'

    def _open(self, content: BinaryIO) -> FlightLog:
        return Rosbag2Sqlite(LogReader(self.log.path, content))

    def _matches(self, head: bytes) -> bool:
        return matches_sqlite(head)
