"""
The data of a chunk: what bags and MCAP files pack their messages into.

A few kilobytes can unpack to gigabytes: never more is unpacked than asked for.
"""
import bz2
from collections.abc import Callable
from dataclasses import dataclass
import io
from typing import Optional

from flightlog_bucket.logs import libraries
from flightlog_bucket.logs.reader import Damage, LogReader

MAX_BYTES = 1024**3
"""Of a chunk, unpacked; recorders make chunks of about 1 MiB."""
SAMPLE_BYTES = 1024**2
_PACKED_SAMPLE_BYTES = SAMPLE_BYTES + 64 * 1024
_MAX_WINDOW_BYTES = 16 * 1024**2
"""That Zstandard may look back, and so needs as memory."""


@dataclass(frozen=True)
class PackedData:
    """
    Where the data of a chunk are.

    :param offset: in the log, bytes
    :param size: in the log, bytes
    :param unpacked_bytes: that the chunk says they unpack to
    :param compression: ``none``, ``bz2``, ``lz4`` or ``zstd``
    """

    offset: int
    size: int
    unpacked_bytes: int
    compression: str

    def check_claims(self) -> None:
        """
        Compare what is said with what there can be.

        :raises Damage: if the compression is unknown, or the sizes are
        """
        self._check_compression()
        if self.unpacked_bytes > MAX_BYTES:
            raise Damage(f'the chunk at byte {self.offset} says that it unpacks to'
                         f' {self.unpacked_bytes} bytes')
        if self.compression == 'none' and self.unpacked_bytes != self.size:
            raise Damage(f'the chunk at byte {self.offset} is not packed, and says that its'
                         f' {self.size} bytes are {self.unpacked_bytes}')

    def sample(self, log: LogReader) -> bytes:
        """
        Unpack the beginning, at most 1 MiB.

        Nothing if that takes much memory, or a library that is missing. Where the log ends
        inside, what is there is unpacked.

        :raises Damage: if it cannot be unpacked, or not to what it says
        :raises TooMuch: if the budget does not allow it
        """
        available = min(self.size, log.size - self.offset)
        packed = log.read_at(self.offset, min(available, _PACKED_SAMPLE_BYTES))
        try:
            return self._unpack(packed, min(self.unpacked_bytes, SAMPLE_BYTES))
        except libraries.Missing:
            return b''

    def unpack(self, packed: bytes) -> bytes:
        """
        Unpack all of it.

        :raises Damage: as ``sample()``
        :raises TooMuch: if a library is missing for that
        """
        return self._unpack(packed, self.unpacked_bytes)

    def _check_compression(self) -> None:
        if self.compression not in _UNPACK:
            raise Damage(f'the chunk at byte {self.offset} is packed with'
                         f' {self.compression[:20]!r}, which is unknown')

    def _unpack(self, packed: bytes, wanted: int) -> bytes:
        self._check_compression()
        if not packed and not self.size and not self.unpacked_bytes:
            return b''  # not even a frame is written of nothing
        try:
            data = _UNPACK[self.compression](packed, wanted + 1)
        except (OSError, EOFError, RuntimeError, libraries.ZstdError) as error:
            raise Damage(f'the chunk at byte {self.offset} cannot be unpacked: {error}'
                         ) from error
        if data is None:
            return b''
        is_short = len(packed) == self.size and len(data) < wanted
        if len(data) > self.unpacked_bytes or is_short:
            raise Damage(f'the chunk at byte {self.offset} does not unpack to the'
                         f' {self.unpacked_bytes} bytes that it says')
        return data[:wanted]


def _unpack_none(packed: bytes, limit: int) -> bytes:
    return packed[:limit]


def _unpack_bz2(packed: bytes, limit: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(packed, limit)


def _unpack_lz4(packed: bytes, limit: int) -> bytes:
    data: bytes = libraries.lz4_frame().LZ4FrameDecompressor().decompress(packed, limit)
    return data


def _unpack_zstd(packed: bytes, limit: int) -> Optional[bytes]:
    zstandard = libraries.zstandard()
    if zstandard.get_frame_parameters(packed).window_size > _MAX_WINDOW_BYTES:
        return None
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)) as stream:
        data: bytes = stream.read(limit)
        return data


_UNPACK: dict[str, Callable[[bytes, int], Optional[bytes]]] = {
    'none': _unpack_none, 'bz2': _unpack_bz2, 'lz4': _unpack_lz4, 'zstd': _unpack_zstd}
