"""What the page is shown, and what it steers: a real node over real HTTP."""
from collections.abc import Callable
import os
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import ListTransfers, Upload
from flightlog_bucket.web import field_answers
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.event_reader import EventReader, states
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient, refused
from support.logs import write_log

UPLOAD, RETRY = '/flightlog_bucket/upload', '/flightlog_bucket/retry'


def state_of(http: HttpClient) -> Any:
    answer = http.get('/robot/state')
    assert answer.status == 200
    # As it is described, with nothing besides.
    assert set(answer.json()) == set(field_answers.State.__annotations__) | {'success', 'status'}
    field_answers.State(**answer.json())
    return answer.json()


def transfers(http: HttpClient, query: str = '') -> Any:
    answer = http.get(f'/robot/transfers{query}')
    assert answer.status == 200
    field_answers.Transfers(**answer.json())
    for transfer in answer.json()['transfers']:
        assert set(transfer) == set(field_answers.Transfer.__annotations__)
    return answer.json()


def enqueue(ros: RosClient, path: Path) -> None:
    assert ros.call(Upload, UPLOAD, file_path=str(path), enqueue_only=True).success


def test_how_the_robot_stands(http: HttpClient, ros: RosClient, log: Path,
                              parameters: dict[str, Any]) -> None:
    assert ros.call(Upload, UPLOAD, file_path=str(log)).success

    def is_counted() -> bool:
        # One after the other, and again if something has changed meanwhile.
        now = state_of(http)
        return (now['disk'] is not None and (now['counts'] or {}).get('stored') == 1
                and now['backlog']['count'] == 0)
    wait_until(is_counted)
    state = state_of(http)
    assert state['machine'] == parameters['robot_instance_id']
    assert state['counts'] == {'queued': 0, 'uploading': 0, 'stored': 1, 'rejected': 0}
    assert state['backlog'] == {'count': 0, 'bytes': 0}
    assert (state['paused'], state['max_bandwidth'], state['remaining_s']) == (False, 0, None)
    assert [health['name'] for health in state['health']] == [
        'Credentials', 'Endpoint', 'Queue', 'Disk', 'Last error']
    assert {health['level'] for health in state['health']} == {'ok'}
    assert state['link']['state'] == 'up'
    assert 0 < state['disk']['free_bytes'] <= state['disk']['total_bytes']
    assert '.mcap' in state['accepts']['extensions']
    assert state['last_errors'] == []
    assert 'secret' not in str(state).lower()


def test_a_link_that_is_down_and_comes_back(
        start_node: Callable[..., NodeProcess], parameters: dict[str, Any], port: int,
        proxy: FaultProxy, ros: RosClient, log: Path) -> None:
    proxy.refuse()
    start_node({**parameters, 'endpoint_url': proxy.url, 'http_port': port,
                'retry_max_delay_s': 1}).serving()
    http = HttpClient(port).serving()
    enqueue(ros, log)
    wait_until(lambda: state_of(http)['link']['state'] == 'down')
    wait_until(lambda: state_of(http)['last_errors'])
    waiting: list[Any] = []  # it is queued between two tries

    def waits() -> bool:
        waiting[:] = [t for t in transfers(http)['transfers']
                      if t['state'] == 'queued' and t['reason'] and t['next_attempt']]
        return bool(waiting)
    wait_until(waits)
    assert waiting[0]['is_received'] is False
    assert waiting[0]['next_attempt'].endswith('+00:00')
    proxy.heal()
    wait_until(lambda: state_of(http)['link']['state'] == 'up', 60)
    wait_until(lambda: transfers(http)['total'] == 0, 60)


def test_uploads_are_paused_and_go_on(http: HttpClient, ros: RosClient, log: Path) -> None:
    answer = http.post('/robot/pause', {'paused': True})
    assert (answer.status, answer.json()) == (200, {'success': True, 'status': 200,
                                                    'paused': True})
    assert state_of(http)['paused'] is True
    enqueue(ros, log)
    found = transfers(http)
    assert states(found) == {log.name: 'queued'}
    assert 'paused' in found['transfers'][0]['reason']
    assert http.post('/robot/pause', {'paused': False}).json()['paused'] is False
    wait_until(lambda: transfers(http)['total'] == 0)
    assert states(transfers(http, '?states=stored')) == {log.name: 'stored'}


def test_the_list_is_that_of_the_service(http: HttpClient, ros: RosClient,
                                         tmp_path: Path) -> None:
    http.post('/robot/pause', {'paused': True})
    logs = [write_log(tmp_path / f'{number}.ulg', duration_s=number) for number in range(1, 5)]
    for log in reversed(logs):
        enqueue(ros, log)
    listed = ros.call(ListTransfers, '/flightlog_bucket/list_transfers')
    found = transfers(http)
    assert [t['path'] for t in found['transfers']] == [t.path for t in listed.transfers]
    assert [t['id'] for t in found['transfers']] == [t.id for t in listed.transfers]
    assert found['total'] == listed.total == 4
    some = transfers(http, '?states=queued,rejected&most=2')
    assert (some['transfers'], some['total']) == (found['transfers'][:2], 4)
    assert transfers(http, '?states=uploading') == {
        'success': True, 'status': 200, 'transfers': [], 'total': 0}


def rejected_log(http: HttpClient, ros: RosClient, path: Path) -> int:
    """Let a log be accepted, and refused when its turn has come; return its number."""
    http.post('/robot/pause', {'paused': True})
    write_log(path)
    enqueue(ros, path)
    path.write_bytes(b'no log at all')
    http.post('/robot/pause', {'paused': False})
    wait_until(lambda: transfers(http, '?states=rejected')['total'] == 1)
    return int(transfers(http, '?states=rejected')['transfers'][0]['id'])


