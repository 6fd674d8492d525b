"""/diagnostics of a real node: the right level, and the right words, for each fault."""
from collections.abc import Iterator
import itertools
from pathlib import Path
import statistics
from typing import Any

from diagnostics_listener import DiagnosticsListener, ERROR, OK, values_of, WARN
from flightlog_bucket.srv import Upload
import pytest
from std_srvs.srv import SetBool
from support import session_service
from support.faults import LOG_IN_PAGE, Reply
from support.logs import write_log
from support.session_service import ScriptedSessionService
from support.small_disk import SmallDisk

MIB = 1024 ** 2
TASKS = ['Credentials', 'Endpoint', 'Queue', 'Disk', 'Last error']
# So that the disk of the tests makes no difference.
NO_LIMITS = {f'diagnostics_{name}_{level}': type_(0) for name, type_ in (
    ('queue', int), ('queue_bytes', int), ('queue_age_s', float), ('free_bytes', int))
    for level in ('warn', 'error')}
SOON = {'diagnostics_fault_s_warn': 0.5, 'diagnostics_fault_s_error': 2.0}
NO_SUCH_BUCKET = Reply(404, 'NoSuchBucket', 'The specified bucket does not exist')


@pytest.fixture
def given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {**parameters, **NO_LIMITS, **SOON, 'request_timeout': 3}


@pytest.fixture
def heard(ros) -> Iterator[DiagnosticsListener]:
    with DiagnosticsListener(ros) as listener:
        yield listener


def enqueue(ros, path: Path) -> None:
    answer = ros.call(Upload, file_path=str(path), enqueue_only=True)
    assert answer.success, answer.error


def test_all_is_well(start_node, given, heard, log, ros) -> None:
    start_node(given).serving()
    assert ros.call(Upload, file_path=str(log)).success
    status = heard.wait_for('Credentials', OK, 'valid for another')
    assert values_of(status)['state'] == 'valid'
    assert values_of(status)['session_token_url'] == given['session_token_url']
    status = heard.wait_for('Endpoint', OK, 'S3 answered')
    assert values_of(status)['bucket_name'] == given['bucket_name']
    # What waits, and what is stored, is counted one after the other.
    status = heard.wait_until('Queue', lambda s: s.message == 'nothing waits'
                              and values_of(s)['stored'] == '1')
    assert status.level == OK
    heard.wait_for('Disk', OK, 'are left')
    heard.wait_for('Last error', OK, 'no error')
    message = heard.wait_for_message()
    assert [s.name for s in message.status] == [f'flightlog_bucket: {task}' for task in TASKS]
    assert {s.hardware_id for s in message.status} == {given['robot_instance_id']}


def test_it_is_told_once_a_second_with_the_whole_name_of_the_node(start_node, given, ros) -> None:
    with DiagnosticsListener(ros, 'fleet/robot7/flightlog_bucket') as heard:
        start_node(given, ros_arguments=('-r', '__ns:=/fleet/robot7')).serving()
        heard.wait_for_message(6)
    stamps = [m.header.stamp.sec + m.header.stamp.nanosec / 1e9 for m in heard.messages]
    # After one that was late, the next ones may come sooner.
    assert statistics.median(b - a for a, b in itertools.pairwise(stamps)) > 0.7


@pytest.mark.parametrize(('answer', 'words'), [
    (session_service.error(403), '403'),
    (session_service.hang_up(), 'session-token service'),
    (session_service.not_json(), 'session-token service'),
    (session_service.token(expiration='2001-01-01T00:00:00Z'), 'expire'),
])
def test_a_session_token_service_that_gives_none(start_node, given, heard, answer, words) -> None:
    with ScriptedSessionService(answer) as service:
        # The warning lasts long enough for a node that is heard of late.
        start_node({**given, 'session_token_url': service.url,
                    'diagnostics_fault_s_error': 8.0}).serving()
        heard.wait_until_told('Credentials', WARN, words)
        status = heard.wait_for('Credentials', ERROR, words)
        assert values_of(status)['state'] == 'failed'
        assert float(values_of(status)['failing_s']) >= 2.0
        assert words in values_of(status)['error']
        heard.wait_for('Endpoint', OK, 'not asked')
        service.default = session_service.token()
        heard.wait_until('Credentials', lambda s: values_of(s)['state'] == 'valid')


def test_no_session_token_service(start_node, given, heard) -> None:
    url = 'http://me:hush@127.0.0.1:9/token?key=hush'
    start_node({**given, 'session_token_url': url}).serving()
    status = heard.wait_for('Credentials', ERROR, 'no session token for')
    assert values_of(status)['session_token_url'] == 'http://127.0.0.1:9/token'
    assert 'hush' not in repr(heard.messages)


def test_a_session_token_that_s3_refuses(start_node, given, heard) -> None:
    with ScriptedSessionService() as service:
        start_node({**given, 'session_token_url': service.url}).serving()
        status = heard.wait_for('Credentials', ERROR, 'S3 has refused requests with this session')
        assert values_of(status)['state'] == 'valid'
        assert values_of(status)['refusal']
        heard.wait_for('Endpoint', OK)
        assert 'test-secret' not in repr(heard.messages)
        assert 'test-session-token' not in repr(heard.messages)


