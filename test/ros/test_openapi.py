"""The REST API does what its own description says, whatever comes."""
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from hypothesis import given, HealthCheck, Phase, settings
from node_process import NodeProcess
import pytest
import requests
from ros_client import RosClient
from support.expect import wait_until
from support.http_client import HttpClient, kept_port
from support.logs import write_dated_log

schemathesis = pytest.importorskip('schemathesis', '4.0', reason='schemathesis is missing')

TOKEN = 'no-secret-but-a-token'
EXAMPLES = 25
STREAMS = {('get', '/robot/events')}
"""What does not end by itself."""
OPERATIONS = (
    ('post', '/bucket/upload'), ('get', '/bucket/list'), ('get', '/bucket/download/{s3_key}'),
    ('delete', '/bucket/delete/{s3_key}'), ('get', '/bucket/info'), ('get', '/robot/state'),
    ('get', '/robot/transfers'), ('get', '/robot/logs'), ('post', '/robot/retry'),
    ('post', '/robot/pause'), ('post', '/robot/discard'), ('post', '/robot/ticket'))
CHECKS = ('not_a_server_error', 'status_code_conformance', 'content_type_conformance',
          'response_headers_conformance', 'response_schema_conformance')


@pytest.fixture(scope='module')
def client(sandbox: Sandbox, ros: RosClient, tmp_path_factory: pytest.TempPathFactory,
           ) -> Iterator[HttpClient]:
    """Return a client of a node that asks for a token."""
    home = tmp_path_factory.mktemp('openapi')
    token = home / 'token'
    token.write_text(TOKEN)
    with kept_port() as port:
        node = NodeProcess(home / 'node', {
            **sandbox.node_parameters(), 'robot_instance_id': 'drone-openapi',
            'http_port': port, 'http_token_file': str(token)})
        try:
            yield HttpClient(port, TOKEN).serving()
            assert node.is_running()
            assert 'Traceback' not in node.log, node.log
        finally:
            node.stop()
            ros.forget()


@pytest.fixture(scope='module')
def description(client: HttpClient) -> Any:
    return client.get('/openapi.json').json()


def test_every_operation_is_asked(description: Any) -> None:
    described = {(method, path) for path, methods in description['paths'].items()
                 for method in methods}
    assert described == {*OPERATIONS, *STREAMS}


def test_every_operation_is_described(description: Any) -> None:
    lacking = []
    for path, methods in description['paths'].items():
        for method, operation in methods.items():
            answers = set(operation['responses'])
            if not (operation.get('summary') and operation.get('description')):
                lacking.append((method, path, 'what it is'))
            if 'default' not in answers and not {'400', '401', '403', '500'} <= answers:
                lacking.append((method, path, answers))
            # What FastAPI would refuse with 422 is refused with 400.
            if '422' in answers and path != '/bucket/upload':
                lacking.append((method, path, '422'))
    assert not lacking


@pytest.fixture
def ask(client: HttpClient, description: Any) -> Callable[..., requests.Response]:
    """Return what asks for something that is there; the answer fits its description."""
    schema = schemathesis.openapi.from_dict(description)

    def ask_rightly(method: str, path: str, s3_key: str = '', status: int = 200,
                    **body: Any) -> requests.Response:
        answer = requests.request(
            method, f'http://127.0.0.1:{client.port}{path.format(s3_key=s3_key)}', timeout=30,
            headers={'Authorization': f'Bearer {TOKEN}', **body.pop('headers', {})}, **body)
        assert answer.status_code == status, answer.text
        schema[path.partition('?')[0]][method].validate_response(answer)
        return answer
    return ask_rightly


def test_what_is_there_is_as_described(ask: Callable[..., requests.Response],
                                       tmp_path: Path) -> None:
    log = write_dated_log(tmp_path / f'{tmp_path.name}.ulg')
    with open(log, 'rb') as stream:
        key = ask('post', '/bucket/upload', files={'file': stream}).json()['s3_key']
        stream.seek(0)
        ask('post', '/bucket/upload', files={'file': stream}, data={'enqueue_only': 'true'},
            status=202)
    # Else it may go up when the object is deleted, and be there again.
    wait_until(lambda: ask('get', '/robot/transfers?states=queued,uploading').json()['total'] == 0)
    assert key in ask('get', '/bucket/list').text
    whole = ask('get', '/bucket/download/{s3_key}', key)
    assert whole.content == log.read_bytes()
    part = ask('get', '/bucket/download/{s3_key}', key, headers={'Range': 'bytes=7-9'}, status=206)
    assert part.content == log.read_bytes()[7:10]
    ask('get', '/bucket/download/{s3_key}', key, headers={'Range': 'bytes=9999999-'}, status=416)
    ask('get', '/bucket/info')
    ask('get', '/robot/state')
    assert key in ask('get', '/robot/transfers?states=stored').text
    assert key in ask('get', '/robot/logs').text
    assert 'ticket' in ask('post', '/robot/ticket', json={'s3_key': key}).json()
    ask('post', '/robot/retry')
    for paused in (True, False):
        ask('post', '/robot/pause', json={'paused': paused})
    ask('delete', '/bucket/delete/{s3_key}', key)
    ask('delete', '/bucket/delete/{s3_key}', key, status=404)


@pytest.mark.parametrize('mode', ['positive', 'negative'])
@pytest.mark.parametrize(('method', 'path'), OPERATIONS)
def test_an_operation(client: HttpClient, description: Any, method: str, path: str,
                      mode: str) -> None:
    from schemathesis import checks
    schema = schemathesis.openapi.from_dict(description)
    cases = schema[path][method].as_strategy(schemathesis.GenerationMode(mode))
    asked = [getattr(checks, name) for name in CHECKS]

    @given(case=cases)
    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None,
              phases=[Phase.explicit, Phase.generate],
              suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        case.call_and_validate(base_url=f'http://127.0.0.1:{client.port}', checks=asked,
                               headers={'Authorization': f'Bearer {TOKEN}'}, timeout=30)
    send()
