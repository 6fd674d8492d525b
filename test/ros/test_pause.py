"""Uploads that a person pauses for a while."""
from pathlib import Path
import time
from typing import Any

from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Info, Upload
import pytest
from robot import Robot
from std_srvs.srv import SetBool
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digests
from support.sent import sent_again, sent_bytes, upload_ids

QUIET_S = 1.0
WINDOWS = 3
BYTES_PER_S, SLOW = 10 * MIB, 4 * MIB


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node that takes some seconds for a log."""
    return {**parameters, 'endpoint_url': proxy.url, 'max_bandwidth': BYTES_PER_S}


def _set_paused(robot: Robot, paused: bool) -> None:
    answer = robot.call(SetBool, 'set_paused', data=paused)
    assert answer.success, answer.message


def _last_sent_s(proxy: FaultProxy, within_s: float) -> float:
    """Watch the wire for a while; return when the last byte came, on the monotonic clock."""
    end_s = time.monotonic() + within_s
    last_s, count = 0.0, sent_bytes(proxy.exchanges)
    while time.monotonic() < end_s:
        time.sleep(0.01)  # what is measured, not waited for
        now = sent_bytes(proxy.exchanges)
        if now != count:
            last_s, count = time.monotonic(), now
    return last_s


def _is_quiet_soon(robot: Robot, proxy: FaultProxy) -> bool:
    """Pause in the midst of an upload; tell whether the wire was quiet soon after."""
    least = sent_bytes(proxy.exchanges) + 12 * MIB
    _set_paused(robot, False)
    proxy.wait_until(lambda e: sent_bytes(e) > least)
    _set_paused(robot, True)
    began_s = time.monotonic()
    return _last_sent_s(proxy, 3.0) < began_s + QUIET_S


def test_pause_restart_and_resume(robot: Robot, proxy: FaultProxy, sandbox: Any,
                                  tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', 40 * MIB)
    robot.switch_on(max_bandwidth=SLOW).serving()
    assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    # The wire goes through this process, which may be held up.
    assert any(_is_quiet_soon(robot, proxy) for _ in range(WINDOWS))
    wait_until(lambda: 'paused' in robot.info(log).file_reason)
    assert robot.info(log).file_state == 'queued'

    robot.cut_power()
    quiet = len(proxy.exchanges)
    robot.switch_on().serving()
    other = write_log(tmp_path / 'other.mcap')
    assert robot.call(Upload, file_path=str(other), enqueue_only=True).status == 202
    assert _last_sent_s(proxy, 2.0) == 0.0
    assert not any(e.method in ('PUT', 'POST') for e in proxy.exchanges[quiet:])

    _set_paused(robot, False)
    robot.wait_until_stored([log, other])
    check_each_is_stored_once(
        digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix), [log, other])
    assert sent_again(proxy.exchanges) == []
    assert len(upload_ids(proxy.exchanges)) == 1


def test_max_bandwidth(robot: Robot, proxy: FaultProxy, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'flight.ulg', 30 * MIB)
    robot.switch_on().serving()
    began_s = time.monotonic()
    assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    robot.wait_until_stored([log])
    assert time.monotonic() - began_s > 30 * MIB / BYTES_PER_S * 0.8
    assert robot.call(Info).success
