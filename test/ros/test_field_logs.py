"""The search for stored logs: a real node over real HTTP, and a real S3."""
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.srv import Upload
from flightlog_bucket.web import field_answers
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient, kept_port
from support.logs import METADATA, write_log

UPLOAD = '/flightlog_bucket/upload'
PREFIX = 'flight_logs/drone-field/'
FOREIGN = [f'202401{day:02}_{hour:02}0000_patrol.ulg' for day in range(1, 29)
           for hour in range(24)]
"""Stored by others: nothing is known of these but their names."""


def found(http: HttpClient, **query: object) -> Any:
    answer = http.get(f'/robot/logs?{urlencode(query, quote_via=quote)}')
    assert answer.status == 200, answer.body
    field_answers.Logs(**answer.json())
    for log in answer.json()['logs']:
        assert set(log) == set(field_answers.Log.__annotations__)
    return answer.json()


def names(answer: Any) -> list[str]:
    return [log['name'] for log in answer['logs']]


def walked(http: HttpClient, query: Mapping[str, object], pages: int = 3) -> list[str]:
    """Return the names on all pages, of which there are at most so many."""
    seen: list[str] = []
    cursor: Any = ''
    for _ in range(pages):
        answer = found(http, **query, cursor=cursor)
        seen += names(answer)
        cursor = answer['next_cursor']
        if cursor is None:
            return seen
    raise AssertionError('it does not end')


def start_of(day: str) -> int:
    moment = datetime.strptime(day, '%Y-%m-%d %H:%M').replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 10**9


@pytest.fixture(scope='module')
def field(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, ros: RosClient,
          ) -> Iterator[tuple[HttpClient, FaultProxy]]:
    """Give a client of a node that has stored some logs, and what breaks its way to S3."""
    folder = tmp_path_factory.mktemp('field')
    admin = sandbox.admin_client()
    for name in [*FOREIGN, 'notes.txt']:
        admin.put_object(Bucket=sandbox.bucket_name, Key=PREFIX + name, Body=b'x')
    with kept_port() as port, FaultProxy(sandbox.endpoint_url) as proxy:
        node = NodeProcess(folder / 'node', {
            **sandbox.node_parameters(), 'http_port': port, 'endpoint_url': proxy.url,
            'robot_instance_id': 'drone-field', 'request_timeout': 10})
        try:
            node.serving()
            for path in logs_in(folder):
                answer = ros.call(Upload, UPLOAD, file_path=str(path))
                assert answer.success, answer.error
            yield HttpClient(port).serving(), proxy
        finally:
            node.stop()
            ros.forget()


def logs_in(folder: Path) -> Iterator[Path]:
    yield write_log(folder / 'morning flight.ulg', start_of('2025-07-27 08:00'))
    yield write_log(folder / 'Evening.mcap', start_of('2025-07-27 20:00'))
    yield write_log(folder / 'night.bag', start_of('2025-07-28 01:00'))
    bag = folder / 'run'
    bag.mkdir()
    write_log(bag / 'run_0.mcap', start_of('2025-07-27 14:30'))
    (bag / 'metadata.yaml').write_text(METADATA)
    yield bag


@pytest.fixture
def http(field: tuple[HttpClient, FaultProxy]) -> HttpClient:
    return field[0]


def test_the_newest_come_first(http: HttpClient) -> None:
    answer = found(http, most=6)
    assert names(answer) == [
        '20250728_010000_night.bag', '20250727_200000_Evening.mcap',
        '20250727_143000_run/run_0.mcap', '20250727_143000_run/metadata.yaml',
        '20250727_080000_morning flight.ulg', FOREIGN[-1]]
    assert (answer['source'], answer['note']) == ('bucket', '')


