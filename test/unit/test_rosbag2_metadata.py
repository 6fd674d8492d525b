"""``metadata.yaml``: what is said of whole, half-written, damaged and hostile ones."""
import io
from pathlib import Path

import corpus
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.rosbag2_metadata import Rosbag2Metadata
from flightlog_bucket.logs.verdict import (
    CORRUPT,
    FULL,
    HEADER,
    STRUCTURE,
    TRUNCATED,
    VALID,
    Verdict,
)
from made_logs import START_NS
import pytest
from support.cpu import least_cpu
import yaml

BAGS = [f for f in corpus.everything()
        if f.format == 'rosbag2_dir' and (f.path / 'metadata.yaml').is_file()]
FIRST = b'rosbag2_bagfile_information:'
WHOLE = f"""\
rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration:
    nanoseconds: 2000000000
  starting_time:
    nanoseconds_since_epoch: {START_NS}
  message_count: 12
  topics_with_message_count:
    - topic_metadata:
        name: /imu
        type: sensor_msgs/msg/Imu
        serialization_format: cdr
        offered_qos_profiles:
          - history: keep_last
            depth: 10
        type_description_hash: RIHS01_00
      message_count: 11
    - topic_metadata:
        name: "/b\\u00e9ta"
        type: std_msgs/msg/String
        serialization_format: cdr
        offered_qos_profiles:
          []
        type_description_hash: RIHS01_00
      message_count: 1
  compression_format: zstd
  compression_mode: MESSAGE
  relative_file_paths:
    - a_0.mcap
  files:
    - path: a_0.mcap
      starting_time:
        nanoseconds_since_epoch: {START_NS}
      duration:
        nanoseconds: 2000000000
      message_count: 12
  custom_data:
    pilot: 'anna'
  ros_distro: jazzy""".encode()


def opened(content: bytes) -> Rosbag2Metadata:
    return Rosbag2Metadata(LogReader(Path('metadata.yaml'), io.BytesIO(content)))


def verdict_on(content: bytes) -> Verdict:
    return opened(content).check_content()


def outcome_of(content: bytes) -> str:
    return verdict_on(content).outcome


def test_tells_what_is_in_the_recording():
    metadata = opened(WHOLE)
    assert metadata.check_content() == Verdict(VALID)
    assert metadata.describe() == Description(
        'mcap', START_NS, 2_000_000_000, 12,
        (Topic('/béta', 'std_msgs/msg/String', 1), Topic('/imu', 'sensor_msgs/msg/Imu', 11)),
        'zstd')


@pytest.mark.parametrize('bag', corpus.params([b for b in BAGS if b.status == 'valid']))
def test_of_the_corpus_is_described_as_it_says(bag):
    content = (bag.path / 'metadata.yaml').read_bytes()
    said = yaml.safe_load(content)['rosbag2_bagfile_information']
    metadata = opened(content)
    assert metadata.check_content() == Verdict(VALID)
    description = metadata.describe()
    assert description.storage == said['storage_identifier']
    assert description.message_count == said['message_count']
    if said['message_count']:
        assert description.start_ns == said['starting_time']['nanoseconds_since_epoch']
        assert description.duration_ns == said['duration']['nanoseconds']
    assert ({topic.name: (topic.type, topic.message_count) for topic in description.topics}
            == {topic['topic_metadata']['name']:
                (topic['topic_metadata']['type'], topic['message_count'])
                for topic in said['topics_with_message_count']})
    assert description.compression == (said.get('compression_format') or 'none')


