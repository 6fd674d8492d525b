"""Parameters that are changed while the node runs: at once, and all of a call or none."""
from collections.abc import Callable
import os
from pathlib import Path
import sqlite3
from typing import Any

from diagnostics_listener import DiagnosticsListener, ERROR, OK
from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Delete, Info, Upload
import pytest
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from ros_client import RosClient
from support.expect import wait_until
from support.faults import Delay, Swallow
from support.logs import write_log

NODE = '/flightlog_bucket/'
DAY_S = 24 * 3600


class LiveParameters:
    """Sets and gets parameters of the node as ``ros2 param`` does."""

    def __init__(self, ros: RosClient) -> None:
        self._ros = ros

    def set_each(self, **values: Any) -> list[str]:
        """Set one after the other; return why not, empty where it is done."""
        answer = self._ros.call(SetParameters, NODE + 'set_parameters',
                                parameters=_messages(values))
        return [_reason(result) for result in answer.results]

    def set_all(self, **values: Any) -> str:
        """Set all at once; return why not, empty if it is done."""
        answer = self._ros.call(SetParametersAtomically, NODE + 'set_parameters_atomically',
                                parameters=_messages(values))
        return _reason(answer.result)

    def get(self, name: str) -> Any:
        """Return the value of one."""
        answer = self._ros.call(GetParameters, NODE + 'get_parameters', names=[name])
        return Parameter.from_parameter_msg(
            _named(name, answer.values[0])).value


def _messages(values: dict[str, Any]) -> list[Any]:
    return [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]


def _named(name: str, value: Any) -> Any:
    message = Parameter(name, value=0).to_parameter_msg()
    message.value = value
    return message


def _reason(result: Any) -> str:
    assert result.successful != bool(result.reason), result
    return result.reason


@pytest.fixture
def live(ros: RosClient) -> LiveParameters:
    return LiveParameters(ros)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / 'data'
    path.mkdir()
    return path


@pytest.fixture
def watching(parameters: dict[str, Any], folder: Path) -> dict[str, Any]:
    # Nothing of what is seen soon is seen because it was time for it.
    return {**parameters, 'watch_directories': [str(folder)], 'settle_s': 0.2,
            'rescan_period_s': 3600.0}


@pytest.fixture
def state_of(ros: RosClient) -> Callable[[Path], str]:
    def ask(path: Path) -> str:
        return ros.call(Info, file_path=str(path)).file_state
    return ask


def test_the_bandwidth(start_node, parameters, ros, live) -> None:
    node = start_node({**parameters, 'max_bandwidth': 5000}).serving()
    assert ros.call(Info).max_bandwidth == 5000
    for value, is_right in ((7000, True), (-1, False), (2 ** 41, False)):
        reason, = live.set_each(max_bandwidth=value)
        assert bool(reason) != is_right
        assert ros.call(Info).max_bandwidth == 7000
    node.wait_for('max_bandwidth is 7000 now; before: 5000')


def test_all_of_a_call_or_none(node, ros, live) -> None:
    reason = live.set_all(max_bandwidth=7000, diagnostics_queue_warn=2000)
    assert 'diagnostics_queue_warn is 2000, above diagnostics_queue_error' in reason
    assert ros.call(Info).max_bandwidth == live.get('max_bandwidth') == 0
    assert live.get('diagnostics_queue_warn') == 100
    assert not live.set_all(max_bandwidth=7000, diagnostics_queue_warn=2000,
                            diagnostics_queue_error=3000)
    assert ros.call(Info).max_bandwidth == live.get('max_bandwidth') == 7000
    assert live.get('diagnostics_queue_warn') == 2000


