"""Reading all of an MCAP file with the mcap library, and what that does not compare."""
from collections.abc import Iterator
import os
from typing import BinaryIO, Optional
import zlib

from flightlog_bucket.logs import mcap_records as records
from flightlog_bucket.logs import topics
from flightlog_bucket.logs.library.answer import unfinished
from flightlog_bucket.logs.library.mcap_data import DataFound, parse, RawRecord
from flightlog_bucket.logs.library.mcap_summary import SummaryFound
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage, EndOfLog, TooMuch
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED
from mcap.data_stream import ReadDataStream
from mcap.records import Channel, DataEnd, Footer
from mcap.stream_reader import read_magic

_BLOCK_BYTES = 1024 * 1024
_MAX_RECORD_BYTES = 4 * 1024**3


def read(path: str, structure: str) -> Reading:
    """
    Read every record of an MCAP file, compare every checksum, and the summary with the data.

    :param path: of the file
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    data = DataFound()
    try:
        with open(path, 'rb') as stream:
            _check_summary_crc(stream)
            _look_at_all(stream, data)
    except EndOfLog:
        if structure != TRUNCATED:
            return Reading(CORRUPT, 'the file ends inside a record')
        return _reading(data, structure, f'it has {data.counts.total()} whole messages')
    except TooMuch as error:
        return unfinished(structure, str(error))
    except Damage as error:
        return Reading(CORRUPT, str(error))
    return _reading(data, structure)


def _look_at_all(stream: BinaryIO, data: DataFound) -> None:
    summary: Optional[SummaryFound] = None
    for raw, crc in _records(stream):
        if raw.opcode == records.OP_DATA_END:
            expected = parse(DataEnd, raw).data_section_crc
            if expected not in (0, crc):
                raise Damage('the checksum of the data is wrong')
            summary = SummaryFound()
        elif raw.opcode == records.OP_FOOTER:
            if summary is not None:
                summary.check(data, parse(Footer, raw))
                # There may be channels of which no messages were written.
                data.channels = {**summary.channels, **data.channels}
                data.schemas = {**summary.schemas, **data.schemas}
        elif summary is None:
            data.look_at(raw)
        else:
            summary.look_at(raw)


def _records(stream: BinaryIO) -> Iterator[tuple[RawRecord, int]]:
    """
    Yield the records, and the checksum of all that is before them.

    :raises EndOfLog: if the file ends before the magic at its end
    """
    size = os.fstat(stream.fileno()).st_size
    stream.seek(0)
    source = ReadDataStream(stream, calculate_crc=True)
    _check_rest(source, size, len(records.MAGIC))
    read_magic(source)
    opcode = 0
    while opcode != records.OP_FOOTER:
        offset, crc = source.count, source.checksum()
        _check_rest(source, size, records.PREFIX.size)
        opcode, length = records.PREFIX.unpack(source.read(records.PREFIX.size))
        _check_rest(source, size, length)
        if length > _MAX_RECORD_BYTES:
            raise TooMuch(f'the record at byte {offset} has {length} bytes')
        yield RawRecord(opcode, offset, source.read(length)), crc
    _check_rest(source, size, len(records.MAGIC))
    if source.read(size - source.count) != records.MAGIC:
        raise Damage(f'the footer at byte {offset} is not at the end')


def _check_rest(source: ReadDataStream, size: int, length: int) -> None:
    if source.count + length > size:
        raise EndOfLog(f'there are no {length} bytes at {source.count}')


def _reading(data: DataFound, outcome: str, reason: str = '') -> Reading:
    start_ns = duration_ns = None
    if data.counts:
        start_ns, duration_ns = data.times.start_ns, data.times.end_ns - data.times.start_ns
    found = topics.by_name((_text(channel.topic), _type(channel, data), data.counts[number])
                           for number, channel in data.channels.items())
    return Reading(outcome, reason, start_ns, duration_ns, data.counts.total(), found or None)


def _type(channel: Channel, data: DataFound) -> str:
    schema = data.schemas.get(channel.schema_id)
    return _text(schema.name) if schema else ''


def _text(name: str) -> str:
    return topics.text(name.encode(errors='surrogateescape'))


def _check_summary_crc(stream: BinaryIO) -> None:
    """
    Compare the checksum of the summary.

    :raises Damage: if it is wrong
    """
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(size - records.TAIL_BYTES, 0))
    tail = stream.read()
    if len(tail) < records.TAIL_BYTES or not tail.endswith(records.MAGIC):
        return
    start, _, _ = records.FOOTER.unpack_from(tail, records.PREFIX.size)
    end = size - len(records.MAGIC) - 4
    stream.seek(start or size - records.TAIL_BYTES)
    crc = 0
    while stream.tell() < end:
        block = stream.read(min(end - stream.tell(), _BLOCK_BYTES))
        if not block:
            raise Damage('the summary is longer than the file')
        crc = zlib.crc32(block, crc)
    expected = int.from_bytes(stream.read(4), 'little')
    if expected and crc != expected:
        raise Damage('the checksum of the summary is wrong')