@pytest.mark.parametrize('bag', corpus.params([b for b in BAGS if b.status == 'valid'][::4]))
def test_cut_anywhere_is_truncated_or_valid_at_a_lucky_place(bag):
    content = (bag.path / 'metadata.yaml').read_bytes()
    begin = content.index(FIRST) + len(FIRST)
    for length in range(begin, len(content), max(len(content) // 200, 1)):
        outcome = outcome_of(content[:length])
        # A list of topics can end early without a trace, and so can the last word.
        assert outcome == TRUNCATED or (outcome == VALID and length > len(content) // 2), length


def test_of_version_9_cut_anywhere_is_truncated():
    for length in range(len(FIRST), WHOLE.index(b'ros_distro:')):
        assert outcome_of(WHOLE[:length]) == TRUNCATED, WHOLE[length - 30:length]


def test_cut_inside_a_character_is_truncated():
    content = WHOLE.replace(b'\\u00e9', 'é'.encode())
    assert outcome_of(content) == VALID
    assert outcome_of(content[:content.index(b'\xc3') + 1]) == TRUNCATED


@pytest.mark.parametrize(('there', 'instead'), [
    pytest.param(b'  version: 9\n', b'', id='no version'),
    pytest.param(b'version: 9', b'version: nine', id='version is text'),
    pytest.param(b'version: 9', b'version: 0', id='version 0'),
    pytest.param(b'storage_identifier: mcap', b'storage_identifier: ""', id='no storage'),
    pytest.param(b'  message_count: 12\n', b'', id='no count'),
    pytest.param(b'message_count: 12', b'message_count: -12', id='count below zero'),
    pytest.param(b'message_count: 11', b'message_count: ""', id='no count of a topic'),
    pytest.param(b'nanoseconds: 2000000000', b'seconds: 2', id='duration in seconds'),
    pytest.param(b'duration:\n    nanoseconds: 2000000000', b'duration: 2', id='duration alone'),
    pytest.param(b'topic_metadata', b'topic_and_type', id='topics of a version before 1'),
    pytest.param(b'    - a_0.mcap', b'    - ../a_0.mcap', id='outside of the directory'),
    pytest.param(b'    - a_0.mcap', b'    - /etc/hostname', id='absolute path'),
    pytest.param(b'    - a_0.mcap', b'    - ..', id='directory above'),
    pytest.param(b'    - a_0.mcap', b'    - "a\\0"', id='NUL in a name'),
    pytest.param(b'    - a_0.mcap', b'    - [a_0.mcap]', id='list for a name'),
    pytest.param(b'mcap', b'\xff\xfe', id='not UTF-8'),
    pytest.param(b'mcap', b'\x00', id='NUL'),
    pytest.param(b'mcap', b'!!python/object/apply:os.getpid []', id='tag'),
    pytest.param(b'mcap', b'&a mcap', id='anchor'),
    pytest.param(b'mcap', b'*a', id='alias'),
    pytest.param(b'mcap', b'[' * 100_000, id='deep'),
    pytest.param(b'mcap', b'[x, y]', id='list for a storage'),
    pytest.param(b'mcap', b'x' * 2_000_000, id='large'),
    pytest.param(b'version: 9', b'version: ' + b'9' * 500_000, id='long number'),
    pytest.param(b'version: 9', b'version: 1' + b':59' * 200_000, id='long time of day'),
    pytest.param(b'mcap', b'{a: b', id='open in the middle'),
])
def test_what_rosbag2_does_not_write_is_corrupt_at_little_cost(there, instead):
    verdict, cpu_s = least_cpu(lambda: verdict_on(WHOLE.replace(there, instead, 1)), 1)
    assert verdict.outcome == CORRUPT
    assert verdict.reason
    assert cpu_s < 1


def test_two_documents_are_corrupt():
    assert outcome_of(WHOLE + b'\n---\n' + WHOLE) == CORRUPT


@pytest.mark.parametrize(('path', 'outcome'), [
    ('rosbag2_x/a_0.mcap', VALID), ('../a_0.mcap', CORRUPT), ('a/b/c.mcap', CORRUPT),
    ('/a_0.mcap', CORRUPT)])
def test_until_version_3_the_directory_is_before_the_name(path, outcome):
    content = WHOLE.replace(b'    - a_0.mcap', f'    - {path}'.encode(), 1)
    old = content.replace(b'version: 9', b'version: 3', 1)
    assert outcome_of(old) == outcome
    assert outcome_of(content) == CORRUPT


def test_a_recording_without_messages_has_no_start():
    empty = (WHOLE.replace(b'message_count: 12', b'message_count: 0')
             .replace(str(START_NS).encode(), str(2**63 - 1).encode()))
    description = opened(empty).describe()
    assert (description.message_count, description.start_ns, description.duration_ns) == (
        0, None, None)


@pytest.mark.parametrize('topics, files', [(1300, 1), (200, 4000)])
def test_of_a_large_recording_all_is_read(topics, files):
    profile = b''.join(b'            %s:\n              sec: 1\n              nsec: 2\n' % name
                       for name in (b'deadline', b'lifespan', b'liveliness_lease_duration'))
    key = b'topics_with_message_count:\n'
    content = WHOLE.replace(key, key + b''.join(
        b'    - topic_metadata:\n        name: /t%d\n        type: a/msg/B\n'
        b'        serialization_format: cdr\n        offered_qos_profiles:\n'
        b'          - history: keep_last\n            depth: 10\n            reliability: x\n%s'
        b'        type_description_hash: RIHS01_00\n      message_count: 0\n' % (n, profile)
        for n in range(topics)))
    content = content.replace(b'    - a_0.mcap\n', b''.join(
        b'    - a_%d.mcap\n' % n for n in range(files)))
    content = content.replace(b'  custom_data:', b''.join(
        b'    - path: a_%d.mcap\n      starting_time:\n        nanoseconds_since_epoch: 1\n'
        b'      duration:\n        nanoseconds: 2\n      message_count: 3\n' % n
        for n in range(1, files)) + b'  custom_data:')
    metadata = opened(content)
    assert metadata.check_content() == Verdict(VALID)
    assert len(metadata.describe().topics) == topics + 2
    assert len(metadata.information.files) == files


@pytest.mark.parametrize('more', [
    pytest.param(b'    - x\n' * 160_000, id='values'),
    pytest.param(b'    # ' + b'x' * 4_200_000 + b'\n', id='bytes')])
def test_of_more_than_anybody_writes_not_all_is_looked_at(more, tmp_path):
    path = tmp_path / 'metadata.yaml'
    path.write_bytes(WHOLE.replace(b'    - a_0.mcap\n', b'    - a_0.mcap\n' + more))

    def look() -> None:
        with open(path, 'rb') as stream:
            metadata = Rosbag2Metadata(LogReader(path, stream))
            for level in (STRUCTURE, FULL):
                verdict = metadata.check(level)
                assert verdict.outcome == VALID
                assert verdict.reason.startswith('not all of it was looked at')
            assert metadata.describe() == Description('rosbag2')
    assert least_cpu(look, 1.5)[1] < 1.5


@pytest.mark.parametrize('end', [
    b'\n  - [1', b'\n  - 1\n', b' [', b' [a, {b', b'\n  version: {',
    b'\n  version: [9', b'\n  topics_with_message_count: {a'])
def test_what_is_no_beginning_of_metadata_is_corrupt(end):
    assert outcome_of(FIRST + end) == CORRUPT


def test_a_thousand_topics_are_read():
    topics = b''.join(
        b'    - topic_metadata:\n        name: /t%d\n        type: a/msg/B\n'
        b'        serialization_format: cdr\n        offered_qos_profiles: "%s"\n'
        b'        type_description_hash: RIHS01_00\n      message_count: 1\n' % (n, b'x' * 400)
        for n in range(1000))
    key = b'topics_with_message_count:\n'
    description = opened(WHOLE.replace(key, key + topics)).describe()
    assert len(description.topics) == 1002


def test_says_that_files_are_missing(tmp_path):
    path = tmp_path / 'metadata.yaml'
    path.write_bytes(WHOLE.replace(b'    - a_0.mcap', b'    - a_0.mcap\n    - a_1.mcap', 1))
    with open(path, 'rb') as stream:
        metadata = Rosbag2Metadata(LogReader(path, stream))
        for level in (STRUCTURE, FULL):
            assert metadata.check(level) == Verdict(
                TRUNCATED, 'a_0.mcap and 1 more are missing')
        (tmp_path / 'a_0.mcap').touch()
        assert metadata.check(STRUCTURE) == Verdict(TRUNCATED, 'a_1.mcap is missing')
        assert metadata.check(HEADER) == Verdict(VALID)
        (tmp_path / 'a_1.mcap').symlink_to('nowhere')
        assert metadata.check(STRUCTURE) == Verdict(VALID)
