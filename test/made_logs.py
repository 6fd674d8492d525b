"""Small logs made from the specifications of their formats, right ones and wrong ones."""
from collections.abc import Sequence
from pathlib import Path
import sqlite3
import struct

START_NS = 1_753_626_622_123_456_789
"""2025-07-27 14:30:22.123456789 UTC."""

ULOG = b'ULog\x01\x12\x35\x01' + bytes(8)
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
MCAP_MAGIC = b'\x89MCAP0\r\n'
MESSAGES = ('CREATE TABLE messages(id INTEGER PRIMARY KEY,topic_id INTEGER NOT NULL,'
            'timestamp INTEGER NOT NULL, data BLOB NOT NULL)')
TIMESTAMP_INDEX = 'CREATE INDEX timestamp_idx ON messages (timestamp ASC)'


def bag_record(data: bytes = b'', **fields: bytes) -> bytes:
    """Return one record of a ROS 1 bag."""
    header = b''
    for name, value in fields.items():
        field = name.encode() + b'=' + value
        header += struct.pack('<I', len(field)) + field
    return struct.pack('<I', len(header)) + header + struct.pack('<I', len(data)) + data


def chunk_info(start_ns: int) -> bytes:
    """Return a chunk info record."""
    return bag_record(op=b'\x06', ver=struct.pack('<I', 1), chunk_pos=bytes(8),
                      start_time=struct.pack('<II', *divmod(start_ns, 10**9)),
                      end_time=bytes(8), count=bytes(4))


def bag(starts_ns: Sequence[int] = (START_NS,), *, index_pos: int = -1, chunk_count: int = -1,
        index: bytes = b'') -> bytes:
    """Return a ROS 1 bag that has an index, and no chunks before it."""
    begin = b'#ROSBAG V2.0\n'
    body = index or (bag_record(b'x', op=b'\x07', conn=bytes(4), topic=b'/t')
                     + b''.join(chunk_info(start) for start in starts_ns))

    def header(position: int) -> bytes:
        chunks = len(starts_ns) if chunk_count < 0 else chunk_count
        return bag_record(b' ' * 100, op=b'\x03', index_pos=struct.pack('<Q', position),
                          conn_count=struct.pack('<I', 1), chunk_count=struct.pack('<I', chunks))

    position = len(begin + header(0)) if index_pos < 0 else index_pos
    return begin + header(position) + body


def mcap_record(opcode: int, content: bytes) -> bytes:
    """Return one record of an MCAP file."""
    return struct.pack('<BQ', opcode, len(content)) + content


def statistics(start_ns: int, messages: int = 1) -> bytes:
    """Return a Statistics record."""
    return mcap_record(0x0B, struct.pack('<QHIIIIQQI', messages, 1, 1, 0, 0, 1, start_ns,
                                         start_ns + 1, 0))


def mcap(summary: bytes = statistics(START_NS), *, summary_start: int = -1) -> bytes:
    """Return an MCAP file that has a summary, and no chunks."""
    begin = MCAP_MAGIC + mcap_record(0x01, bytes(8)) + mcap_record(0x0F, bytes(4))
    start = (len(begin) if summary else 0) if summary_start < 0 else summary_start
    return begin + summary + mcap_record(0x02, struct.pack('<QQI', start, 0, 0)) + MCAP_MAGIC


def write_db3(path: Path, timestamps: Sequence[object] = (START_NS,),
              schema: Sequence[str] = (MESSAGES, TIMESTAMP_INDEX)) -> Path:
    """Write an SQLite bag with one message for each timestamp."""
    database = sqlite3.connect(path)
    database.execute('PRAGMA synchronous = OFF')
    for statement in schema:
        database.execute(statement)
    database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, x'00')",
                         [(t,) for t in timestamps])
    database.commit()
    database.close()
    return path
