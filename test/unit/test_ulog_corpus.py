"""Real ULogs, and real ones damaged: the manifest's verdict, and what pyulog finds in them."""
import io
from pathlib import Path
from typing import Any

import corpus
from flightlog_bucket.logs import ulog_survey
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.library import ulog as library
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.ulog import EncryptedUlog, Ulog
from flightlog_bucket.logs.verdict import Verdict
import pytest
from pyulog import ULog

ULOGS = [f for f in corpus.files() if f.format == 'ulg']
VALID = [f for f in ULOGS if f.status == 'valid']
GRADED = [f for f in ULOGS if f.status in ('valid', 'truncated', 'corrupt')]
# The autopilot gave the only message of this topic a time 20 minutes after the end.
ROGUE_TOPICS = {'PX4+pyulog__d08ba659__sample_log_small.ulg': 'mission'}
EARLIEST_US = 946_684_800 * 10**6
CUTS = 60


@pytest.fixture(scope='module', params=corpus.params(VALID))
def both(request: Any) -> tuple[Path, Description, ULog]:
    """Return a valid log, what is said of it, and what pyulog says."""
    path = request.param.path
    with open(path, 'rb') as stream:
        log = Ulog(LogReader(path, stream))
        assert log.check('structure').outcome == 'valid'
        return path, log.describe(), ULog(str(path))


@pytest.mark.parametrize('level', ['structure', 'full'])
@pytest.mark.parametrize('file', corpus.params(GRADED))
def test_has_the_verdict_of_the_manifest(file, level):
    with open(file.path, 'rb') as stream:
        verdict = Ulog(LogReader(file.path, stream)).check(level)
    assert verdict.outcome == file.status
    assert bool(verdict.reason) == (file.status != 'valid')


@pytest.mark.parametrize('file', corpus.params([f for f in ULOGS if f.status == 'hostile']))
def test_hostile_ones_are_corrupt(file):
    with open(file.path, 'rb') as stream:
        log = Ulog(LogReader(file.path, stream))
        assert log.check('structure').outcome == 'corrupt'
        assert log.describe().topics == ()


@pytest.mark.parametrize('file', corpus.params([f for f in corpus.files() if f.format == 'ulge']))
def test_encrypted_ones_are_valid_and_unread(file):
    with open(file.path, 'rb') as stream:
        verdict = EncryptedUlog(LogReader(file.path, stream)).check('full')
    assert (verdict.outcome, 'encrypted' in verdict.reason) == ('valid', True)


def test_duration_is_that_of_pyulog(both):
    path, said, oracle = both
    rogue = ROGUE_TOPICS.get(path.name)
    last_us = oracle.last_timestamp if rogue is None else max(
        int(t.data['timestamp'].max()) for t in oracle.data_list if t.name != rogue)
    assert said.duration_ns == (last_us - oracle.start_timestamp) * 1000


def test_topics_and_counts_are_those_of_pyulog(both):
    _, said, oracle = both
    topics = tuple(
        Topic(t.name + (f'[{t.multi_id}]' if t.multi_id else ''), t.name,
              len(t.data['timestamp'])) for t in oracle.data_list)
    assert said.topics == topics
    assert said.message_count == sum(t.message_count for t in topics)


def test_dropouts_are_those_of_pyulog(both):
    _, said, oracle = both
    assert said.dropouts == len(oracle.dropouts)
    assert said.dropout_ms == sum(d.duration for d in oracle.dropouts)


def test_vehicle_is_that_of_pyulog(both):
    _, said, oracle = both
    info = oracle.msg_info_dict
    assert said.vehicle_uuid == info.get('sys_uuid', '')
    assert said.hardware == info.get('ver_hw', '')
    assert said.firmware_version == (oracle.get_version_info_str() or '')
    assert said.firmware_hash == info.get('ver_sw', '')


def test_start_is_that_of_a_receiver_as_pyulog_reads_it(both):
    _, said, oracle = both
    starts = set()
    for topic in oracle.data_list:
        for number, utc_us in enumerate(topic.data.get('time_utc_usec', ())):
            if utc_us >= EARLIEST_US and topic.data['fix_type'][number] >= 2:
                after_us = int(topic.data['timestamp'][number]) - oracle.start_timestamp
                starts.add((int(utc_us) - after_us) * 1000)
                break
    assert said.start_ns in (starts or {None})


def test_all_of_it_read_by_pyulog_counts_the_same(both):
    path, said, _ = both
    reading = library.read(str(path), 'valid')
    assert (reading.outcome, reading.topics) == ('valid', said.topics)
    assert reading.counted().items() <= vars(said).items()


@pytest.mark.parametrize('file', corpus.params(VALID))
def test_cut_anywhere_is_never_corrupt(file):
    content = file.path.read_bytes()
    step = max(1, len(content) // CUTS)
    # Around the beginning every byte is of another kind.
    cuts = {*range(8, min(len(content), 100), 5), *range(100, len(content), step),
            *range(max(8, len(content) - 20), len(content))}
    outcomes = set()
    for cut in sorted(cuts):
        log = Ulog(LogReader(file.path, io.BytesIO(content[:cut])))
        outcomes.add(log.check('structure').outcome)
        assert log.describe().message_count is not None
    assert outcomes in ({'truncated'}, {'truncated', 'valid'})


@pytest.mark.parametrize('file', corpus.params(
    [f for f in VALID if f.path.stat().st_size > 500_000]))
def test_looked_at_from_both_ends_only_has_the_same_verdict_and_end(file, monkeypatch):
    content = file.path.read_bytes()
    with open(file.path, 'rb') as stream:
        whole = Ulog(LogReader(file.path, stream)).describe()
    monkeypatch.setattr(ulog_survey, 'WHOLE_BYTES', 300_000)
    monkeypatch.setattr(ulog_survey, 'HEAD_BYTES', 200_000)

    def looked_at(content: bytes) -> Ulog:
        return Ulog(LogReader(file.path, io.BytesIO(content)))

    log = looked_at(content)
    assert log.check('structure') == Verdict('valid')
    assert log.describe().duration_ns == whole.duration_ns
    for cut in range(300_001, len(content), len(content) // CUTS):
        assert looked_at(content[:cut]).check('structure').outcome in ('truncated', 'valid')
    for tail in (bytes(1000), bytes(500_000), bytes(range(256)) * 4, b'\xff' * 2000):
        assert looked_at(content + tail).check('structure').outcome == 'corrupt'
