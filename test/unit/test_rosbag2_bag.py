"""A rosbag2 directory as a whole."""
import os
from pathlib import Path
import shutil

import corpus
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.rosbag2_bag import Rosbag2Bag
from flightlog_bucket.logs.verdict import CORRUPT, HEADER, STRUCTURE, TRUNCATED, VALID, Verdict
import made_logs
from made_logs import START_NS
import pytest
from rosbags.rosbag2 import Reader

BAGS = [f for f in corpus.everything() if f.format == 'rosbag2_dir']
METADATA = """\
rosbag2_bagfile_information:
  version: 4
  storage_identifier: sqlite3
  relative_file_paths: [{files}]
  duration: {{nanoseconds: 1}}
  starting_time: {{nanoseconds_since_epoch: {start_ns}}}
  message_count: {messages}
  topics_with_message_count:
    - topic_metadata:
        name: /t
        type: std_msgs/msg/Empty
        serialization_format: cdr
        offered_qos_profiles: ''
      message_count: {messages}
  compression_format: ''
  compression_mode: ''
"""


@pytest.fixture
def bag(tmp_path) -> Path:
    """A recording of two files with two messages each."""
    path = tmp_path / 'flight'
    path.mkdir()
    for number in range(2):
        made_logs.write_db3(path / f'flight_{number}.db3', [START_NS + 2 * number + n
                                                            for n in range(2)])
    write_metadata(path)
    return path


def write_metadata(bag: Path, files: str = 'flight_0.db3, flight_1.db3',
                   messages: int = 4) -> None:
    (bag / 'metadata.yaml').write_text(
        METADATA.format(files=files, start_ns=START_NS, messages=messages))


def verdict_on(bag: Path, level: str = STRUCTURE) -> Verdict:
    return Rosbag2Bag(bag).check(level)


class TestCorpus:

    @pytest.mark.parametrize('bag', corpus.params(BAGS))
    def test_gets_the_verdict_of_the_manifest(self, bag):
        verdict = verdict_on(bag.path)
        if bag.status == 'hostile':
            assert verdict.outcome != VALID
        elif bag.status == 'edge':
            assert verdict.is_usable
        else:
            assert verdict.outcome == bag.status
        assert bool(verdict.reason) == (verdict.outcome != VALID)

    @pytest.mark.parametrize('bag', corpus.params([b for b in BAGS if b.status == 'valid']))
    def test_is_described_as_rosbags_does(self, bag):
        with Reader(bag.path) as reader:
            description = Rosbag2Bag(bag.path).describe()
            assert description.message_count == reader.message_count
            if reader.message_count:
                assert description.start_ns == reader.start_time
                # rosbags gives the nanosecond after the last message.
                assert description.duration_ns in (reader.duration, reader.duration - 1)
            assert ({topic.name: topic.message_count for topic in description.topics}
                    == {name: info.msgcount for name, info in reader.topics.items()})
            types = {topic.name: topic.type for topic in description.topics}
            for name, info in reader.topics.items():
                # rosbags puts the /msg/ in that old recorders left out.
                assert types[name].split('/')[-1] == (info.msgtype or '').split('/')[-1]


@pytest.mark.parametrize('level', [HEADER, STRUCTURE])
def test_a_whole_recording_is_valid(bag, level):
    assert verdict_on(bag, level) == Verdict(VALID)
    description = Rosbag2Bag(bag).describe()
    assert (description.storage, description.start_ns, description.message_count) == (
        'sqlite3', START_NS, 4)


def test_without_metadata_its_recorder_was_killed(bag):
    (bag / 'metadata.yaml').unlink()
    assert verdict_on(bag) == Verdict(
        TRUNCATED, 'there is no metadata.yaml: its recorder was killed')
    assert Rosbag2Bag(bag).describe() == Description('rosbag2')


def test_with_empty_metadata_its_recorder_was_killed(bag):
    (bag / 'metadata.yaml').write_bytes(b'')
    assert verdict_on(bag) == Verdict(TRUNCATED, 'metadata.yaml is empty')


def test_with_other_metadata_it_is_corrupt(bag):
    (bag / 'metadata.yaml').write_text('x: 1\n')
    assert verdict_on(bag).outcome == CORRUPT


