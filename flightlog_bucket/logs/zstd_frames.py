"""Zstandard frames, by the headers of their blocks alone: RFC 8878, section 3.1."""
from collections.abc import Callable
from enum import Enum

MAGIC = b'\x28\xb5\x2f\xfd'
_SKIPPABLE_MAGIC_END = b'\x2a\x4d\x18'
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_RLE_BLOCK = 1
_RESERVED_BLOCK = 3


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
    while offset < size:
        begin, head = offset, read_at(offset, 18)
        if not matches(head):
            # Zeros are what a file system shows of what was not written before a power cut.
            is_cut = MAGIC.startswith(head[:4]) or not any(head)
            return End.CUT if is_cut else End.GARBAGE, begin
        blocks_left -= 1
        if blocks_left < 0:
            return End.UNKNOWN, begin
        if not head.startswith(MAGIC):
            offset += 8 + int.from_bytes(head[4:8], 'little')
            continue
        found, offset, blocks_left = _after_frame(read_at, offset, head, blocks_left)
        if found is not End.WHOLE:
            return found, begin
    return End.WHOLE if 0 < offset == size else End.CUT, offset


def _after_frame(read_at: Callable[[int, int], bytes], offset: int, head: bytes,
                 blocks_left: int) -> tuple[End, int, int]:
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
        if len(block) < 3:
            return End.CUT, offset, blocks_left
        header = int.from_bytes(block, 'little')
        kind = header >> 1 & 3
        if kind == _RESERVED_BLOCK:
            return End.GARBAGE, offset, blocks_left
        offset += 3 + (1 if kind == _RLE_BLOCK else header >> 3)
        if header & 1:
            return End.WHOLE, offset + (4 if descriptor & 4 else 0), blocks_left
    return End.UNKNOWN, offset, 0
