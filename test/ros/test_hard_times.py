"""A network that fails in every way while a log goes up in parts."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import threading
import time
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Info, List, Upload
import pytest
from robot import Robot
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import (
    CLOCK_IS_OFF,
    Delay,
    INTERNAL_ERROR,
    LoseAnswer,
    ResetUpload,
    SLOW_DOWN,
    Swallow,
    Tap,
)
from support.logs import write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digests
from support.sent import sent_again, upload_ids

WINDOWS = 3  # of which one is not slowed by what else runs on this computer
WOKEN_S = 1 + 0.5
HALF_A_PART = 5 * MIB // 2
SIZE = 24 * MIB


@dataclass
class World:
    """All that a robot needs of others."""

    sandbox: Sandbox
    s3: FaultProxy
    session_service: FaultProxy


Break = Callable[[World], None]


@pytest.fixture
def world(sandbox: Sandbox, proxy: FaultProxy) -> Iterator[World]:
    with FaultProxy(sandbox.session_token_url) as session_service:
        yield World(sandbox, proxy, session_service)


@pytest.fixture
def parameters(parameters: dict[str, Any], world: World) -> dict[str, Any]:
    """Return those of a node all of whose ways can be broken."""
    return {**parameters, 'endpoint_url': world.s3.url, 'request_timeout': 4,
            'session_token_url': f'{world.session_service.url}/session-token'}


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """Return a log that goes up in five parts."""
    return write_big_ulg(tmp_path / 'flight.ulg', SIZE)


def _in_mid_part(act: Callable[[], None]) -> Tap:
    """Act once, when the half of a part has come."""
    turn = threading.Lock()

    def look(offset: int, block: bytes) -> bytes:
        if offset >= HALF_A_PART and turn.acquire(blocking=False):
            act()
        return block
    return Tap(request=look)


def _to_parts(world: World, fault: Any, times: Any = 1) -> None:
    world.s3.fail(fault, times, method='PUT', kind='uploadId')


def _end_tokens_and_their_service(world: World) -> None:
    world.session_service.refuse()
    world.sandbox.end_tokens()


PASSING: dict[str, Break] = {
    'reset in mid-part': lambda w: _to_parts(w, ResetUpload(HALF_A_PART), 3),
    'answer lost': lambda w: _to_parts(w, LoseAnswer(), 3),
    '503 SlowDown': lambda w: _to_parts(w, SLOW_DOWN, 12),
    '500': lambda w: _to_parts(w, INTERNAL_ERROR, 12),
    '500 at the end': lambda w: w.s3.fail(INTERNAL_ERROR, 8, method='POST', kind='uploadId'),
    '10 s stall': lambda w: _to_parts(w, Delay(10)),
    'token expired in mid-upload': lambda w: _to_parts(w, _in_mid_part(w.sandbox.end_tokens), 5),
}

STAYING: dict[str, Break] = {
    'black hole': lambda w: _to_parts(w, _in_mid_part(w.s3.black_hole), 5),
    'link down': lambda w: _to_parts(w, _in_mid_part(w.s3.refuse), 5),
    'clock skew': lambda w: w.s3.fail(CLOCK_IS_OFF, None, method='PUT'),
    'session service down': lambda w: _to_parts(
        w, _in_mid_part(lambda: _end_tokens_and_their_service(w)), 5),
}


def _check(robot: Robot, world: World, *logs: Path) -> None:
    check_each_is_stored_once(
        digests(world.sandbox.admin_client(), world.sandbox.bucket_name, robot.machine_prefix),
        logs)
    assert sent_again(world.s3.exchanges) == []


@pytest.mark.parametrize('name', PASSING)
def test_a_fault_that_passes(robot: Robot, world: World, flight: Path, name: str) -> None:
    PASSING[name](world)
    robot.switch_on().serving()
    assert robot.call(Upload, file_path=str(flight), enqueue_only=True).status == 202
    robot.wait_until_stored([flight])
    _check(robot, world, flight)
    assert len(upload_ids(world.s3.exchanges)) == 1


@pytest.mark.parametrize('name', STAYING)
def test_a_fault_that_stays_a_while(robot: Robot, world: World, flight: Path, name: str) -> None:
    STAYING[name](world)
    robot.switch_on().serving()
    assert robot.call(Upload, file_path=str(flight), enqueue_only=True).status == 202
    _wait_for_a_fault(robot, flight)
    assert robot.info(flight).file_state in ('queued', 'uploading')
    world.s3.heal()
    world.session_service.heal()
    robot.wait_until_stored([flight])
    info = robot.info(flight)
    assert (info.file_reason, info.rejected) == ('', 0)
    _check(robot, world, flight)
    assert len(upload_ids(world.s3.exchanges)) == 1


def test_four_stalled_transfers_hold_up_nobody(robot: Robot, world: World,
                                               tmp_path: Path) -> None:
    robot.switch_on(request_timeout=60, max_concurrent_transfers=4).serving()
    stalled = [write_big_ulg(tmp_path / f'{n}_stalled.ulg', 6 * MIB, seed=n) for n in range(4)]
    fifth = write_log(tmp_path / 'fifth.mcap')
    world.s3.fail(Swallow(), None, method='PUT', key='stalled.ulg')
    for log in stalled:
        assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    world.s3.wait_until(
        lambda e: len({x.path for x in e if x.method == 'PUT'}) == len(stalled))
    assert robot.call(Upload, file_path=str(fifth), enqueue_only=True).status == 202
    robot.wait_until_stored([fifth])
    assert [f.key.rpartition('_')[2] for f in robot.call(List).files] == [fifth.name]
    assert min(_info_s(robot) for _ in range(WINDOWS)) < 1
    assert {robot.info(log).file_state for log in stalled} <= {'queued', 'uploading'}
    world.s3.heal()
    robot.wait_until_stored(stalled)
    _check(robot, world, fifth, *stalled)


@pytest.mark.timeout(400)
def test_a_minute_without_network_and_back(robot: Robot, world: World, tmp_path: Path) -> None:
    robot.switch_on(retry_max_delay_s=300).serving()
    flights: list[Path] = []
    woken_s: list[float] = []
    while len(woken_s) < WINDOWS and min(woken_s, default=WOKEN_S) >= WOKEN_S:
        flights.append(write_big_ulg(tmp_path / f'{len(flights)}.ulg', SIZE, seed=len(flights)))
        woken_s.append(_woken_s(robot, world, flights[-1]))
        robot.wait_until_stored(flights, within_s=15)
    assert min(woken_s) < WOKEN_S, woken_s
    _check(robot, world, *flights)


def _woken_s(robot: Robot, world: World, flight: Path) -> float:
    """Return how long it takes that S3 is called when it is back."""
    _to_parts(world, _in_mid_part(world.s3.refuse), 5)
    assert robot.call(Upload, file_path=str(flight), enqueue_only=True).status == 202
    _wait_for_a_fault(robot, flight)
    time.sleep(60)  # by now, the pauses between two tries are up to a minute long
    connections = world.s3.connections
    world.s3.heal()
    began_s = time.monotonic()
    world.s3.wait_for_connections(connections + 1)
    return time.monotonic() - began_s


def _info_s(robot: Robot) -> float:
    began_s = time.monotonic()
    assert robot.call(Info).success
    return time.monotonic() - began_s


def _wait_for_a_fault(robot: Robot, log: Path) -> None:
    wait_until(lambda: robot.info(log).file_reason != '', 60.0)


def test_weeks_without_network_end_with_the_next_boot(robot: Robot, world: World, flight: Path,
                                                      tmp_path: Path) -> None:
    world.s3.refuse()
    world.session_service.refuse()
    logs = [flight, write_log(tmp_path / 'small.mcap')]
    for log in logs:
        robot.switch_on(retry_max_delay_s=3600).serving()
        assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
        _wait_for_a_fault(robot, log)
        robot.cut_power()
    world.s3.heal()
    world.session_service.heal()
    robot.switch_on(retry_max_delay_s=3600).serving()
    robot.wait_until_stored(logs)
    _check(robot, world, *logs)
    assert os.path.getsize(flight) == SIZE
