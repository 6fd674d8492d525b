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
TOPICS = ('CREATE TABLE topics(id INTEGER PRIMARY KEY,name TEXT NOT NULL,type TEXT NOT NULL,'
          'serialization_format TEXT NOT NULL,offered_qos_profiles TEXT NOT NULL)')
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


def bag_time(ns: int) -> bytes:
    """Return a time as a bag holds it."""
    return struct.pack('<II', *divmod(ns, 10**9))


def bag_connection() -> bytes:
    """Return a connection record, number 0."""
    fields = bag_record(topic=b'/t', type=b'std_msgs/String', md5sum=b'*',
                        message_definition=b'string data')
    header_bytes, = struct.unpack_from('<I', fields)
    return bag_record(fields[4:4 + header_bytes], op=b'\x07', conn=bytes(4), topic=b'/t')


def bag_chunk(start_ns: int) -> bytes:
    """Return a chunk with one message, and the index data of it."""
    connection = bag_connection()
    data = connection + bag_record(b'hello', op=b'\x02', conn=bytes(4), time=bag_time(start_ns))
    return (bag_record(data, op=b'\x05', compression=b'none', size=struct.pack('<I', len(data)))
            + bag_record(bag_time(start_ns) + struct.pack('<I', len(connection)), op=b'\x04',
                         ver=struct.pack('<I', 1), conn=bytes(4), count=struct.pack('<I', 1)))


def chunk_info(start_ns: int, position: int = 0) -> bytes:
    """Return the chunk info record of a chunk with one message."""
    return bag_record(struct.pack('<II', 0, 1), op=b'\x06', ver=struct.pack('<I', 1),
                      chunk_pos=struct.pack('<Q', position), start_time=bag_time(start_ns),
                      end_time=bag_time(start_ns), count=struct.pack('<I', 1))


def bag(starts_ns: Sequence[int] = (START_NS,), *, index_pos: int = -1, chunk_count: int = -1,
        index: bytes = b'') -> bytes:
    """Return a ROS 1 bag with one message a chunk, and its index or another one."""
    begin = b'#ROSBAG V2.0\n'

    def header(position: int) -> bytes:
        chunks = len(starts_ns) if chunk_count < 0 else chunk_count
        return bag_record(b' ' * 100, op=b'\x03', index_pos=struct.pack('<Q', position),
                          conn_count=struct.pack('<I', 1), chunk_count=struct.pack('<I', chunks))

    chunks, position, infos = [], len(begin + header(0)), []
    for start_ns in starts_ns:
        chunks.append(bag_chunk(start_ns))
        infos.append(chunk_info(start_ns, position))
        position += len(chunks[-1])
    position = position if index_pos < 0 else index_pos
    return (begin + header(position) + b''.join(chunks)
            + (index or bag_connection() + b''.join(infos)))


def mcap_record(opcode: int, content: bytes) -> bytes:
    """Return one record of an MCAP file."""
    return struct.pack('<BQ', opcode, len(content)) + content


def statistics(start_ns: int, messages: int = 1) -> bytes:
    """Return a Statistics record."""
    return mcap_record(0x0B, struct.pack('<QHIIIIQQI', messages, 0, 1, 0, 0, 0, start_ns,
                                         start_ns + 1, 0))


def mcap(summary: bytes = statistics(START_NS), *, summary_start: int = -1) -> bytes:
    """Return an MCAP file that has a message, a summary, and no chunks."""
    string = struct.pack('<I', 4) + b'json'
    begin = (MCAP_MAGIC + mcap_record(0x01, bytes(8))
             + mcap_record(0x04, bytes(4) + string + string + bytes(4))
             + mcap_record(0x05, struct.pack('<HIQQ', 0, 0, START_NS, START_NS) + b'{}')
             + mcap_record(0x0F, bytes(4)))
    start = (len(begin) if summary else 0) if summary_start < 0 else summary_start
    return begin + summary + mcap_record(0x02, struct.pack('<QQI', start, 0, 0)) + MCAP_MAGIC


def write_db3(path: Path, timestamps: Sequence[object] = (START_NS,),
              schema: Sequence[str] = (TOPICS, MESSAGES, TIMESTAMP_INDEX)) -> Path:
    """Write an SQLite bag with one message for each timestamp, all of the topic ``/t``."""
    database = sqlite3.connect(path)
    database.execute('PRAGMA synchronous = OFF')
    for statement in schema:
        database.execute(statement)
    if TOPICS in schema:
        database.execute("INSERT INTO topics VALUES (1, '/t', 'std_msgs/msg/Empty', 'cdr', '')")
    database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, x'00')",
                         [(t,) for t in timestamps])
    database.commit()
    database.close()
    return path
