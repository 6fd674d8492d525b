"""What a power cut leaves of the state, at any moment, is enough to go on with."""
import os
from pathlib import Path
from random import Random
import shutil
from typing import Any

from flightlog_bucket.settings import MIB
import pytest
from robot import Robot
from support.fault_proxy import FaultProxy
from support.logs import write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digests
from support.sent import sent_again, sent_bytes, upload_ids

COPIES = 8
PART, CONCURRENT_PARTS = 5 * MIB, 2
IN_FLIGHT = PART * CONCURRENT_PARTS
START_S = 60.0


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """Return what is in the watched folder."""
    folder = tmp_path / 'logs'
    folder.mkdir()
    small = [write_log(folder / f'{number}.mcap', duration_s=1 + number) for number in range(8)]
    return [*small, write_big_ulg(folder / 'big.ulg', 40 * MIB)]


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy, tmp_path: Path) -> dict[str, Any]:
    """Return those of a node that watches the folder, and sends slowly."""
    return {**parameters, 'endpoint_url': proxy.url, 'watch_directories': [str(tmp_path / 'logs')],
            'settle_s': 0.5, 'max_bandwidth': 20 * MIB}


def _copy_at_random_moments(robot: Robot, proxy: FaultProxy, chance: Random, size: int,
                            folder: Path) -> list[Path]:
    """Copy the state while the node works; the moments are spread over what it sends."""
    moments = sorted(chance.randrange(size) for _ in range(COPIES - 1))
    copies = []
    for number, moment in enumerate([0, *moments]):
        proxy.wait_until(lambda e, least=moment: sent_bytes(e) >= least, START_S)
        copies.append(robot.copy_state(folder / f'copy{number}'))
    return copies


@pytest.mark.timeout(300)
def test_each_copy_is_the_state_of_a_new_node(
        robot: Robot, logs: list[Path], sandbox: Any, proxy: FaultProxy, chance: Random,
        tmp_path: Path) -> None:
    robot.switch_on()
    size = sum(map(os.path.getsize, logs))
    copies = _copy_at_random_moments(robot, proxy, chance, size, tmp_path)
    robot.node.serving()
    robot.wait_until_stored(logs)
    robot.switch_off()
    stored = digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)
    check_each_is_stored_once(stored, logs)

    for copy in copies:
        before = len(proxy.exchanges)
        other = robot.with_state(copy)
        other.switch_on().serving()
        other.wait_until_stored(logs)
        other.switch_off()
        assert sent_bytes(proxy.exchanges[before:]) <= IN_FLIGHT, copy
        assert digests(sandbox.admin_client(), sandbox.bucket_name,
                       robot.machine_prefix) == stored, copy


@pytest.mark.timeout(300)
def test_every_power_cut_goes_on_from_what_was_left(
        robot: Robot, logs: list[Path], sandbox: Any, proxy: FaultProxy, chance: Random,
        tmp_path: Path) -> None:
    size, known = sum(map(os.path.getsize, logs)), None
    for number in range(COPIES):
        began = len(proxy.exchanges)
        robot.switch_on()
        least = sent_bytes(proxy.exchanges) + chance.randrange(2 * size // COPIES)
        proxy.wait_until(lambda e, least=least: sent_bytes(e) >= min(least, size), START_S)
        if known is None and upload_ids(proxy.exchanges[began:]):
            known = began
        copy = robot.copy_state(tmp_path / f'copy{number}')
        robot.cut_power()
        shutil.rmtree(robot.state, ignore_errors=True)
        if copy.exists():
            copy.rename(robot.state)
    robot.switch_on().serving()
    robot.wait_until_stored(logs)

    check_each_is_stored_once(
        digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix), logs)
    # What was begun between the copy and the cut, no copy knows.
    assert len(upload_ids(proxy.exchanges[known or 0:])) == 1
    assert sent_bytes(proxy.exchanges) <= size + COPIES * IN_FLIGHT * 4
    again = sent_again(proxy.exchanges)
    # Between the copy and the cut, the node went on for a moment.
    assert len(again) <= COPIES * CONCURRENT_PARTS * 4
