"""The services ~/list_transfers and ~/retry."""
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import ListTransfers, Retry, Upload
import pytest
from robot import Robot
from std_srvs.srv import SetBool
from support.damaged import write_corrupt
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.logs import write_log


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy) -> dict[str, Any]:
    """Return those of a node whose way to S3 can be broken."""
    return {**parameters, 'endpoint_url': proxy.url}


def _list(robot: Robot, **fields: Any) -> Any:
    answer = robot.call(ListTransfers, 'list_transfers', **fields)
    assert (answer.success, answer.status) == (True, 200), answer.error
    return answer


def _retry(robot: Robot, *paths: object) -> Any:
    return robot.call(Retry, 'retry', file_paths=[str(path) for path in paths])


def test_list_transfers(robot: Robot, tmp_path: Path) -> None:
    robot.switch_on().serving()
    assert _list(robot).total == 0
    stored = write_log(tmp_path / 'stored.mcap')
    rejected = write_corrupt(tmp_path / 'rejected.ulg')
    folder = tmp_path / 'folder'
    folder.mkdir()
    waiting = [write_log(folder / f'waits{n}.mcap') for n in range(5)]
    assert robot.call(Upload, file_path=str(stored)).success
    assert robot.call(Upload, file_path=str(rejected)).status == 422
    robot.call(SetBool, 'set_paused', data=True)
    for log in waiting:
        assert robot.call(Upload, file_path=str(log), enqueue_only=True).status == 202

    listed = _list(robot)
    assert listed.total == 6
    assert [t.state for t in listed.transfers] == ['queued'] * 5 + ['rejected']
    assert {t.direction for t in listed.transfers} == {'upload'}
    assert all('paused' in t.reason for t in listed.transfers[:5])
    assert listed.transfers[-1].path == str(rejected)
    assert listed.transfers[-1].verdict == 'corrupt'

    first = _list(robot, max_transfers=2)
    assert (len(first.transfers), first.total) == (2, 6)
    assert [t.path for t in first.transfers] == [t.path for t in listed.transfers[:2]]

    alone = _list(robot, states=['stored'])
    assert [t.path for t in alone.transfers] == [str(stored)]
    assert alone.transfers[0].key
    everything = _list(robot, states=['stored', 'queued', 'rejected', 'uploading'])
    assert everything.total == 7

    assert {t.path for t in _list(robot, file_path=str(folder)).transfers} == set(
        map(str, waiting))
    assert [t.path for t in _list(robot, file_path=str(waiting[3])).transfers] == [
        str(waiting[3])]
    assert _list(robot, file_path=str(tmp_path / 'nothing')).total == 0


@pytest.mark.parametrize('fields, words', [
    ({'states': ['sleeping']}, 'sleeping'),
    ({'max_transfers': 1001}, 'max_transfers'),
])
def test_what_cannot_be_listed(robot: Robot, fields: dict[str, Any], words: str) -> None:
    robot.switch_on().serving()
    answer = robot.call(ListTransfers, 'list_transfers', **fields)
    assert (answer.success, answer.status) == (False, 400)
    assert words in answer.error


def test_retry_of_all_that_wait(robot: Robot, proxy: FaultProxy, tmp_path: Path) -> None:
    robot.switch_on(retry_max_delay_s=3600, session_token_url=f'{proxy.url}/nothing').serving()
    logs = [write_log(tmp_path / f'flight{n}.mcap') for n in range(3)]
    for log in logs:
        robot.call(Upload, file_path=str(log), enqueue_only=True)
    wait_until(lambda: all(robot.info(log).file_attempts for log in logs), 60.0)
    before = sum(robot.info(log).file_attempts for log in logs)
    assert robot.call(Retry, 'retry').retried >= 1
    wait_until(lambda: sum(robot.info(log).file_attempts for log in logs) > before)


def test_retry_of_rejected_ones(robot: Robot, tmp_path: Path) -> None:
    robot.switch_on().serving()
    bad, mended = (write_corrupt(tmp_path / f'{name}.ulg') for name in ('bad', 'mended'))
    for log in (bad, mended):
        assert robot.call(Upload, file_path=str(log)).status == 422
    mended.unlink()
    write_log(mended)
    answer = _retry(robot, mended)
    assert (answer.success, answer.retried) == (True, 1), answer.error
    robot.wait_until_stored([mended])
    assert robot.info(bad).file_state == 'rejected'
    refused = robot.node.log.count(f'rejected: {bad}')
    assert _retry(robot).retried == 1
    robot.node.wait_for(f'rejected: {bad}', refused + 1)
    wait_until(lambda: robot.info(bad).file_state == 'rejected')


def test_retry_of_what_is_not_known(robot: Robot, tmp_path: Path) -> None:
    robot.switch_on().serving()
    assert (_retry(robot).success, _retry(robot).retried) == (True, 0)
    answer = _retry(robot, tmp_path / 'nothing.ulg')
    assert (answer.success, answer.status) == (False, 404)
    assert 'nothing.ulg' in answer.error
    assert _retry(robot, '').status == 400
    assert _retry(robot, '/' + 'x' * 300).status == 404
    assert robot.call(ListTransfers, 'list_transfers', file_path='/' + 'x' * 300).total == 0
    assert _retry(robot, '/' + 'x' * 5000).status == 400
    assert robot.call(ListTransfers, 'list_transfers', file_path='/' + 'x' * 5000).status == 400
