"""Uploads that are followed, and cancelled: S3 is asked what is there."""
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import Withdrawn
from flightlog_bucket.settings import MIB
from flightlog_bucket.transfers.records import REJECTED, STORED, WITHDRAWN
import pytest
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import (
    ACCESS_DENIED,
    INTERNAL_ERROR,
    LoseAnswer,
    ResetUpload,
    SLOW_DOWN,
    Tap,
)
from support.interrupted import content, open_uploads
from support.logs import write_big_ulg
from support.objects import objects
from support.sent import sent_again, sent_bytes
from support.uploading import Held, Uploading

Connect = Callable[..., FlightLogBucket]

PART_BYTES = 5 * MIB


@pytest.fixture
def uploading(connect: Connect, proxy: FaultProxy, session_of_role: Callable[..., Any],
              tmp_path: Path) -> Iterator[Uploading]:
    bucket = connect(endpoint_url=proxy.url, max_concurrent_parts=1, request_timeout_s=20,
                     session_token_url=session_of_role('s3:*').url)
    bucket.fetch_credentials()
    with Uploading(bucket, tmp_path / 'state') as running:
        yield running


@pytest.fixture
def single_log(tmp_path: Path) -> Path:
    """Give a log that goes up in one request, larger than what is on the way of it."""
    return write_big_ulg(tmp_path / 'single.ulg', 15 * MIB)


