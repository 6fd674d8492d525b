"""Logs that are large where a reader could be tempted to read everything."""
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import sqlite3
import struct

from flightlog_bucket.demo import ulog
from flightlog_bucket.logs.reader import MAX_RECORDS
import made_logs
import made_ulog

_RUN_BYTES = 100 * 1024 * 1024
_MAGICS = {'.ulg': made_logs.ULOG, '.bag': b'#ROSBAG V2.0\n', '.mcap': made_logs.MCAP_MAGIC,
           '.db3': b'SQLite format 3\x00', '.mcap.zstd': made_logs.ZSTD_MAGIC}
_ZSTD_SKIPPABLE = struct.pack('<II', 0x184D2A50, 0)
"""https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2"""
_ZSTD_EMPTY = made_logs.ZSTD_MAGIC + b'\x20\x00\x01\x00\x00'


def _ulogs() -> Iterator[tuple[str, bytes]]:
    head = made_ulog.head() + made_ulog.topics()
    yield 'tiny_messages.ulg', head + struct.pack('<HB', 0, ord('Z')) * 10_000_000
    yield 'tiny_data.ulg', head + ulog.message(b'D', bytes(2)) * 6_000_000
    yield 'subscriptions.ulg', head + b''.join(
        ulog.subscription(n % 65536, 'vehicle_attitude') for n in range(100_000))
    yield 'formats.ulg', made_ulog.head() + b''.join(
        ulog.topic_format(f't{n}', 'uint64_t timestamp;') for n in range(100_000))
    yield 'nested_formats.ulg', made_ulog.head() + b''.join(
        ulog.topic_format(f't{n}', f't{n + 1} x;') for n in range(30_000)) + ulog.subscription(
            0, 't0')
    yield 'wide_formats.ulg', made_ulog.head() + b''.join(
        ulog.topic_format(f't{n}', ';'.join(f'uint8_t a{i}' for i in range(4_000)) + ';')
        for n in range(300))
    yield 'informations.ulg', made_ulog.head() + ulog.text_information(
        'sys_name', 'x' * 60_000) * 500
    yield 'dropouts.ulg', head + made_ulog.dropout(1) * 3_000_000
    yield 'gps.ulg', head + made_ulog.gps(5, 0, 0) * 1_000_000
    yield 'long_texts.ulg', head + ulog.logged_text(0, 'x' * 65_000) * 1_000


def _bags() -> Iterator[tuple[str, bytes]]:
    yield 'many_chunks.bag', made_logs.bag([made_logs.START_NS] * (MAX_RECORDS - 1))
    yield 'more_chunks.bag', made_logs.bag([made_logs.START_NS] * 60_000)
    yield 'large_connection.bag', made_logs.bag(index=made_logs.bag_record(
        op=b'\x07', topic=b'/t' * 35_000_000))
    yield 'many_fields.bag', made_logs.bag(index=made_logs.bag_record(
        op=b'\x07', **{f'f{n}': b'' for n in range(5_000)}) * 1_500, chunk_count=1_499)
    yield 'connections.bag', made_logs.bag(index=b''.join(made_logs.bag_record(
        b'x', op=b'\x07', conn=struct.pack('<I', n), topic=b'/t%d' % n)
        for n in range(100_000)), chunk_count=0)
    chunk = made_logs.bag_record(op=b'\x05', compression=b'none', size=bytes(4))
    yield 'empty_chunks.bag', made_logs.bag(index=b'', index_pos=0) + chunk * 500_000


