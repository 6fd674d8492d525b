"""What is said with a verdict: one line that can be shown, and nothing that is no longer so."""
import io
from pathlib import Path
import sqlite3

from flightlog_bucket.logs import inspect
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag2_bag import Rosbag2Bag
from flightlog_bucket.logs.verdict import Verdict
import made_logs
from support.logs import METADATA
import zstandard


class Raising(FlightLog):
    """A log whose parser raises what comes out of the log."""

    storage = 'raising'

    def check_structure(self) -> Verdict:
        raise LookupError('no type \x1b[2J\n\udcff')

    def _describe(self) -> Description:
        raise LookupError


def test_what_a_parser_raises_is_shown_in_one_line() -> None:
    log = Raising(LogReader(Path('x'), io.BytesIO(b'x')))
    assert log.check('structure') == Verdict('corrupt', r'no type \x1b[2J\n\udcff')
    assert log.describe() == Description('raising')


def test_what_a_library_says_is_shown_in_one_line(tmp_path: Path) -> None:
    path = made_logs.write_db3(tmp_path / 'x.db3')
    with sqlite3.connect(path) as database:
        database.execute('PRAGMA writable_schema = ON')
        database.execute("UPDATE sqlite_master SET sql = sql || ' \x01' WHERE name = 'topics'")
    database.close()
    with open(path, 'rb') as stream:
        verdict = inspect(path.name, path, stream, level='full').verdict
    assert verdict.outcome == 'corrupt'
    assert verdict.reason.isprintable()


def test_a_file_name_of_a_recording_is_shown_in_one_line(tmp_path: Path) -> None:
    (tmp_path / 'metadata.yaml').write_text(METADATA.replace(
        'relative_file_paths: []', 'relative_file_paths: ["a\\eb_0.mcap"]'))
    assert Rosbag2Bag(tmp_path).check('structure') == Verdict(
        'truncated', r'a\x1bb_0.mcap is missing')


def test_what_was_not_looked_at_at_first_is_no_reason_after_all_was_read(tmp_path: Path) -> None:
    path = tmp_path / 'x.db3.zstd'
    database = made_logs.write_db3(tmp_path / 'x.db3', range(1_000_000))
    path.write_bytes(zstandard.compress(database.read_bytes()))
    with open(path, 'rb') as stream:
        assert 'not all of it' in inspect(path.name, path, stream).verdict.reason
        facts = inspect(path.name, path, stream, level='full')
    assert facts.verdict == Verdict('valid')
    assert facts.description.message_count == 1_000_000
