"""What an object says of its log: within S3's 2 KB, and ASCII."""
from datetime import datetime, timezone
import json

from flightlog_bucket.logs import LogFacts
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.verdict import TRUNCATED, VALID, Verdict
from flightlog_bucket.results import LogContent, NOTHING_KNOWN
from flightlog_bucket.storage.log_metadata import (
    content_in,
    content_of,
    MAX_BYTES,
    metadata,
    without_content,
)
import pytest

START_NS = 1_753_626_622_123_456_789
PART_SIZE = len('part-size' + '1234567890123')


def content(topics=(), reason='', **description) -> LogContent:
    verdict = Verdict(TRUNCATED, reason) if reason else Verdict(VALID)
    return content_of(LogFacts('mcap', '.mcap', 'application/x-mcap', verdict, Description(
        'mcap', start_ns=START_NS, topics=tuple(topics), **description)))


def many_topics(count: int) -> list[Topic]:
    return [Topic(f'/sensors/imu_{n}/data', 'sensor_msgs/msg/Imu', n) for n in range(count)]


def size(found: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in found.items())


@pytest.mark.parametrize('count', [0, 1, 5, 17, 18, 19, 20, 30, 100, 5000])
@pytest.mark.parametrize(('name', 'machine'), [('x.mcap', 'd'), ('ü' * 80 + '.mcap', 'm' * 128)])
def test_it_fits(count, name, machine):
    found = metadata(name, machine, content(many_topics(count), reason='\U0001f600' * 1000))
    assert size(found) <= MAX_BYTES
    # As MinIO counts, in parts.
    assert size(found) + PART_SIZE + (len(found) + 1) * len('X-Amz-Meta-') <= 2048
    assert all(value.isascii() and value.isprintable() for value in found.values())
    told = json.loads(found['log-description'])
    assert len(told.get('topics', ())) + told.get('topics_left_out', 0) == count
    assert told['start'] == '2025-07-27T14:30:22.123456Z'


def test_as_many_topics_as_there_is_room_for():
    found = metadata('x.mcap', 'drone-001', content(many_topics(100)))
    # One more would not fit.
    assert MAX_BYTES - size(found) < 2 * len(json.dumps(
        {'name': '/sensors/imu_99/data', 'type': 'sensor_msgs/msg/Imu', 'message_count': 99}))


def test_without_room_it_says_less_and_is_stored():
    found = metadata('ü' * 170 + '.mcap', 'm' * 128, content(
        many_topics(3), hardware='h' * 900, vehicle_uuid='v' * 900))
    assert 'log-description' not in found
    assert found['log-verdict'] == 'valid'


@pytest.mark.parametrize('hostile', ['\r\nx-evil: 1', 'a  b   c', ' ', '\x00\x7f\x1b[2J', '\ud800',
                                     '"\\', '飛行'])
def test_what_a_log_says_of_itself_comes_back_as_it_was(hostile):
    given = content([Topic(hostile, 'x')], reason=f'it ends in {hostile}', hardware=hostile)
    found = metadata('x.mcap', 'd', given)
    assert all(value.isascii() and value.isprintable() and '  ' not in value
               for value in found.values())
    back = content_in(found)
    assert json.loads(back.description) == json.loads(given.description)
    assert (back.format, back.verdict) == ('mcap', 'truncated')


def test_objects_of_others():
    assert content_in({}) == NOTHING_KNOWN
    assert content_in({'log-description': 'no json'}) == NOTHING_KNOWN
    assert content_in({'log-description': '[1]'}) == NOTHING_KNOWN
    assert content_in({'log-description': '[' * 100_000}) == NOTHING_KNOWN


def test_the_short_form():
    found = content(duration_ns=2_500_000_000, message_count=7)
    start = datetime(2025, 7, 27, 14, 30, 22, 123456, timezone.utc)
    assert (found.start, found.duration_s, found.message_count) == (start, 2.5, 7)
    back = content_in(metadata('x.mcap', 'd', found))
    assert (back.start, back.duration_s, back.message_count) == (start, 2.5, 7)


@pytest.mark.parametrize('description', [
    '[]', 'no json', '{"start": 5}', '{"start": "yesterday"}', '{"duration_s": "long"}',
    '{"message_count": {}}', '{"duration_s": Infinity, "message_count": Infinity}',
    '{"duration_s": NaN}', '{"duration_s": 1e999}', '{"message_count": -1}',
    '{"message_count": 99999999999999999999999}', '{"message_count": true}'])
def test_a_description_of_somebody_else_is_not_believed(description):
    found = content_in({'log-description': description})
    assert (found.start, found.duration_s, found.message_count) == (None, 0.0, 0)


def test_a_date_without_a_zone_is_utc():
    found = content_in({'log-description': '{"start": "0001-01-01"}'})
    assert found.start == datetime(1, 1, 1, tzinfo=timezone.utc)


def test_a_server_that_takes_few():
    found = metadata('x.mcap', 'd', content(many_topics(3), reason='cut'))
    assert without_content(found) == {'original-filename': 'x.mcap', 'machine-id': 'd'}