def _mcaps() -> Iterator[tuple[str, bytes]]:
    record, text = made_logs.mcap_record, struct.pack('<I', 1) + b'x'
    start = made_logs.statistics(made_logs.START_NS)
    yield 'large_schema.mcap', made_logs.mcap(record(0x03, bytes(70_000_000)) + start)
    yield 'many_records.mcap', made_logs.mcap(record(0x08, b'') * 5_000_000)
    yield 'schemas.mcap', made_logs.mcap(b''.join(
        record(0x03, struct.pack('<H', n % 65535 + 1) + text * 3) for n in range(1_000_000)))
    yield 'channels.mcap', made_logs.mcap(b''.join(
        record(0x04, struct.pack('<HH', n % 65536, 0) + text * 2 + bytes(4))
        for n in range(1_000_000)))
    attachment = struct.pack('<QQQQQ', 8, 50, 1, 1, 1) + text * 2
    yield 'attachments.mcap', made_logs.mcap(record(0x0A, attachment) * 1_000_000)
    pairs = b''.join(struct.pack('<I', 4) + struct.pack('<I', n) + text
                     for n in range(3_000_000))
    yield 'metadata_map.mcap', made_logs.mcap(record(
        0x04, struct.pack('<HH', 1, 0) + text * 2 + struct.pack('<I', len(pairs)) + pairs))
    offsets = struct.pack('<I', 30_000_000) + struct.pack('<HQ', 1, 5) * 3_000_000
    yield 'message_offsets.mcap', made_logs.mcap(record(
        0x08, struct.pack('<QQQQ', 1, 2, 8, 50) + offsets + bytes(8) + text + bytes(16)))
    counts = struct.pack('<I', 30_000_000) + struct.pack('<HQ', 1, 5) * 3_000_000
    yield 'channel_counts.mcap', made_logs.mcap(record(
        0x0B, struct.pack('<QHIIIIQQ', 1, 1, 1, 0, 0, 1, 5, 6) + counts))
    no_footer = made_logs.mcap()[:17]
    yield 'unclosed_records.mcap', no_footer + record(0x05, bytes(22)) * 2_000_000
    yield 'unclosed_channels.mcap', no_footer + b''.join(
        record(0x04, struct.pack('<HH', n % 65536, 0) + text * 2 + bytes(4))
        for n in range(1_000_000))


def _compressed() -> Iterator[tuple[str, bytes]]:
    import zstandard
    compressor = zstandard.ZstdCompressor()
    for extension in ('.mcap', '.db3'):
        bomb = _MAGICS[extension] + bytes(300_000_000)
        yield f'bomb{extension}.zstd', compressor.compress(bomb)
        yield f'bombs{extension}.zstd', compressor.compress(bomb) * 500
        yield f'skipped_frames{extension}.zstd', _ZSTD_SKIPPABLE * 5_000_000
        yield f'empty_frames{extension}.zstd', _ZSTD_EMPTY * 5_000_000
        yield f'window{extension}.zstd', made_logs.ZSTD_MAGIC + b'\x00\xff' + bytes(1000)
    yield 'long_log.mcap.zstd', compressor.compress(
        made_logs.mcap(made_logs.mcap_record(0x03, bytes(200_000_000))))


def _write_databases(folder: Path) -> None:
    text = made_logs.MESSAGES.replace('timestamp INTEGER', 'timestamp TEXT')
    rows = made_logs.TOPICS, made_logs.MESSAGES, made_logs.TIMESTAMP_INDEX
    made_logs.write_db3(folder / 'large_text.db3', ['9' * 70_000_000, 'x'],
                        [text, made_logs.TIMESTAMP_INDEX])
    made_logs.write_db3(folder / 'many_texts.db3', ['x'] * 1_000_000, [text])
    made_logs.write_db3(folder / 'many_rows.db3', range(1_000_000), rows)
    columns = ','.join(f'c{n} INTEGER' for n in range(1_900))
    made_logs.write_db3(folder / 'wide_schema.db3', schema=(
        *rows, *(f'CREATE TABLE t{n}({columns})' for n in range(50))))
    made_logs.write_db3(folder / 'many_tables.db3', schema=(
        *rows, *(f'CREATE TABLE t{n}(x)' for n in range(2_000))))
    _write_topics(made_logs.write_db3(folder / 'many_topics.db3', schema=rows),
                  ((f'/t{n}', 'std_msgs/msg/Empty') for n in range(500_000)))
    _write_topics(made_logs.write_db3(folder / 'long_topics.db3', schema=rows),
                  (('/' + 'x' * 1_000_000, 'y' * 1_000_000) for n in range(40)))
    path = made_logs.write_db3(folder / 'long_blob.db3', schema=rows)
    with sqlite3.connect(path) as database:
        database.execute('UPDATE messages SET data = zeroblob(100000000)')
    database.close()


