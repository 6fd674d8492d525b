"""Real, damaged and hostile logs: the right start, the right answer, and within bounds."""
from datetime import datetime, timedelta, timezone
import json
from pathlib import Path
import random
import subprocess
import sys
import time
from typing import Optional

import corpus
from flightlog_bucket.errors import FlightlogError, InvalidExtension, ValidationFailed
from flightlog_bucket.logs import inspect, LogFacts
from flightlog_bucket.logs.reader import MAX_RECORDS
import made_logs
import pytest

# The bound on looking for the start is 1 s; opening and closing come on top. CPU time, because
# a busy computer stretches the other one.
MAX_CPU_S = 1.1
MAX_MEMORY_KIB = 64 * 1024
FUZZ_SEED = 20250727
MUTANTS = 400

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST_NS = int(datetime(2000, 1, 1, tzinfo=timezone.utc).timestamp()) * 10**9
LAST_NS = int(datetime(2100, 1, 1, tzinfo=timezone.utc).timestamp()) * 10**9
FORMATS = {'.ulg': 'ulog', '.bag': 'rosbag1', '.mcap': 'mcap', '.db3': 'sqlite3',
           '.mcap.zstd': 'mcap.zstd', '.db3.zstd': 'sqlite3.zstd'}


def inspected(path: Path, name: str = '') -> LogFacts:
    with open(path, 'rb') as stream:
        return inspect(name or path.name, path, stream)


def oracle_start_ns(path: Path) -> Optional[int]:
    """Return the start that the format's own library reads; None: it reads none."""
    if path.suffix == '.mcap':
        make_reader = pytest.importorskip('mcap.reader').make_reader
        with open(path, 'rb') as stream:
            summary = make_reader(stream).get_summary()
        statistics = summary.statistics if summary else None
        if statistics is None or not statistics.message_count:
            return None
        return int(statistics.message_start_time)
    if path.suffix == '.bag':
        reader = pytest.importorskip('rosbags.rosbag1').Reader(path)
    else:
        reader = pytest.importorskip('rosbags.rosbag2.storage_sqlite3').Sqlite3Reader(path)
    try:
        reader.open()
    except pytest.importorskip('rosbags.rosbag2').ReaderError as error:
        pytest.skip(f'rosbags cannot open it: {error}')
    try:
        times = reader if path.suffix == '.bag' else reader.metadata
        return int(times.start_time) if times.message_count else None
    finally:
        reader.close()


@pytest.mark.parametrize('log', corpus.params(corpus.valid_logs()))
def test_a_valid_log_is_accepted(log):
    extension = ''.join(log.path.suffixes[-2 if log.path.suffix == '.zstd' else -1:])
    facts = inspected(log.path)
    assert (facts.extension, facts.format) == (extension, FORMATS[extension])


@pytest.mark.parametrize('log', corpus.params(
    [log for log in corpus.valid_logs() if log.path.suffix in ('.bag', '.mcap', '.db3')]))
