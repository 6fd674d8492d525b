"""All that is looked at of a ULog: of a small one every message, of a large one both ends."""
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
import struct
from typing import Optional

from flightlog_bucket.logs.reader import Damage, LogReader, Truncated
from flightlog_bucket.logs.ulog_messages import (
    EARLIEST_US,
    FLAG_BITS,
    FLAG_BITS_BYTES,
    LATEST_US,
    Messages,
)
from flightlog_bucket.logs.ulog_tail import (
    chains,
    latest,
    LONG_TAIL_BYTES,
    stamps,
    TAIL_BYTES,
)
from flightlog_bucket.logs.ulog_walk import Walk

HEADER_BYTES = 16
WHOLE_BYTES = 16 * 1024 * 1024
"""A log up to this size is walked through."""
HEAD_BYTES = 4 * 1024 * 1024
"""Of a larger one: definitions, announcements of topics, and about a minute of data."""
_SEARCHES = ((TAIL_BYTES, True), (TAIL_BYTES, False), (LONG_TAIL_BYTES, True))
"""For the end of a large log: bytes before it, and whether all topics must be known."""
_DATA_APPENDED = 1
_MAX_OFFSET = 2**48
_FIRST_STAMPS = 64
_BEGINNING_BYTES = 300
_EARLIER_US = 3600 * 10**6
_LATER_US = 14 * 24 * 3600 * 10**6
"""How far a sample may be from the start of a log."""


