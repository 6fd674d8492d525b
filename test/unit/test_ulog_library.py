"""All of a ULog, read by pyulog."""
from pathlib import Path
from typing import Optional

from flightlog_bucket.demo import ulog as parts
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library import ulog as library
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.ulog import Ulog
from flightlog_bucket.logs.verdict import Verdict
import made_ulog
import pytest

CONTENT = made_ulog.log()


def read(tmp_path: Path, content: bytes, structure: str) -> tuple[str, Optional[int]]:
    path = tmp_path / 'x.ulg'
    path.write_bytes(content)
    reading = library.read(str(path), structure)
    return reading.outcome, reading.message_count


def test_counts_what_is_there(tmp_path):
    (tmp_path / 'x.ulg').write_bytes(CONTENT)
    reading = library.read(str(tmp_path / 'x.ulg'), 'valid')
    assert reading.outcome == 'valid'
    assert reading.topics == (Topic('vehicle_attitude', 'vehicle_attitude', 100),
                              Topic('vehicle_gps_position', 'vehicle_gps_position', 2))
    assert (reading.dropouts, reading.dropout_ms) == (2, 35)


def test_what_the_file_cuts_is_no_damage(tmp_path):
    for cut in (len(CONTENT) - 1, len(CONTENT) - 100):
        assert read(tmp_path, CONTENT[:cut], 'truncated')[0] == 'truncated'
    for cut in (8, 15, 17, 18, 20, 58, 100, len(made_ulog.head() + made_ulog.topics()) - 3):
        assert read(tmp_path, CONTENT[:cut], 'truncated') in (
            ('truncated', None), ('truncated', 0))


@pytest.mark.parametrize('structure', ['valid', 'truncated'])
def test_damage_before_the_end_is_corrupt(tmp_path, structure):
    middle = len(made_ulog.head() + made_ulog.topics())
    content = CONTENT[:middle] + parts.data(99, bytes(20)) + CONTENT[middle:]
    assert read(tmp_path, content, structure)[0] == 'corrupt'
    content = CONTENT[:middle] + bytes(500) + CONTENT[middle:]
    assert read(tmp_path, content, structure)[0] == 'corrupt'


def test_in_its_own_process_finds_the_same(tmp_path):
    path = tmp_path / 'x.ulg'
    for content, verdict in (
            (CONTENT, Verdict('valid')),
            (CONTENT[:-1], Verdict('truncated', 'the file ends inside the message at byte'
                                   f' {len(CONTENT) - len(made_ulog.attitude(0))}'))):
        path.write_bytes(content)
        with open(path, 'rb') as stream:
            log = Ulog(LogReader(path, stream))
            structure = log.describe()
            assert log.check('full') == verdict
            assert log.describe() == structure