def test_with_half_of_its_metadata_it_is_truncated(bag):
    content = (bag / 'metadata.yaml').read_bytes()
    (bag / 'metadata.yaml').write_bytes(content[:len(content) // 2])
    verdict = verdict_on(bag)
    assert verdict.outcome == TRUNCATED
    assert verdict.reason.startswith('metadata.yaml: it ')


def test_without_one_of_its_files_it_is_truncated(bag):
    (bag / 'flight_1.db3').unlink()
    assert verdict_on(bag) == Verdict(TRUNCATED, 'flight_1.db3 is missing')


def test_the_worst_of_its_files_counts(bag):
    with open(bag / 'flight_0.db3', 'r+b') as file:
        file.truncate(9000)
    truncated = verdict_on(bag)
    assert truncated.outcome == TRUNCATED
    assert truncated.reason.startswith('flight_0.db3: ')
    (bag / 'flight_1.db3').write_bytes(b'SQLite format 3\0' + bytes(9000))
    corrupt = verdict_on(bag)
    assert corrupt.outcome == CORRUPT
    assert corrupt.reason.startswith('flight_1.db3: ')


def test_messages_that_wait_beside_a_file_make_it_truncated(bag):
    (bag / 'flight_1.db3-wal').write_bytes(b'x')
    verdict = verdict_on(bag)
    assert verdict.outcome == TRUNCATED
    assert verdict.reason.startswith('flight_1.db3: ')


@pytest.mark.parametrize('messages', [3, 5])
def test_other_counts_than_those_of_its_files_make_it_truncated(bag, messages):
    write_metadata(bag, messages=messages)
    assert verdict_on(bag) == Verdict(
        TRUNCATED, f'metadata.yaml counts {messages} messages, the files have 4')


@pytest.mark.parametrize(('content', 'reason'), [
    (b'', 'flight_1.db3 is empty'), (b'\0' * 100, 'flight_1.db3 is not an SQLite database')])
def test_a_file_of_something_else_makes_it_corrupt(bag, content, reason):
    (bag / 'flight_1.db3').write_bytes(content)
    for level in (HEADER, STRUCTURE):
        assert verdict_on(bag, level) == Verdict(CORRUPT, reason)


def test_links_pipes_and_folders_are_not_opened(bag):
    path = bag / 'flight_1.db3'
    whole = path.rename(bag.parent / 'elsewhere.db3')
    for make in (lambda: path.symlink_to(whole), lambda: os.mkfifo(path), path.mkdir):
        make()
        assert verdict_on(bag).outcome == CORRUPT
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    metadata = (bag / 'metadata.yaml').rename(bag.parent / 'elsewhere.yaml')
    (bag / 'metadata.yaml').symlink_to(metadata)
    assert verdict_on(bag) == Verdict(CORRUPT, 'metadata.yaml is a link')


def test_other_names_than_those_of_rosbag2_are_not_opened(bag):
    (bag / 'flight_1.db3').rename(bag / 'flight.bag')
    write_metadata(bag, 'flight_0.db3, flight.bag')
    assert verdict_on(bag).outcome == CORRUPT


def test_so_many_files_are_looked_at(bag):
    for number in range(2, 1001):
        shutil.copy(bag / 'flight_1.db3', bag / f'flight_{number}.db3')
    write_metadata(bag, ', '.join(f'flight_{n}.db3' for n in range(1001)), 2002)
    assert verdict_on(bag) == Verdict(VALID, 'only 1000 of the 1001 files were looked at')


def test_of_too_large_metadata_the_files_that_are_there_count(bag):
    with open(bag / 'metadata.yaml', 'ab') as file:
        file.write(b'custom_data: [' + b'x,' * 200_000 + b']')
    (bag / 'notes.txt').write_text('windy')
    verdict = verdict_on(bag)
    assert verdict.outcome == VALID
    assert verdict.reason.startswith('metadata.yaml: not all of it was looked at')
    with open(bag / 'flight_1.db3', 'r+b') as file:
        file.truncate(5000)
    assert verdict_on(bag).outcome == TRUNCATED
    (bag / 'flight_0.db3').write_bytes(b'no database')
    assert verdict_on(bag).outcome == CORRUPT


def test_no_file_stays_open(bag):
    before = os.listdir('/proc/self/fd')
    for change in ('', 'flight_0.db3', 'metadata.yaml'):
        if change:
            (bag / change).write_bytes(b'rosbag2')
        verdict_on(bag)
    assert os.listdir('/proc/self/fd') == before