def test_an_s3_that_is_down_and_comes_back(start_node, given, heard, proxy) -> None:
    proxy.refuse()
    start_node({**given, 'endpoint_url': proxy.url, 'diagnostics_fault_s_error': 8.0}).serving()
    heard.wait_until_told('Endpoint', WARN, 'cannot be reached')
    status = heard.wait_for('Endpoint', ERROR, 'cannot be reached')
    assert values_of(status)['endpoint_url'] == proxy.url
    assert values_of(status)['succeeded_ago_s'] == ''
    heard.wait_for('Credentials', OK, 'valid')
    proxy.heal()
    # Nobody wants anything of it, and it is not called broken for that.
    status = heard.wait_for('Endpoint', OK, 'S3 answered')
    assert values_of(status)['failing_s'] == '0.0'


def test_somebody_else_in_the_place_of_s3(start_node, given, heard, proxy) -> None:
    proxy.fail(LOG_IN_PAGE, None)
    start_node({**given, 'endpoint_url': proxy.url}).serving()
    heard.wait_for('Endpoint', ERROR, 'is not S3')


def test_a_bucket_that_is_not_there(start_node, given, heard, proxy) -> None:
    proxy.fail(NO_SUCH_BUCKET, None)
    start_node({**given, 'endpoint_url': proxy.url}).serving()
    heard.wait_for('Endpoint', ERROR, 'there is no bucket')


def test_the_bucket_of_somebody_else(start_node, given, heard) -> None:
    start_node({**given, 'bucket_name': 'no-such-bucket'}).serving()
    heard.wait_for('Credentials', ERROR, 'Access denied')


def test_a_queue_that_grows(start_node, given, heard, proxy, ros, tmp_path) -> None:
    proxy.refuse()
    start_node({**given, 'endpoint_url': proxy.url, 'diagnostics_queue_warn': 2,
                'diagnostics_queue_error': 3}).serving()
    levels = {1: OK, 2: WARN, 3: ERROR}
    for count, level in levels.items():
        enqueue(ros, write_log(tmp_path / f'{count}.mcap', duration_s=float(count)))
        status = heard.wait_until('Queue', lambda s, n=count: values_of(s)['count'] == str(n))
        assert status.level == level
    assert int(values_of(status)['size_bytes']) > 0
    proxy.heal()
    heard.wait_for('Queue', OK, 'nothing waits')


@pytest.mark.parametrize(('limits', 'level'), [
    ({'diagnostics_queue_age_s_warn': 2.0}, WARN), ({'diagnostics_queue_age_s_error': 2.0}, ERROR),
    ({'diagnostics_queue_bytes_warn': 100}, WARN), ({'diagnostics_queue_bytes_error': 100}, ERROR),
])
def test_a_queue_that_is_old_or_large(start_node, given, heard, proxy, ros, log, limits,
                                      level) -> None:
    proxy.refuse()
    start_node({**given, 'endpoint_url': proxy.url, **limits}).serving()
    enqueue(ros, log)
    status = heard.wait_for('Queue', level, '1 log is not stored yet')
    assert '~/list_transfers' in status.message


def test_a_pause(start_node, given, heard, ros, log) -> None:
    start_node(given).serving()
    assert ros.call(SetBool, '/flightlog_bucket/set_paused', data=True).success
    heard.wait_for('Queue', OK, 'uploads are paused')
    enqueue(ros, log)
    heard.wait_for('Queue', WARN, 'uploads are paused, ~/set_paused lets them go on')
    assert ros.call(SetBool, '/flightlog_bucket/set_paused', data=False).success
    heard.wait_for('Queue', OK, 'nothing waits')


def test_a_disk_that_is_soon_full(start_node, given, heard, tmp_path) -> None:
    with SmallDisk(tmp_path / 'disk', 8 * MIB) as disk:
        start_node({**given, 'watch_directories': [str(disk.path)],
                    'diagnostics_free_bytes_warn': 4 * MIB,
                    'diagnostics_free_bytes_error': 2 * MIB}).serving()
        heard.wait_for('Disk', OK)
        (disk.path / 'half').write_bytes(bytes(5 * MIB))
        heard.wait_for('Disk', WARN, str(disk.path))
        disk.fill()
        status = heard.wait_for('Disk', ERROR, 'has 0 B left; make room there')
        assert values_of(status)['watch_directory 1 free_bytes'] == '0'
        disk.make_room()
        (disk.path / 'half').unlink()
        heard.wait_for('Disk', OK)


def test_a_watched_folder_that_is_not_there_yet(start_node, given, heard, tmp_path) -> None:
    folder = tmp_path / 'usb'
    start_node({**given, 'watch_directories': [str(folder)]}).serving()
    heard.wait_for('Disk', WARN, f'{folder}: No such file or directory')
    folder.mkdir()
    heard.wait_for('Disk', OK)


def test_a_log_that_is_rejected(start_node, given, heard, ros, tmp_path) -> None:
    start_node({**given, 'diagnostics_last_error_s': 3.0,
                'watch_directories': [str(tmp_path / 'data')], 'settle_s': 0.2,
                'rescan_period_s': 1.0}).serving()
    (tmp_path / 'data').mkdir()
    hostile = tmp_path / 'data' / 'red\x1b[31m\nlog.mcap'
    hostile.write_bytes(b'no mcap at all')
    status = heard.wait_until_told('Last error', WARN, 'File validation failed')
    assert status.message.isprintable()
    assert all(value.isprintable() for value in values_of(status).values())
    status = heard.wait_for('Last error', OK, 'none for')
    assert 'File validation failed' in values_of(status)['error 1']
    heard.wait_until('Queue', lambda s: values_of(s)['rejected'] == '1')
