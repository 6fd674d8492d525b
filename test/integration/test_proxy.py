"""S3BucketProxy: dictionaries in place of results and errors."""
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
import threading
import time
from typing import Any

from flightlog_bucket import S3BucketProxy
from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
import pytest
from support.fault_proxy import FaultProxy
from support.faults import Swallow, Tap

Make = Callable[..., S3BucketProxy]


@pytest.fixture
def make(sandbox: Sandbox, machine: str) -> Make:
    """Make proxies of the sandbox."""
    def make_proxy(**arguments: Any) -> S3BucketProxy:
        return S3BucketProxy(**{
            'session_token_url': sandbox.session_token_url, 'bucket_name': sandbox.bucket_name,
            'endpoint_url': sandbox.endpoint_url, 'robot_instance_id': machine, **arguments})
    return make_proxy


@asynccontextmanager
async def started(proxy: S3BucketProxy) -> AsyncIterator[S3BucketProxy]:
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def run(call: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(call(), 60))


def test_results(make: Make, log: Path, machine: str, sandbox: Sandbox, tmp_path: Path) -> None:
    key = f'flight_logs/{machine}/20250727_143022_mission.ulg'
    url = f'{sandbox.endpoint_url}/{sandbox.bucket_name}/{key}'
    size = log.stat().st_size

    async def calls() -> None:
        async with started(make()) as proxy:
            stored = {'success': True, 's3_key': key, 'file_url': url, 'file_size': size,
                      'content_type': 'application/x-ulog', 'already_stored': False,
                      'verdict': 'valid', 'verdict_reason': ''}
            assert await proxy.upload_file(log, machine, 'mission.ulg') == stored
            assert await proxy.upload_file(str(log), custom_filename='mission.ulg') == {
                **stored, 'already_stored': True}

            listed = await proxy.list_files(machine_id=machine)
            [entry] = listed['files']
            assert datetime.fromisoformat(entry.pop('last_modified')).tzinfo is not None
            assert listed == {'success': True, 'count': 1, 'next_token': None,
                              'files': [{'key': key, 'size': size, 'url': url}]}

            target = tmp_path / 'back.ulg'
            got = {'success': True, 's3_key': key, 'local_path': str(target), 'file_size': size}
            assert await proxy.download_file(key, target) == got
            assert await proxy.download_file(key, str(target), overwrite=True) == got
            assert target.read_bytes() == log.read_bytes()
            assert await proxy.delete_file(key) == {'success': True, 's3_key': key}
            assert (await proxy.list_files(prefix='2025'))['files'] == []
    run(calls)


def test_pages(make: Make, log: Path) -> None:
    async def calls() -> None:
        async with started(make()) as proxy:
            for name in ('a.ulg', 'b.ulg'):
                await proxy.upload_file(log, custom_filename=name)
            first = await proxy.list_files(max_keys=1)
            second = await proxy.list_files(max_keys=1, continuation_token=first['next_token'])
            assert [p['files'][0]['key'][-5:] for p in (first, second)] == ['a.ulg', 'b.ulg']
            assert second['next_token'] is None
    run(calls)


def test_errors(make: Make, log: Path, machine: str, tmp_path: Path) -> None:
    missing = f'flight_logs/{machine}/x.ulg'

    async def calls() -> None:
        async with started(make()) as proxy:
            for answer, status, words in (
                    (await proxy.upload_file(tmp_path / 'x.ulg'), 404, 'File not found'),
                    (await proxy.upload_file(log, 'another'), 403, 'Access denied'),
                    (await proxy.upload_file(log, custom_filename='x.txt'), 400,
                     'Invalid file extension'),
                    (await proxy.upload_file(log, custom_filename='x.bag'), 400,
                     'File validation failed'),
                    (await proxy.list_files('another'), 403, 'Access denied'),
                    (await proxy.list_files(max_keys=0), 400, 'max_keys is 0'),
                    (await proxy.download_file(missing, tmp_path / 'x.ulg'), 404,
                     'File not found'),
                    (await proxy.download_file(missing, log), 409, 'set overwrite'),
                    (await proxy.download_file('another/x.ulg', tmp_path), 403, 'Access denied'),
                    (await proxy.delete_file(missing), 404, 'File not found'),
                    (await proxy.delete_file(missing, 'another'), 403, 'Access denied')):
                assert set(answer) == {'error', 'status'}
                assert answer['status'] == status
                assert words in answer['error']
    run(calls)