def _write_topics(path: Path, topics: Iterator[tuple[str, str]]) -> None:
    with sqlite3.connect(path) as database:
        database.executemany("INSERT INTO topics(name, type, serialization_format,"
                             " offered_qos_profiles) VALUES (?, ?, 'cdr', '')", topics)
    database.close()


def _write_runs(folder: Path) -> None:
    """Write magics with much behind: zeros that take no room on the disk, and 0xff."""
    for extension, magic in _MAGICS.items():
        with open(folder / f'zeros{extension}', 'wb') as stream:
            stream.write(magic)
            stream.truncate(_RUN_BYTES)
        with open(folder / f'ones{extension}', 'wb') as stream:
            stream.write(magic)
            for _ in range(_RUN_BYTES // 2**20):
                stream.write(b'\xff' * 2**20)


def _metadata() -> Iterator[tuple[str, str]]:
    root = 'rosbag2_bagfile_information:\n'
    many = ''.join(f'    - topic_metadata: {{name: /t{n}, type: x}}\n      message_count: 1\n'
                   for n in range(20_000))
    yield 'yaml_long', f'{root}  version: 9\n  topics_with_message_count:\n{many}'
    yield 'yaml_too_long', root + '  custom_data: ' + 'x' * 40_000_000
    yield 'yaml_short_items', f'{root}  files: [{"1," * 500_000}]'
    yield 'yaml_deep_braces', f'{root}  version: {"{a: " * 50_000}'
    yield 'yaml_deep_blocks', root + ''.join(f'{" " * n}a:\n' for n in range(1, 1_200))
    yield 'yaml_aliases', root + '  a0: &a0 [x, x]\n' + ''.join(
        f'  a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n' for n in range(1, 60))
    yield 'yaml_anchors', root + ''.join(f'  k{n}: &a{n} x\n' for n in range(40_000))
    yield 'yaml_itself', root + '  a: &a [*a]\n'
    yield 'yaml_long_scalar', f'{root}  version: {"9" * 1_000_000}\n'
    yield 'yaml_sexagesimal', f'{root}  version: {"59:" * 300_000}1\n'
    yield 'yaml_float', f'{root}  message_count: {"9" * 900_000}e{"9" * 90_000}\n'
    yield 'yaml_date', root + '  starting_time: 9999-99-99T99:99:99.' + '9' * 900_000 + 'Z\n'
    yield 'yaml_tag', root + '  version: !!python/object/apply:os.abort []\n'
    yield 'yaml_merges', root + '  b: &b {x: 1}\n  c: {' + '<<: *b, ' * 40_000 + '}\n'
    yield 'yaml_comments', root + '# x\n' * 250_000
    yield 'yaml_spaces', root + ' ' * 1_000_000
    yield 'yaml_documents', root + '--- x\n' * 150_000
    yield 'yaml_escapes', root + '  version: "' + '\\x41' * 200_000 + '"\n'
    yield 'yaml_keys', root + ''.join(f'  ? [{n}]\n  : 1\n' for n in range(50_000))
    yield 'yaml_directives', '%TAG !a! x\n' * 80_000 + root
    names = json.dumps([f'x_{n}.mcap' for n in range(40_000)])
    yield 'yaml_many_files', f'{root}  version: 1\n  relative_file_paths: {names}\n'




def _write(contents: Callable[[], Iterator[tuple[str, bytes]]]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, content in contents():
            (folder / name).write_bytes(content)
    return write


def _write_directories(folder: Path) -> None:
    for name, text in _metadata():
        (folder / name).mkdir()
        (folder / name / 'metadata.yaml').write_text(text)


WRITERS: dict[str, Callable[[Path], None]] = {
    'ulg': _write(_ulogs), 'bag': _write(_bags), 'mcap': _write(_mcaps),
    'zstd': _write(_compressed), 'db3': _write_databases, 'runs': _write_runs,
    'rosbag2_dir': _write_directories}
"""Each writes some hundred MB into an empty folder, files or rosbag2 directories."""
