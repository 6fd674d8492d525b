"""Makes damaged logs of whole ones; the same seed and number make the same one."""
from collections.abc import Callable, Sequence
from pathlib import Path
import random
import shutil
import struct
import zlib

from flightlog_bucket.logs.mcap_records import FOOTER, MAGIC, OP_FOOTER, PREFIX, TAIL_BYTES
import zstandard

MAX_BYTES = 512 * 1024
"""Of a log, of which mutants are made; of a longer one, the rest is cut off."""
_MAX_UNPACKED_BYTES = 4 * 1024 * 1024
_MAGIC_BYTES = 16
_NEAR_BYTES = 512
_SLICE_BYTES = 4096
_MAX_STEPS = 4
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
            2**62, 2**63 - 1, 2**63, 2**64 - 1)

Step = Callable[[bytearray, bytes, random.Random], None]


def write(source: Path, others: Sequence[Path], seed: str, folder: Path) -> Path:
    """
    Write a mutant.

    :param source: the log, a file or a rosbag2 directory
    :param others: logs of the same format, of which it may get parts
    :param seed: of the mutant
    :param folder: it gets there, with the name of the log
    """
    dice = random.Random(seed)
    target = folder / source.name
    if not source.is_dir():
        others = [other for other in others if other.is_file()]
        target.write_bytes(_mutant(source, dice.choice(others or [source]), dice))
        return target
    shutil.copytree(source, target)
    changed = dice.choice(sorted(p for p in target.rglob('*') if p.is_file()))
    if dice.random() < 0.5 and (target / 'metadata.yaml').is_file():
        changed = target / 'metadata.yaml'
    changed.write_bytes(_mutant(changed, changed, dice))
    return target


def _mutant(source: Path, other: Path, dice: random.Random) -> bytes:
    content, material = _head(source), _head(other)
    if source.suffix == '.zstd' and dice.random() < 0.5:
        # Noise in what is packed mostly ends where it is unpacked.
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        inside = unpacker.decompress(content[:MAX_BYTES])[:_MAX_UNPACKED_BYTES]
        return zstandard.ZstdCompressor().compress(_changed(inside, inside, dice))
    return _changed(content, material, dice)


def _head(path: Path) -> bytes:
    with open(path, 'rb') as stream:
        return stream.read(MAX_BYTES)


def _changed(content: bytes, material: bytes, dice: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(dice.randint(1, _MAX_STEPS)):
        dice.choice(_STEPS)(data, material, dice)
    if dice.random() < 0.9:
        data[:_MAGIC_BYTES] = content[:_MAGIC_BYTES]
    if dice.random() < 0.7:
        _sign_summary(data)
    return bytes(data)


def _place(data: bytearray, dice: random.Random) -> int:
    """Return an offset, mostly near the ends, where the records are that tell of others."""
    near = dice.randrange(min(len(data), _NEAR_BYTES) or 1)
    anywhere = dice.randrange(len(data) or 1)
    return max(dice.choice((near, len(data) - 1 - near, len(data) - 1 - near * 8, anywhere)), 0)


def _slice(data: bytes, at: int, dice: random.Random) -> bytes:
    return bytes(data[at:at + dice.randint(1, _SLICE_BYTES)])


def _flip(data: bytearray, material: bytes, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 8)):
        if data:
            data[_place(data, dice)] ^= 1 << dice.randrange(8)


def _overwrite_number(data: bytearray, material: bytes, dice: random.Random) -> None:
    width = dice.choice((1, 2, 4, 8))
    number = dice.choice((*_NUMBERS, len(data), len(data) - 1, len(data) + 1, _place(data, dice)))
    order = dice.choice(('little', 'little', 'big'))
    at = _place(data, dice)
    value = (number % 2**(8 * width)).to_bytes(width, order)  # type: ignore[arg-type]
    data[at:at + width] = value[:len(data) - at]


def _overwrite_text_number(data: bytearray, material: bytes, dice: random.Random) -> None:
    """Put another number where digits are, as in YAML and the fields of a ULog."""
    at = _place(data, dice)
    while at < len(data) and not 0x30 <= data[at] <= 0x39:
        at += 1
    data[at:at + 1] = str(dice.choice((*_NUMBERS, -1, 1e400, '', 'x', '~', '[', '&a'))).encode()


def _overwrite_run(data: bytearray, material: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    length = min(dice.choice((8, 64, 512, _SLICE_BYTES)), len(data) - at)
    data[at:at + length] = bytes([dice.choice((0x00, 0xFF, 0x20))]) * length


def _truncate(data: bytearray, material: bytes, dice: random.Random) -> None:
    del data[_place(data, dice):]


def _duplicate(data: bytearray, material: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    data[at:at] = _slice(data, at, dice)


def _remove(data: bytearray, material: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    del data[at:at + dice.randint(1, dice.choice((8, 64, _SLICE_BYTES)))]


def _splice(data: bytearray, material: bytes, dice: random.Random) -> None:
    at = _place(data, dice)
    part = _slice(material, _place(bytearray(material), dice), dice)
    data[at:at + (len(part) if dice.random() < 0.5 else 0)] = part


def _append(data: bytearray, material: bytes, dice: random.Random) -> None:
    data += material[_place(bytearray(material), dice):]


_STEPS: tuple[Step, ...] = (
    _flip, _flip, _overwrite_number, _overwrite_number, _overwrite_number, _overwrite_text_number,
    _overwrite_run, _truncate, _duplicate, _remove, _splice, _append)


def _sign_summary(data: bytearray) -> None:
    """Let the checksum of an MCAP file be right, so that what it guards is looked at."""
    footer = len(data) - TAIL_BYTES
    if (not data.startswith(MAGIC) or footer < 0
            or bytes(data[footer:footer + PREFIX.size]) != PREFIX.pack(OP_FOOTER, FOOTER.size)):
        return
    start = struct.unpack_from('<Q', data, footer + PREFIX.size)[0]
    if 0 < start < footer:
        end = len(data) - len(MAGIC) - 4
        data[end:end + 4] = struct.pack('<I', zlib.crc32(data[start:end]))
