"""All of a ULog, read by pyulog."""
import errno
from pathlib import Path
import struct
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
    # pyulog goes back by all of the text, to before the beginning of the file.
    text = parts.file_header(1) + parts.logged_text(1, 'x' * 500)
    assert read(tmp_path, text[:-100], 'truncated') == ('truncated', 0)


def test_a_disk_that_does_not_give_it_is_no_verdict(tmp_path, monkeypatch):
    def fail(stream: object) -> None:
        raise OSError(errno.EIO, 'disk')

    monkeypatch.setattr(library, 'ULog', fail)
    with pytest.raises(OSError, match='disk'):
        read(tmp_path, CONTENT, 'valid')


@pytest.mark.parametrize('structure', ['valid', 'truncated'])
def test_damage_before_the_end_is_corrupt(tmp_path, structure):
    middle = len(made_ulog.head() + made_ulog.topics())
    content = CONTENT[:middle] + parts.data(99, bytes(20)) + CONTENT[middle:]
    assert read(tmp_path, content, structure)[0] == 'corrupt'
    content = CONTENT[:middle] + bytes(500) + CONTENT[middle:]
    assert read(tmp_path, content, structure)[0] == 'corrupt'


TIMELESS = parts.topic_format('timeless', 'float x;') + parts.subscription(9, 'timeless')
LATE = parts.topic_format('late', 'uint64_t timestamp;') + parts.subscription(9, 'late')
PADDED = parts.data(0, struct.pack('<Q', made_ulog.START_US) + bytes(20))
TWICE = parts.topic_format('twice', 'uint64_t timestamp;uint8_t timestamp;')


@pytest.mark.parametrize(('content', 'count', 'complains'), [
    pytest.param(CONTENT + PADDED * 3, 105, True, id='padding at the end of messages'),
    pytest.param(made_ulog.head() + parts.topic_format('padded', 'float x;uint8_t[4] _padding0;')
                 + parts.subscription(0, 'padded') + parts.data(0, bytes(8)) * 3, 3, None,
                 id='nothing but padding at the end of messages'),
    pytest.param(CONTENT + LATE + parts.data(9, bytes(8)) * 3, 105, True,
                 id='a format after data'),
    pytest.param(CONTENT + TIMELESS + parts.data(9, bytes(4)) * 3, 105, None,
                 id='a topic without timestamp'),
    pytest.param(CONTENT + parts.subscription(0, 'vehicle_attitude')
                 + made_ulog.attitudes(3), 105, False, id='a topic announced again'),
    pytest.param(made_ulog.head() + TWICE + parts.subscription(0, 'twice')
                 + parts.data(0, bytes(9)), 1, None, id='a format that numpy does not take'),
])
@pytest.mark.parametrize('cut', [0, 1])
def test_what_fits_its_definitions_is_no_damage_whatever_pyulog_says(
        tmp_path, content, count, complains, cut):
    path = tmp_path / 'x.ulg'
    path.write_bytes(content[:len(content) - cut])
    with open(path, 'rb') as stream:
        log = Ulog(LogReader(path, stream))
        structure, described = log.check('structure'), log.describe()
        found = log.check('full')
        assert found.outcome == structure.outcome == ('truncated' if cut else 'valid')
        assert log.describe() == described
    assert described.message_count == count - cut
    if complains is not None:
        assert ('pyulog' in found.reason) == complains


def large(middle: bytes, samples: int = 400_000) -> bytes:
    """Return a log of which the structure looks at both ends only."""
    return CONTENT + made_ulog.attitudes(1000) * (samples // 1000) + middle + (
        made_ulog.attitudes(1000) * (samples // 1000))


@pytest.mark.parametrize(('middle', 'outcome', 'reason'), [
    (b'', 'valid', ''),
    (bytes(500), 'corrupt', 'there are zero bytes in the place of a message (at byte {})'),
    (parts.data(0, bytes(7)), 'corrupt',
     "a message of 'vehicle_attitude' has 7 bytes instead of 25 (at byte {})"),
])
def test_damage_that_only_reading_all_of_it_shows_is_named(tmp_path, middle, outcome, reason):
    content, path = large(middle), tmp_path / 'x.ulg'
    path.write_bytes(content)
    with open(path, 'rb') as stream:
        log = Ulog(LogReader(path, stream))
        assert log.check('structure') == Verdict('valid')
        assert log.describe().message_count is None
        place = len(content) - len(made_ulog.attitude(0)) * 400_000 - len(middle)
        assert log.check('full') == Verdict(outcome, reason.format(place))
        assert log.describe().message_count == (800_102 if outcome == 'valid' else None)


def test_what_is_too_much_to_walk_through_is_left_to_pyulog(tmp_path):
    topics = b''.join(parts.message(b'A', struct.pack('<BH', n % 256, n) + b't')
                      for n in range(2000))
    content = (parts.file_header(1) + parts.topic_format('t', 'uint64_t timestamp;') + topics
               + parts.data(5, bytes(8)))
    assert read(tmp_path, content, 'valid') == ('valid', 1)
    assert read(tmp_path, content + parts.data(5, bytes(7)), 'valid') == ('corrupt', None)


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
