"""The uploads of a node, followed and steered as its action, services and topic do."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    InvalidRequest,
    LocalFileNotFound,
    ValidationFailed,
    Withdrawn,
)
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED
import pytest
from support.expect import wait_until
from support.logs import METADATA, write_dated_log, write_log
from support.objects import objects


class Node:
    """What a node has of it."""

    def __init__(self, uploads: Uploads, bucket: FlightLogBucket, changes: list[int]) -> None:
        self.uploads = uploads
        self.bucket = bucket
        self.changes = changes

    def states(self, *paths: Path) -> list[str]:
        """Return the state of each file."""
        return [self.uploads.explain(path).state for path in paths]


@pytest.fixture
def node(connect: Callable[..., FlightLogBucket], sandbox: Sandbox, machine: str,
         tmp_path: Path) -> Iterator[Node]:
    bucket, changes = connect(), []
    settings = settings_from({
        'robot_instance_id': machine, 'bucket_name': sandbox.bucket_name,
        'session_token_url': sandbox.session_token_url, 'endpoint_url': sandbox.endpoint_url,
        'state_directory': str(tmp_path / 'state')}, {})
    uploads = Uploads(settings, bucket, on_change=changes.extend)
    uploads.start()
    yield Node(uploads, bucket, changes)
    uploads.close()
    bucket.close()


@pytest.fixture
def bag(tmp_path: Path) -> list[Path]:
    """Give the files of a bag."""
    directory = tmp_path / 'run'
    directory.mkdir()
    (directory / 'metadata.yaml').write_text(METADATA)
    return [write_log(directory / 'flight_0.mcap'), directory / 'metadata.yaml']


def test_a_log_that_is_followed(node: Node, log: Path) -> None:
    followed = node.uploads.follow(log, 'mission.ulg')
    assert followed.outcomes[0].result(30).s3_key.endswith('_mission.ulg')
    (standing,) = node.uploads.standings(followed.ids)
    assert (standing.state, standing.path) == (STORED, log)
    assert standing.sent_bytes == standing.total_bytes == log.stat().st_size
    assert standing.verdict == 'valid'
    assert set(node.changes) == set(followed.ids)
    assert node.uploads.queue((), None, 10) == ([], 0)
    assert node.uploads.open_ids() == followed.ids


def test_a_log_that_is_refused(node: Node, tmp_path: Path) -> None:
    path = tmp_path / 'x.ulg'
    path.write_bytes(b'no log at all')
    followed = node.uploads.follow(path, '')
    assert isinstance(followed.outcomes[0].exception(30), ValidationFailed)
    (standing,), total = node.uploads.queue([REJECTED], path, 10)
    assert (standing.reason, total) == (str(followed.outcomes[0].exception()), 1)
    path.unlink()
    write_dated_log(path)
    assert node.uploads.retry([path]) == 1
    wait_until(lambda: node.states(path) == [STORED])


def test_what_is_not_there(node: Node, tmp_path: Path) -> None:
    with pytest.raises(LocalFileNotFound):
        node.uploads.follow(tmp_path / 'none.ulg', '')
    with pytest.raises(LocalFileNotFound):
        node.uploads.retry([tmp_path / 'none.ulg'])
    with pytest.raises(InvalidRequest):
        node.uploads.retry([Path('/x\0')])
    with pytest.raises(InvalidRequest):
        node.uploads.queue([], Path('/x\0'), 10)
    assert node.uploads.retry([]) == 0


def test_a_bag_is_followed_through_a_pause_and_withdrawn(node: Node, bag: list[Path],
                                                         admin: Any) -> None:
    node.uploads.set_paused(True)
    followed = node.uploads.follow(bag[0].parent, '')
    assert [s.path for s in node.uploads.standings(followed.ids)] == bag
    for standing in node.uploads.standings(followed.ids):
        assert standing.reason == 'uploads are paused (~/set_paused)'
    assert node.uploads.backlog().count == 2
    node.uploads.withdraw(followed)
    for outcome in followed.outcomes:
        assert isinstance(outcome.exception(30), Withdrawn)
    assert node.states(*bag) == [REJECTED, REJECTED]
    assert 'upload it again' in node.uploads.explain(bag[0]).reason
    node.uploads.set_paused(False)
    assert node.uploads.retry([]) == 0
    assert node.uploads.backlog().count == 0
    assert list(objects(admin, node.bucket)) == []
    again = node.uploads.follow(bag[0].parent, '')
    for outcome in again.outcomes:
        assert outcome.result(30)
    assert len(list(objects(admin, node.bucket))) == 2


@pytest.mark.parametrize('other', ['announce', 'enqueue', 'upload'])
def test_a_bag_that_others_want_too_goes_on(other: str, node: Node, bag: list[Path]) -> None:
    node.uploads.set_paused(True)
    if other == 'announce':
        node.uploads.announce(bag[0].parent)
    followed = node.uploads.follow(bag[0].parent, '')
    if other != 'announce':
        getattr(node.uploads, other)(bag[0].parent, '')
    node.uploads.withdraw(followed)
    for outcome in followed.outcomes:
        assert 'goes on in the background' in str(outcome.exception(0))
    node.uploads.set_paused(False)
    wait_until(lambda: node.states(*bag) == [STORED, STORED])


def test_a_pause_is_told(node: Node, log: Path) -> None:
    node.uploads.set_paused(True)
    followed = node.uploads.follow(log, '')
    node.changes.clear()
    node.uploads.set_paused(True)  # again: what goes on changes as well
    assert node.changes == followed.ids
    node.changes.clear()
    node.uploads.set_paused(False)
    assert node.changes[0] == followed.ids[0]
    assert followed.outcomes[0].result(30)


def test_by_a_link_it_is_the_same_file(node: Node, log: Path, tmp_path: Path) -> None:
    link = tmp_path / 'link.ulg'
    link.symlink_to(log)
    node.uploads.set_paused(True)
    node.uploads.follow(log, '')
    assert node.uploads.queue([QUEUED], link, 10)[1] == 1


def test_more_uploads_at_once_than_there_were_threads_for(node: Node, log: Path) -> None:
    node.uploads.set_max_concurrent_transfers(32)
    outcomes = []
    for number in range(40):
        outcomes += node.uploads.follow(log, f'{number}.ulg').outcomes
    assert len({outcome.result(60).s3_key for outcome in outcomes}) == 40


def test_a_pause_and_a_resume_at_once_leave_one_of_them(node: Node, log: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    worker, throttle = node.uploads._worker, node.bucket.throttle
    set_paused = worker.set_paused
    pauses, is_let_on = threading.Event(), threading.Event()

    def hang(paused: bool) -> None:
        set_paused(paused)
        if paused and not pauses.is_set():
            pauses.set()
            assert is_let_on.wait(30)
    monkeypatch.setattr(worker, 'set_paused', hang)
    with ThreadPoolExecutor(2) as pool:
        pause = pool.submit(node.uploads.set_paused, True)
        assert pauses.wait(30)
        assert throttle.paused  # before the ledger knows of it
        resume = pool.submit(node.uploads.set_paused, False)
        wait([resume], 0.5)
        is_let_on.set()
        pause.result(30)
        resume.result(30)
    assert (worker.paused, throttle.paused) == (False, False)
    assert node.uploads.follow(log, '').outcomes[0].result(30)


def test_the_wire_stops_where_the_disk_hangs(node: Node) -> None:
    with ThreadPoolExecutor(1) as pool, node.uploads._worker._changed:
        pause = pool.submit(node.uploads.set_paused, True)
        wait_until(lambda: node.bucket.throttle.paused)
        assert not pause.done()
    pause.result(30)
    assert node.uploads.is_paused