def test_the_start_is_what_the_library_of_the_format_says(log):
    start, expected_ns = inspected(log.path).start, oracle_start_ns(log.path)
    if expected_ns is None or not FIRST_NS <= expected_ns < LAST_NS:
        assert start is None
    else:
        expected = EPOCH + timedelta(microseconds=expected_ns // 1000)
        assert start is not None
        assert abs(start - expected) <= timedelta(microseconds=1)


def test_enough_of_the_corpus_has_a_start(corpus_files):
    with_start = [f for f in corpus_files
                  if f.status == 'valid' and inspected(f.path).start is not None]
    assert {f.path.suffix for f in with_start} == {'.bag', '.mcap', '.db3'}
    assert len(with_start) >= 40


def test_a_damaged_log_is_accepted_and_a_pointer_is_not(corpus_files):
    for file in corpus_files:
        if file.format == 'lfs_pointer':
            with pytest.raises(ValidationFailed, match='Git LFS pointer'):
                inspected(file.path)
        elif file.format == 'ulge':
            with pytest.raises(InvalidExtension):
                inspected(file.path)
            with pytest.raises(ValidationFailed, match='encrypted ULog'):
                inspected(file.path, 'x.ulg')
        else:
            assert inspected(file.path).format


def test_content_under_another_name_is_refused(corpus_files):
    for file in corpus_files:
        for extension in FORMATS:
            if file.status == 'valid' and not file.path.name.endswith(
                    (extension, '.zstd') if extension.endswith('.zstd') else extension):
                with pytest.raises(ValidationFailed, match='or give a custom_filename'):
                    inspected(file.path, f'x{extension}')


def make_hostile_logs(folder: Path) -> list[Path]:
    """Write logs that are large where a reader could be tempted to read everything."""
    contents = {
        'many_chunks.bag': made_logs.bag([made_logs.START_NS] * (MAX_RECORDS - 1)),
        'large_connection.bag': made_logs.bag(index=made_logs.bag_record(
            op=b'\x07', topic=b'/t' * 35_000_000)),
        'many_fields.bag': made_logs.bag(index=made_logs.bag_record(
            op=b'\x07', **{f'f{n}': b'' for n in range(5_000)}) * 1_500, chunk_count=1_499),
        'large_schema.mcap': made_logs.mcap(
            made_logs.mcap_record(0x03, bytes(70_000_000))
            + made_logs.statistics(made_logs.START_NS)),
        'many_records.mcap': made_logs.mcap(made_logs.mcap_record(0x08, b'') * 5_000_000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    text = made_logs.MESSAGES.replace('timestamp INTEGER', 'timestamp TEXT')
    made_logs.write_db3(folder / 'large_text.db3', ['9' * 70_000_000, 'x'],
                        [text, made_logs.TIMESTAMP_INDEX])
    made_logs.write_db3(folder / 'many_texts.db3', ['x'] * 1_000_000, [text])
    return sorted(folder.iterdir())


CHILD = """
import json, pathlib, re, sys, time
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.logs import inspect
# The peak of this program alone; that of resource.getrusage() begins with the parent's.
def peak_kib():
    return int(re.search('VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])
answers = {}
for name in json.load(sys.stdin):
    path = pathlib.Path(name)
    before = peak_kib()
    begin = time.process_time()
    try:
        with open(path, 'rb') as stream:
            said = inspect(path.name, path, stream).format
    except FlightlogError as error:
        said = str(error)
    grown = peak_kib() - before
    answers[name] = [said, time.process_time() - begin, grown]
print(json.dumps(answers))
"""


def assert_within_bounds(paths: list[Path]) -> None:
    """Inspect the logs in a process of their own, and look at its time and memory."""
    child = subprocess.run([sys.executable, '-c', CHILD], text=True, capture_output=True,
                           input=json.dumps([str(path) for path in paths]), timeout=100,
                           cwd=Path(__file__).parents[2], check=False)
    assert child.returncode == 0, child.stderr
    answers = json.loads(child.stdout)
    assert len(answers) == len(paths)
    for name, (said, took_s, grown_kib) in answers.items():
        assert took_s < MAX_CPU_S, (name, said)
        assert grown_kib < MAX_MEMORY_KIB, (name, said)


def test_hostile_logs_of_the_corpus_take_little_time_and_memory(corpus_files):
    assert_within_bounds([f.path for f in corpus_files if f.status != 'valid'])


def test_logs_that_claim_much_take_little_time_and_memory(tmp_path):
    assert_within_bounds(make_hostile_logs(tmp_path))


def make_samples(folder: Path) -> list[Path]:
    (folder / 'x.ulg').write_bytes(made_logs.ULOG + bytes(100))
    (folder / 'x.bag').write_bytes(made_logs.bag([made_logs.START_NS] * 5))
    (folder / 'x.mcap').write_bytes(made_logs.mcap(
        made_logs.mcap_record(0x03, b'x') + made_logs.statistics(made_logs.START_NS)))
    made_logs.write_db3(folder / 'x.db3')
    (folder / 'x.db3.zstd').write_bytes(made_logs.ZSTD_MAGIC + bytes(100))
    return sorted(folder.iterdir())


def mutant(content: bytes, dice: random.Random) -> bytes:
    """Return the log with a few bytes changed, moved or missing, mostly near its ends."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        near_end = dice.randrange(min(len(changed), 512) or 1)
        anywhere = dice.randrange(len(changed) or 1)
        at = dice.choice((near_end, len(changed) - 1 - near_end, anywhere))
        value = dice.choice((b'\x00', b'\xff', b'\xff' * 4, b'\xff' * 8, b'\x80', bytes(8),
                             dice.randbytes(1), dice.randbytes(4)))
        changed[max(at, 0):max(at, 0) + len(value)] = value
    if dice.random() < 0.2:
        del changed[dice.randrange(len(changed)):]
    return bytes(changed)


def outcome(path: Path) -> str:
    try:
        return 'without a start' if inspected(path).start is None else 'with a start'
    except FlightlogError as error:
        return 'refused' if str(error).isprintable() else 'not one line'


def test_a_mutated_log_is_accepted_or_refused_in_time(tmp_path):
    dice = random.Random(FUZZ_SEED)
    samples = make_samples(tmp_path)
    answers = set()
    for sample in samples:
        content = sample.read_bytes()
        path = tmp_path / f'mutant_{sample.name}'
        for number in range(MUTANTS):
            path.write_bytes(mutant(content, dice))
            begin = time.process_time()
            answers.add((sample.name, outcome(path)))
            assert time.process_time() - begin < MAX_CPU_S, number
    for name in ('x.bag', 'x.mcap', 'x.db3'):
        for met in ('with a start', 'without a start', 'refused'):
            assert (name, met) in answers
    assert 'not one line' not in {met for _, met in answers}