def test_info(make: Make, machine: str, sandbox: Sandbox) -> None:
    async def calls() -> None:
        async with started(make()) as proxy:
            info = await proxy.info()
            credentials = info.pop('credentials')
            # The service tells its time in whole seconds.
            assert 3500 < credentials.pop('expires_in_s') <= 3601
            assert credentials == {'state': 'valid', 'error': ''}
            assert info == {
                'success': True, 'bucket_name': 'flight-logs', 'region': 'us-east-1',
                'endpoint_url': sandbox.endpoint_url, 'upload_prefix': 'flight_logs/',
                'robot_instance_id': machine, 'machine_prefix': f'flight_logs/{machine}/',
                'session_token_url': sandbox.session_token_url,
                'allowed_extensions': ['.ulg', '.ulge', '.bag', '.mcap', '.db3', '.mcap.zstd',
                                       '.db3.zstd'],
                'max_file_size': 2 * 1024**3, 'request_timeout': 30.0,
                'validation_level': 'structure', 'upload_corrupt': False}
    run(calls)


def test_not_started(make: Make, log: Path) -> None:
    async def calls() -> None:
        proxy = make()
        for _ in ('never started', 'stopped'):
            for answer in (await proxy.upload_file(log), await proxy.list_files(),
                           await proxy.download_file('k', 'x'), await proxy.delete_file('k'),
                           await proxy.info()):
                assert answer == {
                    'error': 'the proxy is not running; await start() first', 'status': 503}
            await proxy.start()
            await proxy.start()
            await proxy.stop()
            await proxy.stop()
    run(calls)


def test_starts_without_network(make: Make, proxy: FaultProxy, sandbox: Sandbox) -> None:
    with FaultProxy(sandbox.session_token_url) as service:
        service.refuse()
        proxy.refuse()

        async def calls() -> None:
            async with started(make(session_token_url=f'{service.url}/session-token',
                                    endpoint_url=proxy.url, request_timeout=9)) as bucket:
                credentials = (await bucket.info())['credentials']
                assert credentials['state'] == 'failed'
                assert 'cannot reach' in credentials['error']
                assert (await bucket.list_files())['status'] == 503
                service.heal()
                proxy.heal()
                await _until(bucket.list_files, lambda answer: 'success' in answer)
                assert (await bucket.info())['credentials']['state'] == 'valid'
        run(calls)


async def _until(call: Callable[[], Coroutine[Any, Any, Any]],
                 is_right: Callable[[Any], bool]) -> None:
    async def repeat() -> None:
        while not is_right(await call()):
            await asyncio.sleep(0.05)
    await asyncio.wait_for(repeat(), 20)


def test_stop_with_uploads_under_way(make: Make, proxy: FaultProxy, big_log: Path) -> None:
    proxy.fail(Swallow(), None, method='PUT')

    async def calls() -> None:
        bucket = make(endpoint_url=proxy.url, request_timeout=20, part_size_bytes=5 * MIB)
        await bucket.start()
        # More of them than there are threads.
        uploads = [asyncio.create_task(bucket.upload_file(big_log, custom_filename=f'{i}.ulg'))
                   for i in range(6)]
        await asyncio.to_thread(proxy.wait_until,
                                lambda e: sum(x.method == 'PUT' for x in e) >= 16)
        began = time.monotonic()
        await bucket.stop()
        assert time.monotonic() - began < 2
        for answer in await asyncio.gather(*uploads):
            assert set(answer) == {'error', 'status'}
            assert answer['status'] in (499, 503)
        assert time.monotonic() - began < 7
    run(calls)


def test_a_cancelled_task_cancels_its_upload(make: Make, proxy: FaultProxy, big_log: Path,
                                             admin: Any) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold(offset: int, block: bytes) -> bytes:
        reached.set()
        go_on.wait(20)
        return block

    proxy.fail(Tap(request=hold), method='PUT')

    async def calls() -> None:
        # Whichever part is held up, it is more than the sockets take of it.
        async with started(make(endpoint_url=proxy.url, part_size_bytes=5 * MIB)) as bucket:
            upload = asyncio.create_task(bucket.upload_file(big_log))
            await asyncio.to_thread(reached.wait, 20)
            upload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await upload
            go_on.set()
            # The request to abort the upload is its last one.
            await asyncio.to_thread(proxy.wait_until, lambda e: any(
                x.method == 'DELETE' and x.is_done for x in e))
            assert (await bucket.list_files())['files'] == []
    run(calls)


@pytest.mark.parametrize(('argument', 'value'), [
    ('request_timeout', 'soon'), ('request_timeout', 0), ('bucket_name', ''),
    ('robot_instance_id', '../drone'), ('session_token_url', 'ftp://x')])
def test_a_wrong_argument_is_named(make: Make, argument: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=argument):
        make(**{argument: value})
