"""Zstandard frames, by the headers of their blocks alone: RFC 8878, section 3.1."""
from collections.abc import Callable
from enum import Enum
from typing import BinaryIO

from flightlog_bucket.logs.reader import zeros_begin

MAGIC = b'\x28\xb5\x2f\xfd'
_SKIPPABLE_MAGIC_END = b'\x2a\x4d\x18'
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_MAX_ZEROS_BYTES = 16 * 1024 * 1024
_RLE_BLOCK = 1
_RESERVED_BLOCK = 3

ENDS_IN_ZEROS = 'the file ends in zeros, where the rest of its last block should be'
"""What is said of one that cannot be unpacked for them."""


class End(Enum):
    """How the frames of a file end."""

    WHOLE = 'the last frame ends where the file does'
    CUT = 'the file ends inside a frame'
    GARBAGE = 'there is something else than frames'
    UNKNOWN = 'it has too many blocks'


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this is compressed: a frame, or a skippable one."""
    is_skippable = len(head) >= 4 and head[0] >> 4 == 5 and head[1:4] == _SKIPPABLE_MAGIC_END
    return head.startswith(MAGIC) or is_skippable


class Source:
    """
    A file that is unpacked from its beginning.

    The zeros at its end are given apart, so that a fault is known to be in them.

    :param read_at: gives the bytes at an offset, so many
    :param size: of the file
    :param zeros: where they begin
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, zeros: int) -> None:
        self._read_at, self._size, self._zeros = read_at, size, zeros
        self._offset = 0

    @property
    def is_at_zeros(self) -> bool:
        """Whether some of the zeros have been given."""
        return self._offset > self._zeros

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        end = self._zeros if self._offset < self._zeros else self._size
        data = self._read_at(self._offset, min(size, end - self._offset))
        self._offset += len(data)
        return data


def reading_at(stream: BinaryIO) -> Callable[[int, int], bytes]:
    """Return what gives the bytes at an offset of a stream, so many, fewer at its end."""
    def read_at(offset: int, length: int) -> bytes:
        stream.seek(offset)
        return stream.read(length)

    return read_at


def begin_of_zeros(read_at: Callable[[int, int], bytes], size: int) -> int:
    """Return where the zeros begin with which a file ends; its size if there are none."""
    return zeros_begin(read_at, size, _MAX_ZEROS_BYTES)


def end_of_frames(read_at: Callable[[int, int], bytes], size: int,
                  most_blocks: int) -> tuple[End, int]:
    """
    Walk over the frames of a file.

    :param read_at: gives the bytes at an offset, so many, fewer at the end of the file
    :param size: of the file
    :param most_blocks: and skippable frames, that are looked at
    :returns: how the frames end, and the offset of the last one that was looked at
    """
    offset, blocks_left = 0, most_blocks
    zeros = begin_of_zeros(read_at, size)
    while offset < size:
        begin, head = offset, read_at(offset, 18)
        if not matches(head):
            is_cut = MAGIC.startswith(head[:4]) or not any(head) or (
                begin + 4 > zeros and MAGIC.startswith(head[:4].rstrip(b'\0')))
            return End.CUT if is_cut else End.GARBAGE, begin
        blocks_left -= 1
        if blocks_left < 0:
            return End.UNKNOWN, begin
        if not head.startswith(MAGIC):
            offset += 8 + int.from_bytes(head[4:8], 'little')
            continue
        found, offset, blocks_left = _after_frame(read_at, offset, head, blocks_left, zeros)
        if found is not End.WHOLE:
            return found, begin
    return End.WHOLE if 0 < offset == size else End.CUT, offset


def _after_frame(read_at: Callable[[int, int], bytes], offset: int, head: bytes,
                 blocks_left: int, zeros: int) -> tuple[End, int, int]:
    """Return how a frame ends, where, and how many blocks may still be looked at."""
    if len(head) < 5:
        return End.CUT, offset, blocks_left
    descriptor = head[4]
    is_single_segment = bool(descriptor & 0x20)
    offset += 5 + (not is_single_segment) + _DICTIONARY_ID_BYTES[descriptor & 3]
    offset += _CONTENT_SIZE_BYTES[descriptor >> 6] or int(is_single_segment)
    while blocks_left > 0:
        blocks_left -= 1
        block = read_at(offset, 3)
        # In zeros, there are empty blocks for ever.
        if len(block) < 3 or offset >= zeros:
            return End.CUT, offset, blocks_left
        header = int.from_bytes(block, 'little')
        kind = header >> 1 & 3
        if kind == _RESERVED_BLOCK:
            return End.GARBAGE, offset, blocks_left
        offset += 3 + (1 if kind == _RLE_BLOCK else header >> 3)
        if header & 1:
            return End.WHOLE, offset + (4 if descriptor & 4 else 0), blocks_left
    return End.UNKNOWN, offset, 0
