"""S3BucketProxy as the REST API uses it: logs that arrive, and logs that are read."""
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Optional, Union

from flightlog_bucket import S3BucketProxy
from flightlog_bucket.answers import Result
from flightlog_bucket.errors import (
    Busy,
    Cancelled,
    ConfigurationError,
    InvalidExtension,
    LocalDiskFull,
)
from flightlog_bucket.opened_file import OpenedFile
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure, wait_until
from support.fault_proxy import FaultProxy
from support.faults import flip, Swallow, Tap
from support.foreign_app import ForeignApp
from support.http_client import form
from support.logs import write_big_ulg, write_dated_log

Scene = Callable[[S3BucketProxy], Awaitable[None]]


@pytest.fixture
def received(tmp_path: Path) -> Path:
    """Give where logs are received."""
    return tmp_path / 'received'


@pytest.fixture
def play(sandbox: Sandbox, proxy: FaultProxy, machine: str, received: Path,
         ) -> Iterator[Callable[..., None]]:
    """Give what runs coroutines with a proxy that is started; nothing is left afterwards."""
    def run(scene: Scene, **options: Any) -> None:
        async def whole() -> None:
            async with started(sandbox, machine, **{
                    'endpoint_url': proxy.url, 'received_directory': received,
                    **options}) as bucket:
                await scene(bucket)
        asyncio.run(whole())
    yield run
    wait_until(lambda: not received.exists() or list(received.iterdir()) == [])


@asynccontextmanager
async def started(sandbox: Sandbox, machine: str, **options: Any) -> AsyncIterator[S3BucketProxy]:
    bucket = S3BucketProxy(sandbox.session_token_url, sandbox.bucket_name,
                           robot_instance_id=machine, **options)
    await bucket.start()
    try:
        yield bucket
    finally:
        await bucket.stop()


def receive(bucket: S3BucketProxy, path: Path, name: str = '') -> Path:
    reception = bucket.reception(name or path.name, path.stat().st_size)
    reception.write(path.read_bytes())
    return reception.finish(name or path.name, path.stat().st_mtime)


def opened(found: Union[OpenedFile, Result]) -> OpenedFile:
    assert isinstance(found, OpenedFile), found
    return found


async def content_of(found: Union[OpenedFile, Result]) -> bytes:
    return b''.join([block async for block in opened(found).blocks])