class Survey:
    """
    What is known of a log after all was looked at that is looked at.

    :param log: reads it
    :param is_bounded: False: of a log of any size, every message is looked at
    """

    def __init__(self, log: LogReader, *, is_bounded: bool = True) -> None:
        self.messages = Messages()
        self.error: Optional[ValueError] = None
        """What is wrong with the log."""
        self._log = log
        self._header_us = 0
        self._end_us: Optional[int] = None
        self._unseen: Optional[tuple[int, int]] = None
        """The section with the end of the data, where nobody looked yet."""
        self._is_partial = False
        self._whole_bytes = WHOLE_BYTES if is_bounded else log.size
        self._walk = Walk(log, self.messages, HEADER_BYTES, is_bounded=is_bounded)
        try:
            self._look_through()
        except ValueError as error:
            self.error = error

    @property
    def is_whole(self) -> bool:
        """Whether every message was counted."""
        is_readable = self.error is None or isinstance(self.error, Truncated)
        return is_readable and not self._is_partial

    @cached_property
    def start_us(self) -> Optional[int]:
        """The start of the log by the clock of its timestamps, microseconds."""
        if self._end_us is None:
            return self._header_us or None
        if 0 < self._header_us <= self._end_us:
            return self._header_us
        return self._first_us()

    @property
    def duration_us(self) -> Optional[int]:
        """How long it is from the start to the last data, microseconds."""
        if self._end_us is None or self.start_us is None:
            return None
        return max(0, self._end_us - self.start_us)

    @property
    def gps_start_us(self) -> Optional[int]:
        """The start by a GPS receiver, microseconds since 1970 UTC."""
        if self.start_us is None:
            return None
        for utc_us, timestamp_us in self.messages.gps:
            after_us = timestamp_us - self.start_us
            if -_EARLIER_US < after_us < _LATER_US:
                return utc_us - after_us
        return None

    @property
    def clock_start_us(self) -> Optional[int]:
        """The start of a simulation, of which the timestamps count from 1970 UTC."""
        return self._header_us if EARLIEST_US <= self._header_us < LATEST_US else None

    def _look_through(self) -> None:
        if self._log.size < HEADER_BYTES:
            raise Truncated('the file ends inside its header')
        self._header_us = struct.unpack('<8xQ', self._log.read_at(0, HEADER_BYTES))[0]
        appended = self._appended_offsets()
        for offset in appended:
            if offset <= self._log.size:
                # After a crash data were appended: what is before them may end anywhere.
                if not self._look_through_section(offset):
                    self._unseen = self._walk.position, offset
                self._walk.position = offset
        self._judge(self._look_at_end())
        if appended and appended[-1] > self._log.size:
            raise Truncated(f'the file ends before byte {appended[-1]}, where data were appended')

    def _appended_offsets(self) -> list[int]:
        """
        Return where appended data begin.

        :raises Damage: if the log says that it cannot be read by what knows this format only
        """
        if self._log.size < HEADER_BYTES + 3:
            return []
        size, kind = struct.unpack('<Hc', self._log.read_at(HEADER_BYTES, 3))
        if kind != FLAG_BITS or HEADER_BYTES + 3 + size > self._log.size:
            return []
        if size < FLAG_BITS_BYTES:
            raise Damage(f'the flag bits have {size} bytes instead of {FLAG_BITS_BYTES}')
        content = self._log.read_at(HEADER_BYTES + 3, FLAG_BITS_BYTES)
        flags = content[8:16]
        if flags[0] & ~_DATA_APPENDED or any(flags[1:]):
            raise Damage(f'it has incompatible flags that are not known: {flags.hex()}')
        if not flags[0]:
            return []
        offsets = [o for o in struct.unpack_from('<3Q', content, 16) if o]
        floor = HEADER_BYTES + 3 + size
        if offsets and (offsets != sorted(set(offsets)) or offsets[0] < floor
                        or offsets[-1] > _MAX_OFFSET):
            raise Damage(f'data cannot have been appended at bytes {offsets}')
        return offsets

    def _look_through_section(self, end: int) -> bool:
        """Walk to the last whole message before ``end``; tell whether all came by."""
        start = self._walk.position
        if end - start > self._whole_bytes:
            self._walk.walk_to(start + HEAD_BYTES)
        else:
            self._walk.walk_to(max(start, end - TAIL_BYTES))
            tail = self._walk.position
            self._walk.walk_to(end)
            if not self._walk.is_exhausted:
                self._see_end(self._log.read_at(tail, self._walk.position - tail))
                return True
        self._is_partial = True
        return False

    def _look_at_end(self) -> bytes:
        """Return what is left after the last whole message of the log."""
        size = self._log.size
        is_walked, position = self._look_through_section(size), self._walk.position
        rest = (self._log.read_at(position, size - position) if is_walked
                else self._find_end(position, size, _SEARCHES))
        if self._unseen is not None:
            # What was appended after a crash is text without timestamps of data.
            self._find_end(*self._unseen, _SEARCHES[:1])
        return rest

    def _find_end(self, position: int, end: int,
                  searches: Sequence[tuple[int, bool]]) -> bytes:
        """
        Return what is left after the last whole message, wherever the one before begins.

        :param position: where a message begins; there may be many more after it
        :param end: where what is searched ends
        :param searches: how many bytes before the end, and whether topics must be known
        """
        rest = None
        for length, is_strict in searches:
            start = max(position, end - length)
            block = self._log.read_at(start, end - start)
            for chain in chains(block, self.messages, is_strict=is_strict):
                # What is known to be the start of a message needs no chain to show it.
                is_known = start == position and not chain.start
                if not chain.is_sure and not is_known:
                    continue
                if self._is_end(block, chain.end):
                    self._see_end(block[chain.start:chain.end])
                    return block[chain.end:]
                rest = block[chain.end:] if rest is None else rest
        return block if rest is None else rest

    def _judge(self, rest: bytes) -> None:
        """
        Tell what the end of the log is.

        :raises Truncated: if it is the beginning of a message
        :raises Damage: if it is not
        """
        position = self._log.size - len(rest)
        if not rest:
            return
        if self._is_end(rest, 0):
            raise Truncated(f'the file ends inside the message at byte {position}')
        what = 'other bytes than' if any(rest) else 'zero bytes instead of'
        raise Damage(f'it ends with {what} messages (from byte {position})')

    def _is_end(self, block: bytes, position: int) -> bool:
        """Tell whether nothing is left there, or the beginning of a message that is cut."""
        left = len(block) - position
        if left >= 3 and 3 + (block[position] | block[position + 1] << 8) <= left:
            return False
        return not left or self.messages.may_begin(
            block[position:position + _BEGINNING_BYTES])

    def _see_end(self, block: bytes) -> None:
        end_us = latest(stamps(block, self.messages))
        if end_us is not None:
            self._end_us, self._unseen = end_us, None

    def _first_us(self) -> Optional[int]:
        """Return the first timestamp, without those that are from before the log."""
        start = self._walk.first_data
        if start is None:
            return None
        block = self._log.read_at(start, min(TAIL_BYTES, self._log.size - start))
        first = islice(stamps(block, self.messages), _FIRST_STAMPS)
        negative = latest(-stamp for stamp in first)
        return None if negative is None else -negative
