"""Which proxy the REST API works with, and what it says where there is none that works."""
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import logging
from pathlib import Path
import socket
import threading
from typing import Any

from fastapi import Depends, FastAPI, HTTPException
from flightlog_bucket import api, S3BucketProxy
from flightlog_bucket.api import bucket_api
from flightlog_bucket.api.routes import BucketRoute
from flightlog_bucket.sandbox import Sandbox
import pytest
from support.http_client import HttpClient
import uvicorn

Serve = Callable[..., Any]


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, '_registry', {})
    monkeypatch.setattr(BucketRoute, 'logger', logging.getLogger('test'))


@pytest.fixture
def proxy(sandbox: Sandbox, machine: str, tmp_path: Path) -> S3BucketProxy:
    """Give a proxy that is not started."""
    return S3BucketProxy(
        sandbox.session_token_url, sandbox.bucket_name, robot_instance_id=machine,
        endpoint_url=sandbox.endpoint_url, received_directory=tmp_path / 'received')


@contextmanager
def served(app: FastAPI) -> Iterator[HttpClient]:
    """Serve an application in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, loop='asyncio'))
    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield HttpClient(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def application(**options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(bucket_api.router, prefix='/bucket', **options)
    return app


def test_no_proxy() -> None:
    with served(application()) as client:
        for method, path in (('GET', 'list'), ('GET', 'info'), ('GET', 'download/x'),
                             ('DELETE', 'delete/x'), ('POST', 'upload')):
            found = client.ask(method, f'/bucket/{path}')
            assert (found.status, found.json()['status']) == (503, 503)
            for words in ("there is no proxy 'bucket'; add it", 'flightlog_bucket.api.proxies',
                          'flightlog_bucket.api.set_proxies(proxies)', 'app.state.proxies'):
                assert words in found.json()['error']


def test_a_proxy_that_is_not_started(proxy: S3BucketProxy) -> None:
    api.get_proxies()['bucket'] = proxy
    with served(application()) as client:
        for found in (client.get('/bucket/list'), client.get('/bucket/info'),
                      client.get('/bucket/download/x'), client.upload('x.ulg', b'x' * 10_000_000)):
            assert (found.status, found.json()['status']) == (503, 503)
            assert 'await start() first' in found.json()['error']


def test_a_registry_that_is_filled_later(proxy: S3BucketProxy) -> None:
    registry: dict[str, Any] = {}
    api.set_proxies(registry)
    with served(application()) as client:
        assert 'there is no proxy' in client.get('/bucket/info').json()['error']
        registry['bucket'] = proxy
        assert 'not running' in client.get('/bucket/info').json()['error']


def test_the_registry_of_the_application_comes_first(proxy: S3BucketProxy) -> None:
    api.get_proxies()['bucket'] = object()
    app = application()
    app.state.proxies = {'bucket': proxy}
    with served(app) as client:
        assert 'await start() first' in client.get('/bucket/info').json()['error']


@pytest.mark.parametrize('own', [{}, {'camera': object()}, ['something else']])
def test_an_application_that_has_proxies_of_other_things(proxy: S3BucketProxy, own: Any) -> None:
    app = application()
    app.state.proxies = own
    with served(app) as client:
        assert 'there is no proxy' in client.get('/bucket/info').json()['error']
        api.get_proxies()['bucket'] = proxy
        assert 'await start() first' in client.get('/bucket/info').json()['error']


def test_a_surprise_tells_nobody_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def info(self) -> dict[str, Any]:
            raise ZeroDivisionError('internal affairs')

    api.get_proxies()['bucket'] = Broken()
    logger = logging.getLogger('somebody.else')
    bucket_api._set_logger(logger)
    with served(application()) as client:
        for found in (client.get('/bucket/info'), client.upload('x.ulg', b'x')):
            assert found.json() == {
                'status': 500, 'error': 'internal error, see the log: ZeroDivisionError'}
            assert found.status == 500
    told = [record for record in caplog.records if record.name == 'somebody.else']
    assert [record.getMessage() for record in told] == [
        "GET '/bucket/info' failed", "POST '/bucket/upload' failed"]
    assert all(record.exc_info for record in told)


def test_a_surprise_of_the_node_is_told_as_over_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        async def list_files(self, **options: Any) -> dict[str, Any]:
            raise ZeroDivisionError('internal affairs')

    monkeypatch.undo()  # the logger is that of the package
    app = application()
    app.state.proxies = {'bucket': Broken()}
    with served(app) as client:
        assert client.get('/bucket/list').json() == {
            'status': 500, 'error': 'internal error, see the log of the node: ZeroDivisionError'}


def test_the_applications_own_refusals_stay_its_own() -> None:
    def nobody() -> None:
        raise HTTPException(401, 'words of somebody else', {'WWW-Authenticate': 'Bearer'})

    with served(application(dependencies=[Depends(nobody)])) as client:
        found = client.get('/bucket/info')
        assert (found.status, found.json()) == (401, {'detail': 'words of somebody else'})
        assert found.headers['www-authenticate'] == 'Bearer'
