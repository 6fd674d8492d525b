"""The node is killed again and again while it uploads, and started anew each time."""
from collections.abc import Iterable, Iterator
import os
from pathlib import Path
from random import Random
import threading
from typing import Any

from command_line import objects
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Upload
import pytest
from robot import Robot
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import LoseAnswer
from support.logs import write_big_ulg, write_log
from support.objects import check_each_is_stored_once, digest, digests
from support.rclone_server import RcloneServer
from support.sent import acknowledged, sent_again, sent_bytes, upload_ids
from support.session_service import json_answer, ScriptedSessionService

KILLS = 30
SIZE = 200 * MIB
PART, CONCURRENT_PARTS = 5 * MIB, 2
IN_FLIGHT = PART * CONCURRENT_PARTS
# Slow enough that a life sends about what it is meant to.
BYTES_PER_S = 24 * MIB
START_S = 60.0


@pytest.fixture
def to_rclone(rclone: RcloneServer) -> Iterator[tuple[FaultProxy, dict[str, Any]]]:
    """Give what counts the bytes, and the parameters of a node that sends them through it."""
    with (FaultProxy(rclone.endpoint_url) as proxy,
          ScriptedSessionService(json_answer(rclone.token_fields())) as service):
        yield proxy, {'endpoint_url': proxy.url, 'session_token_url': service.url,
                      'bucket_name': rclone.bucket_name, 'max_bandwidth': BYTES_PER_S}


@pytest.mark.timeout(900)
def test_30_kills_in_one_upload(robot: Robot, rclone: RcloneServer, chance: Random,
                                to_rclone: tuple[FaultProxy, dict[str, Any]],
                                tmp_path: Path) -> None:
    proxy, parameters = to_rclone
    log = write_big_ulg(tmp_path / 'flight.ulg', SIZE)
    robot.switch_on(**parameters).serving()
    assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    for _ in range(KILLS):
        # Between the first instruction of the process, and the middle of its second parts. In 30
        # lives that does not add up to the whole file.
        _wait_until_sent(proxy, chance.randrange(9 * MIB))
        robot.cut_power()
        assert not any(e.method == 'POST' and e.kind == 'uploadId' for e in proxy.exchanges)
        robot.switch_on(**parameters)
    robot.node.serving()
    robot.wait_until_stored([log])

    stored = [p for p in (rclone.bucket_path / robot.machine_prefix).rglob('*') if p.is_file()]
    assert [p.name.split('_', 2)[2] for p in stored] == [log.name]
    assert digest(stored[0]) == digest(log)
    exchanges = proxy.exchanges
    print(f'{sent_bytes(exchanges) / MIB:.1f} MiB were sent')
    assert len(upload_ids(exchanges)) == 1
    assert sent_bytes(exchanges) <= SIZE + KILLS * IN_FLIGHT
    assert len(sent_again(exchanges)) <= KILLS * CONCURRENT_PARTS
    for path in (log, *stored):  # pytest keeps the last folders
        path.unlink()


@pytest.mark.timeout(900)
def test_30_kills_while_a_folder_is_emptied(robot: Robot, sandbox: Any, proxy: FaultProxy,
                                            chance: Random, tmp_path: Path) -> None:
    folder = tmp_path / 'logs'
    folder.mkdir()
    logs = _write_50_logs(folder)
    parameters = {'endpoint_url': proxy.url, 'watch_directories': [str(folder)],
                  'settle_s': 0.5, 'max_bandwidth': BYTES_PER_S}
    robot.switch_on(**parameters)
    for _ in range(KILLS):
        wanted = len(proxy.exchanges) + chance.randrange(16)
        there = _names(objects(sandbox, robot.machine_prefix))
        proxy.wait_until(lambda e, least=wanted, known=there: len(e) >= least
                         or len(known | _names(acknowledged(e))) >= len(logs), START_S)
        robot.cut_power()
        # What it has sent last may be stored, and was not acknowledged.
        proxy.wait_until(lambda e: all(x.is_done or not x.body_bytes for x in e), START_S)
        robot.switch_on(**parameters)
    robot.node.serving()
    robot.wait_until_stored(logs)
    wait_until(lambda: robot.info().queued == robot.info().uploading == 0)

    check_each_is_stored_once(
        digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix), logs)
    again = sent_again(proxy.exchanges)
    assert [e for e in again if not e.part] == []
    assert len(again) <= KILLS * CONCURRENT_PARTS * 4  # at once
    assert sent_bytes(proxy.exchanges) <= sum(map(os.path.getsize, logs)) + KILLS * 4 * IN_FLIGHT


@pytest.mark.parametrize(('method', 'kind', 'size'), [
    ('PUT', '', 2 * MIB),
    ('POST', 'uploads', 12 * MIB),
    ('PUT', 'uploadId', 12 * MIB),
    ('POST', 'uploadId', 12 * MIB)])
def test_killed_before_the_answer_arrives(robot: Robot, sandbox: Any, proxy: FaultProxy,
                                          tmp_path: Path, method: str, kind: str,
                                          size: int) -> None:
    folder = tmp_path / 'logs'
    folder.mkdir()
    log = write_big_ulg(folder / 'flight.ulg', size)
    parameters = {'endpoint_url': proxy.url, 'watch_directories': [str(folder)], 'settle_s': 0.5}
    is_cut = threading.Event()

    def cut_power() -> None:
        robot.cut_power()
        is_cut.set()
    proxy.fail(LoseAnswer(cut_power), method=method, kind=kind)
    robot.switch_on(**parameters)
    assert is_cut.wait(START_S), robot.node.log
    robot.switch_on(**parameters).serving()
    robot.wait_until_stored([log])
    check_each_is_stored_once(
        digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix), [log])
    assert len(upload_ids(proxy.exchanges)) == (1 if size > PART else 0)
    in_flight = CONCURRENT_PARTS if (method, kind) == ('PUT', 'uploadId') else 0
    assert len(sent_again(proxy.exchanges)) <= in_flight
    assert sent_bytes(proxy.exchanges) <= size + in_flight * PART


def _names(keys: Iterable[str]) -> set[str]:
    return {key.rpartition('/')[2] for key in keys}


def _write_50_logs(folder: Path) -> list[Path]:
    small = [write_log(folder / f'{number:02}{extension}', duration_s=1 + number / 10)
             for number, extension in enumerate(['.ulg', '.mcap', '.bag', '.db3'] * 11)]
    return small + [write_big_ulg(folder / f'big{number}.ulg', 12 * MIB, seed=number)
                    for number in range(6)]


def _wait_until_sent(proxy: FaultProxy, count: int) -> None:
    wanted = sent_bytes(proxy.exchanges) + count
    proxy.wait_until(lambda exchanges: sent_bytes(exchanges) >= wanted, START_S)
