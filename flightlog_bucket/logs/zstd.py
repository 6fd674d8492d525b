"""Zstandard frames, what rosbag2 makes of a file with FILE compression: RFC 8878."""
import os
from typing import BinaryIO, Optional

from flightlog_bucket.logs.reader import LogReader

MAGIC = b'\x28\xb5\x2f\xfd'
_SKIPPABLE_MAGIC_END = b'\x2a\x4d\x18'
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_RLE_BLOCK = 1
_MAX_BLOCKS = 1_000_000
"""That are looked at, a few seconds' work; a log of 5 GiB has at least 40,000."""


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this is compressed: a frame, or a skippable one."""
    is_skippable = len(head) >= 4 and head[0] >> 4 == 5 and head[1:4] == _SKIPPABLE_MAGIC_END
    return head.startswith(MAGIC) or is_skippable


def start_ns(log: LogReader) -> Optional[int]:
    """Return None: the end of the log, where its index is, cannot be reached cheaply."""
    return None


def is_whole(stream: BinaryIO) -> bool:
    """
    Tell whether the last frame ends where the file does, by the headers alone.

    :param stream: unbuffered: a few bytes are read here and there
    :raises OSError: if the disk does not give them
    """
    size, offset, blocks_left = stream.seek(0, os.SEEK_END), 0, _MAX_BLOCKS
    while 0 <= offset < size and blocks_left:
        head = _read_at(stream, offset, 18)
        if not matches(head):
            return False
        if not head.startswith(MAGIC):
            offset += 8 + int.from_bytes(head[4:8], 'little')
            continue
        offset, blocks_left = _after_frame(stream, offset, head, blocks_left)
    # What has more blocks than anybody writes is left to whoever decompresses it.
    return size > 0 and (offset == size or not blocks_left)


def _after_frame(stream: BinaryIO, offset: int, head: bytes, blocks_left: int) -> tuple[int, int]:
    """Return where the frame ends, -1 if the file ends before, and how many blocks are left."""
    if len(head) < 5:
        return -1, blocks_left
    descriptor = head[4]
    is_single_segment = bool(descriptor & 0x20)
    offset += 5 + (not is_single_segment) + _DICTIONARY_ID_BYTES[descriptor & 3]
    offset += _CONTENT_SIZE_BYTES[descriptor >> 6] or int(is_single_segment)
    while blocks_left:
        blocks_left -= 1
        block = _read_at(stream, offset, 3)
        if len(block) < 3:
            return -1, blocks_left
        header = int.from_bytes(block, 'little')
        offset += 3 + (1 if header >> 1 & 3 == _RLE_BLOCK else header >> 3)
        if header & 1:
            return offset + (4 if descriptor & 4 else 0), blocks_left
    return offset, 0


def _read_at(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    return stream.read(length)