def test_cancelled_in_mid_multipart(uploading: Uploading, proxy: FaultProxy, big_log: Path,
                                    admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(Tap(), method='PUT', kind='uploadId')  # the first part passes
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    assert len(open_uploads(admin, uploading.bucket)) == 1
    uploading.worker.withdraw(goal)
    held.let_go()
    assert isinstance(goal.exception(20), Withdrawn)
    assert str(goal.exception()) == f'{big_log}: the upload was cancelled'
    assert open_uploads(admin, uploading.bucket) == []
    assert list(objects(admin, uploading.bucket)) == []
    assert uploading.ledger.orphanage.all() == []
    found = uploading.ledger.find(big_log)
    assert found is not None
    assert (found.state, found.fault, found.key) == (REJECTED, WITHDRAWN, '')


def test_cancelled_in_mid_multipart_and_then_uploaded(uploading: Uploading, proxy: FaultProxy,
                                                      big_log: Path, admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    uploading.worker.withdraw(goal)
    held.let_go()
    assert isinstance(goal.exception(20), Withdrawn)
    stored = uploading.goal(big_log).result(30)
    assert content(admin, uploading.bucket, stored.s3_key) == big_log.read_bytes()
    assert open_uploads(admin, uploading.bucket) == []


def test_cancelled_in_mid_request(uploading: Uploading, proxy: FaultProxy, single_log: Path,
                                  admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(held.fault, None, method='PUT')
    goal = uploading.goal(single_log)
    assert held.is_held.wait(20)
    assert 0 < uploading.standing(goal).sent_bytes < 15 * MIB
    uploading.worker.withdraw(goal)
    assert isinstance(goal.exception(20), Withdrawn)
    held.let_go()
    wait_until(lambda: proxy.exchanges[-1].is_done)
    assert list(objects(admin, uploading.bucket)) == []
    assert uploading.standing(goal).state == REJECTED


def test_what_may_not_be_aborted_is_said_and_kept_in_mind(
        uploading: Uploading, proxy: FaultProxy, big_log: Path, admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    proxy.fail(ACCESS_DENIED, None, method='DELETE')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    uploading.worker.withdraw(goal)
    held.let_go()
    assert 'stay in the bucket until a lifecycle rule removes them' in str(goal.exception(20))
    (orphan,) = uploading.ledger.orphanage.all()
    assert [orphan.upload_id] == open_uploads(admin, uploading.bucket)
    assert 'was cancelled' in orphan.reason


def test_one_of_two_goals(uploading: Uploading, proxy: FaultProxy, big_log: Path,
                          admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goals = [uploading.goal(big_log), uploading.goal(big_log)]
    assert held.is_held.wait(20)
    uploading.worker.withdraw(goals[0])
    assert 'goes on in the background' in str(goals[0].exception(0))
    held.let_go()
    stored = goals[1].result(30)
    assert list(objects(admin, uploading.bucket)) == [stored.s3_key]
    assert sent_again(proxy.exchanges) == []
    assert sent_bytes(proxy.exchanges) == big_log.stat().st_size


@pytest.mark.parametrize('other', ['call', 'trigger'])
def test_what_others_want_goes_on(other: str, uploading: Uploading, proxy: FaultProxy,
                                  big_log: Path, admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    getattr(uploading, other)(big_log)
    uploading.worker.withdraw(goal)
    assert 'goes on in the background' in str(goal.exception(0))
    held.let_go()
    wait_until(lambda: uploading.standing(goal).state == STORED)
    assert len(list(objects(admin, uploading.bucket))) == 1
    assert sent_bytes(proxy.exchanges) == big_log.stat().st_size


@pytest.mark.parametrize('fault', [ResetUpload(2 * MIB), SLOW_DOWN, INTERNAL_ERROR])
def test_a_goal_goes_through_faults(fault: Any, uploading: Uploading, proxy: FaultProxy,
                                    big_log: Path, admin: Any) -> None:
    proxy.fail(fault, 12, method='PUT', kind='uploadId')
    stored = uploading.goal(big_log).result(60)
    assert list(objects(admin, uploading.bucket)) == [stored.s3_key]


def test_a_goal_goes_through_a_pause(uploading: Uploading, proxy: FaultProxy, big_log: Path,
                                     admin: Any) -> None:
    held = Held(PART_BYTES // 2)
    proxy.fail(Tap(), method='PUT', kind='uploadId')  # the first part passes
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    uploading.worker.set_paused(True)
    uploading.bucket.throttle.pause()
    held.let_go()
    wait_until(lambda: uploading.standing(goal).state == 'queued')
    standing = uploading.standing(goal)
    assert 'uploads are paused' in standing.reason
    assert standing.sent_bytes >= PART_BYTES
    assert not goal.done()
    proxy.heal()
    uploading.bucket.throttle.resume()
    uploading.worker.set_paused(False)
    assert goal.result(30)
    assert sent_again(proxy.exchanges) == []


def test_cancelled_without_network_and_removed_later(uploading: Uploading, proxy: FaultProxy,
                                                     big_log: Path, admin: Any) -> None:
    held = Held(MIB)
    proxy.fail(Tap(), method='PUT', kind='uploadId')  # the first part passes
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    goal = uploading.goal(big_log)
    assert held.is_held.wait(20)
    proxy.refuse()
    held.let_go()
    wait_until(lambda: uploading.standing(goal).attempts > 0)
    assert not goal.done()
    uploading.worker.withdraw(goal)
    assert 'the upload was cancelled' in str(goal.exception(20))
    assert len(uploading.ledger.orphanage.all()) == 1
    assert uploading.standing(goal).state == REJECTED
    proxy.heal()
    uploading.housekeeping.abort_orphans()
    assert open_uploads(admin, uploading.bucket) == []
    assert uploading.ledger.orphanage.all() == []


@pytest.mark.parametrize('kind', ['in parts', 'in one request'])
def test_cancelled_while_the_answer_to_the_last_write_is_lost(
        kind: str, uploading: Uploading, proxy: FaultProxy, tmp_path: Path, admin: Any) -> None:
    in_parts = kind == 'in parts'
    log = write_big_ulg(tmp_path / 'lost.ulg', (17 if in_parts else 1) * MIB)
    goals: list[Any] = []
    is_asked = Event()

    def withdraw() -> None:
        assert is_asked.wait(20)
        uploading.worker.withdraw(goals[0])
    proxy.fail(LoseAnswer(withdraw), None, method='POST' if in_parts else 'PUT',
               kind='uploadId' if in_parts else '')
    goals.append(uploading.goal(log))
    is_asked.set()
    stored = goals[0].result(60)
    assert goals[0].is_withdrawn
    assert content(admin, uploading.bucket, stored.s3_key) == log.read_bytes()
    assert uploading.standing(goals[0]).state == STORED
    assert open_uploads(admin, uploading.bucket) == []


def test_a_lost_answer_that_is_found_out_later(uploading: Uploading, proxy: FaultProxy,
                                               tmp_path: Path, admin: Any) -> None:
    log = write_big_ulg(tmp_path / 'later.ulg', MIB)
    goals: list[Any] = []
    is_asked = Event()

    def withdraw() -> None:
        assert is_asked.wait(20)
        proxy.refuse()
        uploading.worker.withdraw(goals[0])
    proxy.fail(LoseAnswer(withdraw), method='PUT', kind='')
    goals.append(uploading.goal(log))
    is_asked.set()
    assert 'it may be in the bucket' in str(goals[0].exception(60))
    assert uploading.standing(goals[0]).state == REJECTED
    assert len(list(objects(admin, uploading.bucket))) == 1
    uploading.housekeeping.start()
    proxy.heal()
    wait_until(lambda: uploading.standing(goals[0]).state == STORED)
    uploading.housekeeping.stop()
