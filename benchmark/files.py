"""Compares files, and sums them up."""
from pathlib import Path
import zlib

_BLOCK_BYTES = 1024 * 1024


def are_same(one: Path, other: Path) -> bool:
    """Tell whether both are there and have the same content."""
    if not (one.is_file() and other.is_file()) or one.stat().st_size != other.stat().st_size:
        return False
    with open(one, 'rb') as first, open(other, 'rb') as second:
        while block := first.read(_BLOCK_BYTES):
            if block != second.read(_BLOCK_BYTES):
                return False
    return True


def crc32(path: Path) -> int:
    """Return the CRC-32 of the content."""
    crc = 0
    with open(path, 'rb') as stream:
        while block := stream.read(_BLOCK_BYTES):
            crc = zlib.crc32(block, crc)
    return crc
