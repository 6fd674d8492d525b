"""What the field API refuses, and with which words."""
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import Retry
from http_node import http_node
import pytest
from ros_client import RosClient
from support.http_client import HttpClient, kept_port, refused

RETRY = '/flightlog_bucket/retry'


@pytest.fixture(scope='module')
def shared(tmp_path_factory: pytest.TempPathFactory, sandbox: Any, ros: RosClient) -> Any:
    """Give a client of one node for what changes nothing."""
    with kept_port() as port, http_node(
            tmp_path_factory.mktemp('shared'),
            {**sandbox.node_parameters(), 'http_port': port}, ros) as client:
        yield client


@pytest.mark.parametrize('path, body, words', [
    ('retry', {'paths': ['']}, 'paths is empty'),
    ('retry', {'paths': ['/a\0']}, 'paths holds a NUL character'),
    ('retry', {'paths': ['/' + 'x' * 5000]}, 'paths is '),
    ('retry', {'paths': ['/x'] * 1001}, 'paths has 1001 entries'),
    ('retry', {'paths': '/x'}, 'paths'), ('retry', {'path': ['/x']}, 'path'),
    ('retry', {'ids': ['7']}, 'ids'), ('retry', {'ids': [True]}, 'ids'),
    ('retry', {'ids': [-1]}, 'ids has -1'), ('retry', {'ids': [2 ** 63]}, 'ids has '),
    ('retry', [], ''), ('pause', {}, 'paused'), ('pause', {'paused': 'yes'}, 'paused'),
    ('pause', {'paused': 1}, 'paused'), ('pause', None, ''), ('discard', None, ''),
    ('discard', {}, 'neither paths nor ids')])
def test_what_cannot_be_meant(path: str, body: Any, words: str, shared: HttpClient) -> None:
    refused(shared.post(f'/robot/{path}', body), 400, words)


@pytest.mark.parametrize('query, words', [
    ('transfers?states=open', "'open' is not the state of a transfer"),
    ('transfers?most=1001', 'most is 1001; give 1 to 1000, or 0 for 1000'),
    ('transfers?most=-1', 'most'), ('transfers?most=many', 'most'),
    ('logs?most=201', 'most is 201; give 1 to 200'), ('logs?most=x', 'most'),
    ('logs?since=yesterday', 'give a day as YYYY-MM-DD'),
    ('logs?until=2025-02-30', "until is '2025-02-30'"),
    ('logs?since=20250727', 'YYYY-MM-DD'),
    ('logs?since=2025-07-28&until=2025-07-27', 'after until'),
    ('logs?cursor=abc', 'cursor is not one'), ('logs?text=' + 'x' * 201, 'text has 201'),
    ('logs?topic=' + 'x' * 201, 'topic has 201')])
def test_a_question_that_cannot_be_meant(query: str, words: str, shared: HttpClient) -> None:
    refused(shared.get(f'/robot/{query}'), 400, words)


def test_what_is_not_known(shared: HttpClient, tmp_path: Path) -> None:
    path = tmp_path / 'never.ulg'
    refused(shared.post('/robot/retry', {'paths': [str(path)]}), 404, str(path), 'upload it')
    refused(shared.post('/robot/retry', {'ids': [2 ** 62]}), 404, f'no transfer {2 ** 62}')
    refused(shared.post('/robot/discard', {'ids': [2 ** 62]}), 404, 'no transfer')


def test_the_words_are_those_of_the_service(shared: HttpClient, ros: RosClient) -> None:
    answer = ros.call(Retry, RETRY, file_paths=['/no/such.ulg'])
    refused(shared.post('/robot/retry', {'paths': ['/no/such.ulg']}), answer.status, answer.error)
