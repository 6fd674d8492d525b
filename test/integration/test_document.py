"""The usage examples of the document run as they are printed, but for import and paths."""
import ast
import asyncio
from collections.abc import Iterator
import inspect
import logging
from pathlib import Path
import socket
from typing import Any

from flightlog_bucket import S3BucketProxy
from flightlog_bucket.errors import (
    AccessDenied,
    AuthenticationFailed,
    InvalidExtension,
    ObjectNotFound,
    ValidationFailed,
)
from flightlog_bucket.sandbox import Sandbox
import pytest
import requests
from support.logs import write_dated_log, write_log
from support.session_service import error, ScriptedSessionService

CONFIGURATION = """
proxy = S3BucketProxy(
    session_token_url="http://localhost:3000/session-token",  # Session service URL
    bucket_name="flight-logs-bucket",                         # S3 bucket name
    region="us-east-1",                                       # AWS region
    upload_prefix="flight_logs/",                             # S3 key prefix
    debug=False,                                             # Debug logging
    request_timeout=30                                       # Request timeout seconds
)
"""

SESSION_TOKEN_SERVICE = '''
def get_session_credentials():
    """Fetch AWS session credentials from the session manager"""
    response = requests.post(session_token_url)
    return response.json()  # Should contain: accessKeyId, secretAccessKey, sessionToken
'''

INITIALIZE = """
proxy = S3BucketProxy(
    session_token_url="http://session-service:3000/token",
    bucket_name="my-flight-logs",
    region="us-west-2"
)
await proxy.start()
"""

UPLOAD = """
from pathlib import Path

result = await proxy.upload_file(
    file_path=Path("/path/to/flight.ulg"),
    machine_id="drone-123",
    custom_filename="mission_2025_01_15.ulg"
)

if result.get("success"):
    print(f"Uploaded to: {result['s3_key']}")
    print(f"File URL: {result['file_url']}")
"""

LIST = """
result = await proxy.list_files(machine_id="drone-123")
if result.get("success"):
    for file_info in result.get("files", []):
        print(f"File: {file_info['key']}, Size: {file_info['size']}")
"""

DOWNLOAD = """
result = await proxy.download_file(
    s3_key="flight_logs/drone-123/20250727_143022_mission_log.ulg",
    local_path=Path("/downloads/mission_log.ulg")
)

if result.get("success"):
    print(f"Downloaded to: {result['local_path']}")
"""

INTEGRATE = """
bucket_proxy = S3BucketProxy(
    session_token_url=config.SESSION_TOKEN_URL,
    bucket_name=config.S3_BUCKET_NAME,
    region=config.AWS_REGION
)

# Add to proxy registry
proxies["bucket"] = bucket_proxy
"""

DOCUMENTED_KEY = 'flight_logs/drone-123/20250727_143022_mission_log.ulg'


@pytest.fixture(scope='module')
def document_sandbox() -> Iterator[Sandbox]:
    """Give the bucket, the region and the machine of the document."""
    with Sandbox(bucket_name='my-flight-logs', region='us-west-2',
                 robot_instance_id='drone-123') as running:
        yield running


@pytest.fixture(autouse=True)
def robot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROBOT_INSTANCE_ID', 'drone-123')


class Example:
    """
    Runs snippets one after the other, as in one session of ``python -m asyncio``.

    :param servers: the addresses that stand for those in the snippets
    """

    def __init__(self, servers: Sandbox) -> None:
        def proxy(session_token_url: str, **arguments: Any) -> S3BucketProxy:
            assert session_token_url == 'http://session-service:3000/token'
            return S3BucketProxy(session_token_url=servers.session_token_url,
                                 endpoint_url=servers.endpoint_url, **arguments)

        self.names: dict[str, Any] = {'S3BucketProxy': proxy, 'Path': Path}

    async def run(self, snippet: str, **paths: Path) -> dict[str, Any]:
        """Run a snippet with other ``paths``; return the names it has set."""
        for printed, path in paths.items():
            assert snippet.count(PATHS[printed]) == 1
            snippet = snippet.replace(PATHS[printed], str(path))
        code = compile(snippet, 'document', 'exec', flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, self.names)
        if inspect.isawaitable(result):
            await result
        return self.names


PATHS = {'flight': '/path/to/flight.ulg', 'mission_log': '/downloads/mission_log.ulg'}


