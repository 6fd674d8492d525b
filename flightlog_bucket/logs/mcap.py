"""MCAP, what ROS 2 records by default: https://mcap.dev/spec."""
import struct
from typing import Optional

from flightlog_bucket.logs.reader import LogReader, MAX_RECORDS, NoStart

MAGIC = b'\x89MCAP0\r\n'

_OP_FOOTER = 0x02
_OP_STATISTICS = 0x0B
_PREFIX = struct.Struct('<BQ')
"""Opcode, and the bytes of the content that follow."""
_FOOTER = struct.Struct('<QQI')
"""Start of the summary, start of the summary offsets, CRC-32 of the summary."""
_STATISTICS = struct.Struct('<QHIIIIQQ')
"""Messages, schemas, channels, attachments, metadata, chunks, first and last time in ns."""
_TAIL_BYTES = _PREFIX.size + _FOOTER.size + len(MAGIC)


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is an MCAP file."""
    return head.startswith(MAGIC)


def start_ns(log: LogReader) -> Optional[int]:
    """
    Return the first message's log time, from the Statistics record of the summary.

    None for a file without messages, without a summary or without statistics.

    :raises NoStart: if the file was never closed, or its summary is damaged
    """
    end = log.size - _TAIL_BYTES
    offset = _summary_start(log.read_at(end, _TAIL_BYTES))
    if offset == 0:
        return None
    for _ in range(MAX_RECORDS):
        if offset >= end:
            return None
        opcode, length = _PREFIX.unpack(log.read_at(offset, _PREFIX.size))
        offset += _PREFIX.size
        if opcode == _OP_STATISTICS:
            return _first_message_ns(log, offset, length)
        offset += length
    raise NoStart(f'the first {MAX_RECORDS} records of the summary hold no statistics')


def _summary_start(tail: bytes) -> int:
    opcode, length = _PREFIX.unpack_from(tail)
    if not tail.endswith(MAGIC) or opcode != _OP_FOOTER or length != _FOOTER.size:
        raise NoStart('there is no footer at the end')
    start: int = _FOOTER.unpack_from(tail, _PREFIX.size)[0]
    return start


def _first_message_ns(log: LogReader, offset: int, length: int) -> Optional[int]:
    if length < _STATISTICS.size:
        raise NoStart(f'the statistics have {length} bytes')
    statistics = _STATISTICS.unpack(log.read_at(offset, _STATISTICS.size))
    messages, first_ns = statistics[0], statistics[-2]
    return first_ns if messages else None