def test_what_is_known_of_each(http: HttpClient) -> None:
    (log,) = found(http, text='morning')['logs']
    assert log['key'] == PREFIX + log['name']
    assert (log['format'], log['verdict'], log['verdict_reason']) == ('ulog', 'valid', '')
    assert log['start'] == '2025-07-27T08:00:00+00:00'
    assert 1 < log['duration_s'] < 3
    assert log['message_count'] == log['description']['message_count'] > 0
    assert 'vehicle_attitude' in log['topics']
    assert log['url'].endswith('morning%20flight.ulg')
    assert log['last_modified'].endswith('+00:00')
    (foreign,) = found(http, text=FOREIGN[0])['logs']
    assert (foreign['format'], foreign['start'], foreign['description']) == ('', None, None)
    assert (foreign['topics'], foreign['size']) == ([], 1)


@pytest.mark.parametrize('query, expected', [
    ({'text': 'EVENING'}, ['20250727_200000_Evening.mcap']),
    ({'text': 'flight morn'}, ['20250727_080000_morning flight.ulg']),
    ({'text': 'notes'}, ['notes.txt']),
    ({'text': 'nowhere'}, []),
    ({'since': '2025-07-28'}, ['20250728_010000_night.bag']),
    ({'since': '2025-07-27', 'until': '2025-07-27', 'text': 'mcap'},
     ['20250727_200000_Evening.mcap', '20250727_143000_run/run_0.mcap']),
    ({'until': '2024-01-01', 'text': '_00'}, [FOREIGN[0]]),
    ({'until': '2023-12-31'}, []),
    ({'topic': 'VEHICLE_att'}, ['20250727_080000_morning flight.ulg']),
    ({'topic': 'local_position', 'until': '2025-07-27', 'text': 'ulg'},
     ['20250727_080000_morning flight.ulg']),
    ({'topic': 'nothing has this'}, []),
    ({'text': '%', }, []), ({'text': '<script>'}, [])])
def test_what_is_looked_for(query: dict[str, str], expected: list[str], http: HttpClient) -> None:
    assert walked(http, query) == expected


def test_page_after_page(http: HttpClient) -> None:
    query = {'until': '2024-12-31', 'text': 'patrol', 'most': 100}
    assert walked(http, query, pages=10) == FOREIGN[::-1]


def test_without_a_network_what_is_known_is_shown(field: tuple[HttpClient, FaultProxy]) -> None:
    http, proxy = field
    proxy.refuse()
    try:
        answer = found(http, text='2025')
        assert answer['source'] == 'ledger'
        assert 'The storage is not reached now' in answer['note']
        assert names(answer) == names_of_own()
        assert {log['url'] for log in answer['logs']} == {None}
        assert 'vehicle_attitude' in answer['logs'][-1]['topics']
        page = found(http, most=2)
        assert names(page) == names_of_own()[:2]
        assert names(found(http, cursor=page['next_cursor'])) == names_of_own()[2:]
        assert names(found(http, since='2025-07-28')) == ['20250728_010000_night.bag']
    finally:
        proxy.heal()
    wait_until(lambda: found(http, most=1)['source'] == 'bucket', 60)


def names_of_own() -> list[str]:
    return ['20250728_010000_night.bag', '20250727_200000_Evening.mcap',
            '20250727_143000_run/run_0.mcap', '20250727_143000_run/metadata.yaml',
            '20250727_080000_morning flight.ulg']


def test_what_was_deleted_is_not_found_any_more(http: HttpClient, sandbox: Sandbox) -> None:
    key = PREFIX + FOREIGN[7]
    assert names(found(http, text=FOREIGN[7])) == [FOREIGN[7]]
    assert http.ask('DELETE', f'/bucket/delete/{key}').status == 200
    assert found(http, text=FOREIGN[7])['logs'] == []
    # As the other tests want it, whichever comes first.
    sandbox.admin_client().put_object(Bucket=sandbox.bucket_name, Key=key, Body=b'x')


def test_a_bucket_that_may_not_be_listed(
        start_node: Callable[..., NodeProcess], parameters: dict[str, Any], port: int) -> None:
    start_node({**parameters, 'bucket_name': 'nobodys-bucket', 'http_port': port}).serving()
    answer = found(HttpClient(port).serving())
    assert (answer['logs'], answer['source']) == ([], 'ledger')
    assert 'nobodys-bucket' in answer['note']