@pytest.mark.parametrize(('wrong', 'words'), [
    ({'region': 'eu-west-1'}, 'read-only'),
    ({'watch_directories': ['/']}, 'read-only'),
    ({'max_bandwith': 7}, 'undeclared'),
    ({'max_bandwidth': 'much'}, ''),
    ({'max_bandwidth': None}, ''),
    ({'max_concurrent_transfers': 33}, ''),
    ({'keep_days': float('nan')}, ''),
    ({'keep_days': 0.0}, ''),
    ({'min_free_bytes': 2 ** 61}, ''),
    ({'log_level': 'loud'}, "log_level is 'loud'; give a string, one of ''"),
    ({'watch_patterns': '*'}, ''),
    ({'diagnostics_stale_s': 1.0}, ''),
])
def test_what_is_wrong_is_refused_with_all_that_came_with_it(node, ros, live, wrong,
                                                             words) -> None:
    reason = live.set_all(max_concurrent_parts=2, **wrong)
    assert words in reason
    assert reason
    assert live.get('max_concurrent_parts') == 4
    reason, = live.set_each(**wrong)
    assert words in reason
    assert reason
    assert ros.call(Info).success


def test_free_space_takes_a_number(start_node, parameters, live) -> None:
    start_node({**parameters, 'retention': 'free_space', 'min_free_bytes': 1}).serving()
    reason, = live.set_each(min_free_bytes=0)
    assert "retention is 'free_space', and min_free_bytes is 0" in reason
    assert live.get('min_free_bytes') == 1


def test_a_whole_number_of_days_is_a_number(node, live) -> None:
    assert live.set_each(keep_days=5) == ['']
    assert live.get('keep_days') == 5.0


def test_no_patterns_can_be_said(node, live) -> None:
    assert live.set_each(watch_patterns=['']) == ['']
    assert live.get('watch_patterns') == ['']


def test_how_many_uploads_go_at_once(start_node, parameters, proxy, ros, live, tmp_path) -> None:
    proxy.fail(Swallow(), None, method='PUT')
    start_node({**parameters, 'endpoint_url': proxy.url, 'max_concurrent_transfers': 1,
                'request_timeout': 60}).serving()
    assert ros.call(Info).uploading == 0
    paths = [write_log(tmp_path / f'{n}.mcap', duration_s=1.0 + n) for n in range(3)]
    for path in paths:
        assert ros.call(Upload, file_path=str(path), enqueue_only=True).success
    proxy.wait_until(lambda exchanges: sum(e.method == 'PUT' for e in exchanges) == 1)
    assert ros.call(Info).uploading == 1
    assert live.set_each(max_concurrent_transfers=3) == ['']
    # Sooner than two that stand still give their slots to others.
    wait_until(lambda: ros.call(Info).uploading == 3, 8.0)
    proxy.heal()
    wait_until(lambda: ros.call(Info).stored == 3, 60.0)


def test_how_many_parts_go_at_once(start_node, parameters, proxy, ros, live, tmp_path) -> None:
    proxy.fail(Delay(1.5), None, method='PUT', kind='uploadId')
    start_node({**parameters, 'endpoint_url': proxy.url, 'max_concurrent_parts': 1,
                'multipart_threshold': 5 * MIB, 'part_size': 5 * MIB}).serving()
    path = tmp_path / 'big.ulg'
    write_log(path)
    with path.open('ab') as stream:
        stream.write(_drop_outs(45 * MIB))
    answer = ros.begin(Upload, file_path=str(path))
    proxy.wait_until(lambda exchanges: any(e.part for e in exchanges))
    assert live.set_each(max_concurrent_parts=3) == ['']
    assert answer.get(90.0).success
    assert _most_at_once([e for e in proxy.exchanges if e.part]) == 3