def test_read_as_it_arrives(play: Callable[[Scene], None], log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        key = (await bucket.upload_file(log))['s3_key']
        found = opened(await bucket.open_file(key))
        assert (found.size, found.length, found.is_range) == (
            log.stat().st_size, log.stat().st_size, False)
        assert (found.filename, found.content_type) == (
            '20250727_143022_flight.ulg', 'application/x-ulog')
        assert await content_of(found) == log.read_bytes()
        part = opened(await bucket.open_file(key, byte_range='bytes=3-9', if_range=(
            f'"{found.etag}"')))
        assert (part.start, part.length, part.is_range) == (3, 7, True)
        assert await content_of(part) == log.read_bytes()[3:10]
    play(scene)


def test_what_cannot_be_read(play: Callable[[Scene], None], log: Path, machine: str) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        key = (await bucket.upload_file(log))['s3_key']
        size = log.stat().st_size
        for found, status in (
                (await bucket.open_file(f'{key}x'), 404),
                (await bucket.open_file('flight_logs/other/x.ulg'), 403),
                (await bucket.open_file(key, 'other'), 403),
                (await bucket.open_file(''), 400)):
            assert isinstance(found, dict)
            assert (found['status'], set(found)) == (status, {'error', 'status'})
        assert await bucket.open_file(key, byte_range=f'bytes={size}-') == {
            'status': 416, 'size': size, 'error': (
                f'the log has {size} bytes, and none of the range that was asked for')}
    play(scene)


def test_reading_ends_with_the_proxy(play: Callable[[Scene], None], big_log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        found = opened(await bucket.open_file((await bucket.upload_file(big_log))['s3_key']))
        assert await found.blocks.__anext__()
        await bucket.stop()
        with pytest.raises((Busy, Cancelled), match=r'shutting down|was stopped'):
            await content_of(found)
    play(scene)


def test_nobody_reads_on(play: Callable[[Scene], None], proxy: FaultProxy, big_log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        key = (await bucket.upload_file(big_log))['s3_key']
        never = opened(await bucket.open_file(key))
        never.blocks.close()
        begun = opened(await bucket.open_file(key))
        await begun.blocks.__anext__()
        begun.blocks.close()
        with pytest.raises(StopAsyncIteration):
            await begun.blocks.__anext__()
        assert bucket._bucket is not None
        assert bucket._bucket._transfers == []
        wait_until(lambda: all(exchange.is_done for exchange in proxy.exchanges))
    play(scene)


def test_a_task_that_is_cancelled_while_it_waits(play: Callable[[Scene], None], proxy: FaultProxy,
                                                 big_log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        key = (await bucket.upload_file(big_log))['s3_key']
        proxy.fail(Swallow(), 1, method='GET')
        opening = asyncio.ensure_future(bucket.open_file(key))
        await asyncio.to_thread(proxy.wait_until, lambda seen: seen[-1].method == 'GET')
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        proxy.heal()
        bucket_of = bucket._bucket
        assert bucket_of is not None
        await asyncio.to_thread(wait_until, lambda: bucket_of._transfers == [])
    play(scene)


def test_what_is_damaged(play: Callable[[Scene], None], proxy: FaultProxy, log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        key = (await bucket.upload_file(log))['s3_key']
        proxy.fail(Tap(answer=flip(10)), None, method='GET')
        found = opened(await bucket.open_file(key))
        with pytest.raises(Exception, match='is not what S3 stores'):
            await content_of(found)
    play(scene)


@pytest.mark.parametrize('level', ['header', 'structure', 'full'])
def test_received_and_stored(play: Callable[..., None], log: Path, level: str) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        path = receive(bucket, log, 'named.ulg')
        result = await bucket.upload_received(path)
        assert result['s3_key'].endswith('/20250727_143022_named.ulg')
        assert (result['success'], result['file_size']) == (True, log.stat().st_size)
        assert not path.exists()
        assert await content_of(await bucket.open_file(result['s3_key'])) == log.read_bytes()
    play(scene, validation_level=level)


@pytest.mark.parametrize('content, status', [
    (b'', 400), (bytes(100), 422), (b'#ROSBAG V2.0\n', 400)])
def test_received_and_refused(play: Callable[[Scene], None], tmp_path: Path, content: bytes,
                              status: int) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        log = tmp_path / 'bad.ulg'
        log.write_bytes(content)
        result = await bucket.upload_received(receive(bucket, log))
        assert result['status'] == status
        assert result['error'].startswith("File validation failed: 'bad.ulg'")
        assert '/proc' not in result['error']
        assert str(tmp_path) not in result['error']
    play(scene)


def test_nothing_keeps_a_log_here(play: Callable[[Scene], None], log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        path = receive(bucket, log)
        assert (await bucket.upload_received(path, enqueue_only=True))['status'] == 400
        assert not path.exists()
        assert (await bucket.upload_received(path))['status'] == 404
    play(scene)


def test_a_received_log_whose_upload_is_cancelled(play: Callable[[Scene], None],
                                                  proxy: FaultProxy, log: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        path = receive(bucket, log)
        proxy.fail(Swallow(), None, method='PUT')
        uploading = asyncio.ensure_future(bucket.upload_received(path))
        await asyncio.to_thread(proxy.wait_until, lambda seen: seen[-1:] != []
                                and seen[-1].method == 'PUT')
        assert not path.exists()  # already: nothing of it outlives the process
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
    play(scene)


def test_what_is_refused_by_its_name(play: Callable[[Scene], None]) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        with failure(InvalidExtension, 400, "'x.txt' does not end in"):
            bucket.reception('x.txt', None)
        with failure(LocalDiskFull, 507, 'there is no room'):
            bucket.reception('x.ulg', 1 << 60)
        bucket.reception('', None).discard()
    play(scene)


@pytest.mark.parametrize('cache, expected', [
    ('/CACHE', 'CACHE/flightlog_bucket/received'), ('', 'HOME/.cache/flightlog_bucket/received'),
    ('relative', 'HOME/.cache/flightlog_bucket/received')])
def test_where_logs_are_received(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
                                 tmp_path: Path, cache: str, expected: str) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', f'{tmp_path}{cache}' if cache[:1] == '/' else cache)
    monkeypatch.setenv('HOME', str(tmp_path / 'HOME'))

    async def scene(bucket: S3BucketProxy) -> None:
        reception = bucket.reception('x.ulg', None)
        assert (tmp_path / expected).is_dir()
        reception.discard()
    play(scene, received_directory=None)


def test_no_home(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Optional[Path]:
        raise RuntimeError('Could not determine home directory.')
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(Path, 'home', nowhere)

    async def scene(bucket: S3BucketProxy) -> None:
        with failure(ConfigurationError, 400, 'no home directory', 'received_directory'):
            bucket.reception('x.ulg', None)
    play(scene, received_directory=None)


def test_a_process_that_is_killed_while_it_uploads_leaves_nothing(
        sandbox: Sandbox, proxy: FaultProxy, machine: str, tmp_path: Path) -> None:
    with ForeignApp(tmp_path, session_token_url=sandbox.session_token_url,
                    bucket_name=sandbox.bucket_name, robot_instance_id=machine,
                    endpoint_url=proxy.url) as app:
        proxy.fail(Swallow(), None, method='PUT')
        body, kind = form('x.ulg', write_dated_log(tmp_path / 'x.ulg').read_bytes())
        with app.client.connect() as connection:
            connection.sendall(f'POST /bucket/upload HTTP/1.1\r\nHost: robot\r\nContent-Type:'
                               f' {kind}\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
            proxy.wait_until(lambda seen: seen[-1:] != [] and seen[-1].method == 'PUT')
            app.kill()
        assert app.left == []


def test_many_readers_share_the_threads(play: Callable[[Scene], None], tmp_path: Path) -> None:
    async def scene(bucket: S3BucketProxy) -> None:
        log = write_big_ulg(tmp_path / 'big.ulg', MIB)
        key = (await bucket.upload_file(log))['s3_key']
        found = await asyncio.gather(*(bucket.open_file(key) for _ in range(12)))
        contents = await asyncio.gather(*map(content_of, found))
        assert contents == [log.read_bytes()] * 12
    play(scene)
