"""Real logs: accepted, with the start that the library of the format says."""
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Optional

import corpus
from flightlog_bucket.errors import FormatMismatch
from flightlog_bucket.logs import inspect, LogFacts
import pytest

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FIRST_NS = int(datetime(2000, 1, 1, tzinfo=timezone.utc).timestamp()) * 10**9
LAST_NS = int(datetime(2100, 1, 1, tzinfo=timezone.utc).timestamp()) * 10**9
FORMATS = {'.ulg': 'ulog', '.ulge': 'ulog.encrypted', '.bag': 'rosbag1', '.mcap': 'mcap',
           '.db3': 'sqlite3', '.mcap.zstd': 'mcap.zstd', '.db3.zstd': 'sqlite3.zstd'}


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
    assert {f.path.suffix for f in with_start} == {'.ulg', '.bag', '.mcap', '.db3', '.zstd'}
    assert len(with_start) >= 50


def test_content_under_another_name_is_refused_with_advice(corpus_files):
    for file in corpus_files:
        for extension in FORMATS:
            if file.format != 'lfs_pointer' and not file.path.name.endswith(
                    (extension, '.zstd') if extension.endswith('.zstd') else extension):
                with pytest.raises(FormatMismatch, match='or give a custom_filename'):
                    inspected(file.path, f'x{extension}')