def _drop_outs(count: int) -> bytes:
    """Return records of a ULog, each a drop-out of 1 ms."""
    record = b'\x02\x00O\x01\x00'
    return record * (count // len(record))


def _most_at_once(exchanges: list[Any]) -> int:
    # The proxy may note the end of one after its client has begun the next one.
    return max(sum(e.began_s <= moment.began_s < e.ended_s - 0.5 for e in exchanges)
               for moment in exchanges)


def test_which_files_are_meant(start_node, watching, folder, live, ros, state_of) -> None:
    log = write_log(folder / 'flight.mcap')
    start_node({**watching, 'watch_patterns': ['*.ulg']}).serving()
    wait_until(lambda: 'no pattern of watch_patterns matches: *.ulg'
               in ros.call(Info, file_path=str(log)).file_reason)
    assert live.set_each(watch_patterns=['*.mcap']) == ['']
    wait_until(lambda: state_of(log) == 'stored')
    assert live.set_each(watch_patterns=['other*']) == ['']
    other = write_log(folder / 'flight2.mcap', duration_s=3.0)
    wait_until(lambda: 'no pattern' in ros.call(Info, file_path=str(other)).file_reason)


def test_what_is_only_said_to_be_deleted(start_node, watching, folder, live, state_of) -> None:
    log = write_log(folder / 'flight.mcap')
    node = start_node({**watching, 'retention': 'delete_after_upload',
                       'retention_dry_run': True}).serving()
    node.wait_for(f'would delete {log}')
    assert log.exists()
    assert live.set_each(retention_dry_run=False) == ['']
    wait_until(lambda: not log.exists())


def test_how_much_of_the_disk_stays_free(start_node, watching, folder, live, state_of) -> None:
    log = write_log(folder / 'flight.mcap')
    start_node({**watching, 'retention': 'free_space', 'min_free_bytes': 1}).serving()
    wait_until(lambda: state_of(log) == 'stored')
    assert log.exists()
    assert live.set_each(min_free_bytes=2 ** 60) == ['']
    wait_until(lambda: not log.exists())


def test_for_how_many_days_logs_are_kept(start_node, watching, folder, live, state_of,
                                         tmp_path) -> None:
    given = {**watching, 'retention': 'keep_days', 'state_directory': str(tmp_path / 'state')}
    log = write_log(folder / 'flight.mcap')
    node = start_node(given).serving()
    wait_until(lambda: state_of(log) == 'stored')
    node.stop()
    _make_older(tmp_path / 'state' / 'ledger.sqlite3', 2 * DAY_S)
    node = start_node(given).serving()
    assert state_of(log) == 'stored'
    assert log.exists()
    assert live.set_each(keep_days=1.5) == ['']
    wait_until(lambda: not log.exists())
    node.wait_for('it was stored 2.0 days ago')


def _make_older(ledger: Path, by_s: float) -> None:
    connection = sqlite3.connect(ledger)
    with connection:
        changed = connection.execute('UPDATE transfers SET settled = settled - ?', (by_s,))
        assert changed.rowcount == 1
    connection.close()


def test_how_much_is_logged(node, ros, live) -> None:
    def fail(key: str) -> None:
        assert not ros.call(Delete, s3_key=key).success
    fail('first')
    assert live.set_each(log_level='debug') == ['']
    fail('second')
    node.wait_for('second')
    node.wait_for('[DEBUG]')
    assert live.set_each(log_level='') == ['']
    fail('third')
    assert live.set_each(log_level='error') == ['']
    assert live.set_each(max_bandwidth=12345) == ['']
    assert live.set_each(log_level='info') == ['']
    assert live.set_each(max_bandwidth=54321) == ['']
    node.wait_for('max_bandwidth is 54321 now')
    assert 'first' not in node.log
    assert 'third' not in node.log
    assert 'max_bandwidth is 12345 now' not in node.log


def test_how_much_is_logged_from_the_start_on(start_node, parameters, ros, live) -> None:
    node = start_node({**parameters, 'log_level': 'error'})
    assert ros.call(Info).success
    assert not node.log
    assert live.set_each(log_level='info') == ['']
    node.wait_for("log_level is 'info' now; before: 'error'")


def test_what_a_warning_is(start_node, parameters, ros, live) -> None:
    start_node({**parameters, 'diagnostics_free_bytes_warn': 0,
                'diagnostics_free_bytes_error': 0}).serving()
    with DiagnosticsListener(ros) as heard:
        heard.wait_for('Disk', OK)
        assert live.set_each(diagnostics_free_bytes_error=2 ** 59) == ['']
        heard.wait_for('Disk', ERROR, 'left; make room there')


def test_a_restart_forgets_it(start_node, parameters, ros, live) -> None:
    node = start_node({**parameters, 'max_bandwidth': 5000}).serving()
    assert live.set_each(max_bandwidth=7000) == ['']
    node.stop()
    start_node({**parameters, 'max_bandwidth': 5000}).serving()
    wait_until(lambda: os.path.exists(f'/proc/{node.pid}') is False)
    assert ros.call(Info).max_bandwidth == 5000
