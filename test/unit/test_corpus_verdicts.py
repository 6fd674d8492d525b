"""Every file of the corpus: the verdict that the manifest says, within the bounds."""
from collections.abc import Iterator
import os
from pathlib import Path

import corpus
from flightlog_bucket.logs import inspect
from flightlog_bucket.logs.rosbag2_bag import Rosbag2Bag
from flightlog_bucket.logs.verdict import Verdict
import pytest
from support.checking_process import assert_within_bounds
from support.children import children_of, nothing_more_open, open_files
from support.expect import wait_until

ALL = corpus.everything()

# Damage in what the structure leaves unread by definition: the messages. (Of ULogs, which have
# no index, the headers of all messages are looked at.)
UNREAD_DAMAGE = {
    'bag_nul_page_middle.bag': 'zero bytes inside of the packed messages of a chunk',
    'mcap_nul_page_middle.mcap': 'zero bytes inside of the packed messages of a chunk',
}
# It has nothing that anybody without the key could check.
VALID_HOSTILE = 'encrypted_ULogEnc.ulge'


@pytest.fixture(scope='module', autouse=True)
def _nothing_is_left_open_or_running() -> Iterator[None]:
    if ALL:
        check(ALL[0].path, 'full')  # what is imported the first time
    before = open_files(), children_of(os.getpid())
    yield
    wait_until(lambda: nothing_more_open(before[0]))
    assert children_of(os.getpid()) <= before[1]


def check(path: Path, level: str) -> Verdict:
    if path.is_dir():
        return Rosbag2Bag(path).check(level)
    with open(path, 'rb') as stream:
        return inspect(path.name, path, stream, is_closed=False, level=level).verdict


def assert_is_that_of_the_manifest(file: corpus.CorpusFile, verdict: Verdict) -> None:
    if file.path.name == VALID_HOSTILE:
        assert verdict.outcome == 'valid'
        assert 'encrypted' in verdict.reason
    elif file.status == 'hostile':
        assert verdict.outcome in ('truncated', 'corrupt')
    elif file.status == 'edge':
        assert verdict.is_usable
    else:
        assert verdict.outcome == file.status
    if file.format == 'lfs_pointer':
        assert 'Git LFS pointer' in verdict.reason
    assert bool(verdict.reason) == (verdict.outcome != 'valid'
                                    or file.path.name == VALID_HOSTILE)
    assert verdict.reason.isprintable()


@pytest.mark.parametrize('file', corpus.params(
    [f for f in ALL if f.path.name not in UNREAD_DAMAGE]))
def test_its_structure_says_what_the_manifest_says(file):
    assert_is_that_of_the_manifest(file, check(file.path, 'structure'))


@pytest.mark.parametrize('file', corpus.params(
    [f for f in ALL if f.path.name in UNREAD_DAMAGE]))
def test_its_structure_does_not_show_damage_in_messages(file):
    assert file.status == 'corrupt'
    assert check(file.path, 'structure') == Verdict('valid')


@pytest.mark.parametrize('file', corpus.params(ALL))
def test_all_of_it_says_what_the_manifest_says(file):
    assert_is_that_of_the_manifest(file, check(file.path, 'full'))


def test_what_is_named_here_is_in_the_corpus(corpus_files):
    assert {*UNREAD_DAMAGE, VALID_HOSTILE} <= {file.path.name for file in corpus_files}


def test_no_log_of_the_corpus_takes_much_time_or_memory(corpus_files):
    assert corpus_files
    assert_within_bounds([file.path for file in ALL])