@pytest.mark.parametrize('by', ['paths', 'ids', 'nothing', 'null', 'empty'])
def test_a_rejected_log_is_tried_again(by: str, http: HttpClient, ros: RosClient,
                                       tmp_path: Path) -> None:
    path = tmp_path / 'x.ulg'
    number = rejected_log(http, ros, path)
    path.unlink()
    write_log(path)
    body = {'paths': {'paths': [str(path)]}, 'ids': {'ids': [number]}, 'nothing': None,
            'null': b'null', 'empty': {'paths': [], 'ids': []}}[by]
    answer = http.post('/robot/retry', body, **(
        {'Content_Type': 'application/json'} if by == 'null' else {}))
    assert (answer.status, answer.json()) == (200, {'success': True, 'status': 200, 'retried': 1})
    wait_until(lambda: transfers(http)['total'] == 0)


def test_a_name_that_is_no_utf8_is_shown_and_tried_again(
        start_node: Callable[..., NodeProcess], parameters: dict[str, Any], port: int,
        tmp_path: Path) -> None:
    folder = tmp_path / 'logs'
    folder.mkdir()
    odd = Path(os.fsdecode(os.fsencode(folder) + b'/\xff<b>\n.ulg'))
    start_node({**parameters, 'http_port': port, 'watch_directories': [str(folder)],
                'robot_instance_id': 'drone-odd', 'settle_s': 4.0}).serving()
    http = HttpClient(port).serving()
    http.post('/robot/pause', {'paused': True})
    write_log(tmp_path / 'x.ulg').rename(odd)
    wait_until(lambda: transfers(http)['total'] == 1)
    odd.write_bytes(b'no log at all')
    http.post('/robot/pause', {'paused': False})
    wait_until(lambda: transfers(http, '?states=rejected')['total'] == 1)
    (transfer,) = transfers(http)['transfers']
    assert transfer['name'] == '\\udcff<b>\n.ulg'
    refused(http.post('/robot/retry', {'paths': [transfer['path']]}), 404, 'upload it')
    odd.unlink()
    write_log(tmp_path / 'x.ulg').rename(odd)
    # The folder is watched: by now, it may go up without being asked, as another transfer.
    assert http.post('/robot/retry', {'ids': [transfer['id']]}).status == 200
    wait_until(lambda: transfers(http, '?states=stored')['total'] > 0, 60)
    (log,) = http.get('/robot/logs').json()['logs']
    assert log['name'].endswith('__<b>_.ulg')


def test_only_what_came_over_http_is_discarded(http: HttpClient, ros: RosClient,
                                               tmp_path: Path) -> None:
    path = tmp_path / 'x.ulg'
    number = rejected_log(http, ros, path)
    for body in ({'paths': [str(path)]}, {'ids': [number]}):
        refused(http.post('/robot/discard', body), 400, 'was not received over HTTP')
    assert path.exists()
    assert transfers(http, '?states=rejected')['total'] == 1


@pytest.fixture
def own_http(start_node: Callable[..., NodeProcess], parameters: dict[str, Any], port: int,
             tmp_path: Path) -> HttpClient:
    """Return a client of a node that nobody else asks."""
    start_node({**parameters, 'http_port': port,
                'state_directory': str(tmp_path / 'state')}).serving()
    return HttpClient(port).serving()


def received_and_rejected(http: HttpClient, log: Path) -> tuple[int, Path]:
    """Return the transfer and the path of a log that came over HTTP, and was damaged there."""
    http.post('/robot/pause', {'paused': True})
    assert http.upload(log.name, log.read_bytes(), enqueue_only='true').status == 202
    (transfer,) = transfers(http)['transfers']
    assert transfer['is_received'] is True
    path = Path(transfer['path'])
    refused(http.post('/robot/discard', {'ids': [transfer['id']]}), 400, 'is queued')
    path.write_bytes(b'no log at all')
    http.post('/robot/pause', {'paused': False})
    wait_until(lambda: transfers(http, '?states=rejected')['total'] == 1)
    return transfer['id'], path


def test_of_some_that_are_not_all_discarded_it_is_told_how_many_were(
        own_http: HttpClient, log: Path) -> None:
    number, path = received_and_rejected(own_http, log)
    answer = own_http.post('/robot/discard', {'ids': [number], 'paths': [str(path), str(log)]})
    refused(answer, 400, 'was not received over HTTP')
    refused(answer, 400, '1 of 2 were discarded before')
    assert (path.exists(), log.exists()) == (False, True)


def test_a_log_that_came_over_http_and_was_rejected_is_discarded(
        own_http: HttpClient, log: Path) -> None:
    http = own_http
    _, path = received_and_rejected(http, log)
    with EventReader(http) as events:
        assert states(events.until('transfers')) == {log.name: 'rejected'}
        answer = http.post('/robot/discard', {'paths': [str(path), str(path)]})
        assert (answer.status, answer.json()) == (200, {'success': True, 'status': 200,
                                                        'discarded': 1})
        # All that there are: this one has no state any more that could be told.
        gone = events.until('transfers', lambda data: data['whole'])
        assert gone == {'transfers': [], 'total': 0, 'whole': True}
    assert not path.exists()
    refused(http.post('/robot/discard', {'paths': [str(path)]}), 404, str(path))