def test_a_day_with_the_document(document_sandbox, tmp_path, capsys):
    """Initialise, upload, list, download: the examples in their order."""
    log = write_dated_log(tmp_path / 'flight.ulg')
    target = tmp_path / 'downloads' / 'mission_log.ulg'

    async def day() -> dict[str, Any]:
        example = Example(document_sandbox)
        names = await example.run(INITIALIZE)
        try:
            await example.run(UPLOAD, flight=log)
            assert names['result']['success'] is True
            # The object that the example downloads.
            stored = await names['proxy'].upload_file(log, custom_filename='mission_log.ulg')
            assert stored['s3_key'] == DOCUMENTED_KEY
            await example.run(LIST)
            await example.run(DOWNLOAD, mission_log=target)
            return names
        finally:
            await names['proxy'].stop()

    asyncio.run(day())
    url = f'{document_sandbox.endpoint_url}/my-flight-logs'
    key, size = 'flight_logs/drone-123/20250727_143022_mission_2025_01_15.ulg', log.stat().st_size
    assert capsys.readouterr().out.splitlines() == [
        f'Uploaded to: {key}', f'File URL: {url}/{key}', f'File: {key}, Size: {size}',
        f'File: {DOCUMENTED_KEY}, Size: {size}', f'Downloaded to: {target}']
    assert target.read_bytes() == log.read_bytes()


def test_the_examples_of_the_configuration():
    names: dict[str, Any] = {'S3BucketProxy': S3BucketProxy}
    exec(CONFIGURATION, names)
    assert isinstance(names['proxy'], S3BucketProxy)


def test_the_defaults_are_those_of_the_document():
    parameters = inspect.signature(S3BucketProxy).parameters
    assert list(parameters)[:6] == ['session_token_url', 'bucket_name', 'region',
                                    'upload_prefix', 'debug', 'request_timeout']
    assert {n: p.default for n, p in parameters.items() if n in (
        'region', 'upload_prefix', 'debug', 'request_timeout')} == {
        'region': 'us-east-1', 'upload_prefix': 'flight_logs/', 'debug': False,
        'request_timeout': 30}


def test_the_proxy_starts_without_a_network(monkeypatch, caplog):
    """As printed to the letter: nobody knows the name of the session service."""
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)

    async def day() -> dict[str, Any]:
        names: dict[str, Any] = {'S3BucketProxy': S3BucketProxy}
        await eval(compile(INITIALIZE, 'document', 'exec',
                           flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        info: dict[str, Any] = await names['proxy'].info()
        await names['proxy'].stop()
        return info

    with caplog.at_level(logging.WARNING, 'flightlog_bucket'):
        info = asyncio.run(day())
    assert info['success'] is True
    assert info['machine_prefix'] == 'flight_logs/drone-123/'
    assert info['credentials']['state'] == 'failed'
    assert 'started without a session token' in caplog.text


def test_get_session_credentials(document_sandbox):
    names: dict[str, Any] = {'requests': requests,
                             'session_token_url': document_sandbox.session_token_url}
    exec(SESSION_TOKEN_SERVICE, names)
    found = names['get_session_credentials']()
    assert {'accessKeyId', 'secretAccessKey', 'sessionToken'} <= set(found)


def test_in_the_registry_of_an_application(document_sandbox):
    class Config:
        SESSION_TOKEN_URL = document_sandbox.session_token_url
        S3_BUCKET_NAME = 'my-flight-logs'
        AWS_REGION = 'us-west-2'

    names: dict[str, Any] = {'S3BucketProxy': S3BucketProxy, 'config': Config, 'proxies': {}}
    exec(INTEGRATE, names)
    assert names['proxies'] == {'bucket': names['bucket_proxy']}


def test_the_common_errors(document_sandbox, tmp_path):
    """Each is a description and a status, under the name that the document gives it."""
    text = tmp_path / 'notes.txt'
    text.write_text('no log')
    fake = tmp_path / 'fake.ulg'
    fake.write_bytes(b'no log')
    log = write_log(tmp_path / 'flight.ulg')

    async def day(refusing: str) -> list[dict[str, Any]]:
        common: dict[str, Any] = {'bucket_name': 'my-flight-logs', 'region': 'us-west-2',
                                  'endpoint_url': document_sandbox.endpoint_url}
        proxy = S3BucketProxy(document_sandbox.session_token_url, **common)
        refused = S3BucketProxy(refusing, **common)
        await proxy.start()
        await refused.start()
        try:
            return [
                await proxy.upload_file(text), await proxy.upload_file(fake),
                await refused.upload_file(log),
                await proxy.download_file(DOCUMENTED_KEY.replace('123', '124'), tmp_path / 'x'),
                await proxy.download_file(DOCUMENTED_KEY + '.no', tmp_path / 'x')]
        finally:
            await proxy.stop()
            await refused.stop()

    with ScriptedSessionService(error(401)) as service:
        results = asyncio.run(day(service.url))
    expected = (InvalidExtension, ValidationFailed, AuthenticationFailed, AccessDenied,
                ObjectNotFound)
    names = ('Invalid file extension', 'File validation failed', 'Authentication failed',
             'Access denied', 'File not found')
    for result, kind, name in zip(results, expected, names, strict=True):
        assert set(result) == {'error', 'status'}
        assert result['error'].startswith(f'{name}: ')
        assert result['status'] == kind.status
    assert not (tmp_path / 'x').exists()
