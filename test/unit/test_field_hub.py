"""The hub of the events, between the thread that sees transfers move and the clients' loop."""
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
import json
from pathlib import Path
import threading
from typing import Any, Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import Busy
from flightlog_bucket.operations.downloads import Downloads
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.node_backend import NodeBackend
from flightlog_bucket.operations.standings_watch import DOWNLOAD, StandingsWatch, UPLOAD
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import settings_from
from flightlog_bucket.web import events
from flightlog_bucket.web.event_client import EventClient, MOST_PENDING
from flightlog_bucket.web.events import Hub
from flightlog_bucket.web.robot import Robot
import pytest
from support.expect import wait_until
from support.logs import write_log

WAIT_S = 30.0


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Robot]:
    """Give what a node has, its uploads paused; it has no network."""
    settings = settings_from({
        'robot_instance_id': 'drone-001', 'bucket_name': 'logs', 'max_pending_requests': 1000,
        'session_token_url': 'http://127.0.0.1:9', 'endpoint_url': 'http://127.0.0.1:9',
        'state_directory': str(tmp_path / 'state')}, {})
    bucket, watch = FlightLogBucket(settings.bucket), StandingsWatch()
    uploads = Uploads(settings, bucket, on_change=partial(watch.changed, UPLOAD))
    downloads = Downloads(bucket, partial(watch.changed, DOWNLOAD))
    health = Health(settings, bucket, uploads)
    uploads.set_paused(True)
    watch.begin({UPLOAD: uploads.standings, DOWNLOAD: downloads.standings}, [])
    yield Robot(settings, bucket, uploads, downloads, watch, health, uploads.received,
                NodeBackend(bucket, uploads))
    watch.close(WAIT_S)
    uploads.close()
    bucket.close()


@pytest.fixture
def hub(robot: Robot) -> Iterator[Hub]:
    """Give a hub that is shown what changes."""
    hub = Hub(robot)
    robot.watch.add(hub, hub.refresh)
    yield hub
    hub.close()


class Page:
    """Reads what a client is told; while nobody asks it, it reads nothing."""

    def __init__(self, hub: Hub) -> None:
        self.client = hub.join()
        self._hub = hub
        self._messages: AsyncGenerator[bytes, None] = hub.messages(self.client)

    async def next(self) -> Optional[tuple[str, Any]]:
        """Return the next event; of a comment, or the like, without a name; None: the end."""
        try:
            message = await asyncio.wait_for(self._messages.__anext__(), WAIT_S)
        except StopAsyncIteration:
            return None
        fields = dict(line.partition(': ')[::2] for line in message.decode().splitlines())
        return fields.get('event', ''), json.loads(fields.get('data', 'null'))

    async def until(self, name: str, condition: Callable[[Any], object] = lambda data: True,
                    ) -> Any:
        """Return the data of the next event of this name that fulfils a condition."""
        while (event := await self.next()) is not None:
            if event[0] == name and condition(event[1]):
                return event[1]
        raise AssertionError('the stream has ended')

    async def close(self) -> None:
        self._hub.leave(self.client)
        await self._messages.aclose()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 60)
    asyncio.run(bounded())


def test_a_slow_client_misses_states_in_between_and_never_the_last(
        robot: Robot, hub: Hub, tmp_path: Path) -> None:
    path = write_log(tmp_path / 'x.ulg')

    async def test() -> None:
        page = Page(hub)
        await page.until('transfers')
        robot.uploads.enqueue(path, '')
        await page.until('transfers', lambda data: data['total'] == 1)
        # It reads nothing, while the log is tried and refused.
        path.write_bytes(b'no log at all')
        robot.uploads.start()
        robot.uploads.set_paused(False)
        await asyncio.to_thread(wait_until, lambda: robot.uploads.counts().rejected == 1)
        last = await page.until('transfers', lambda data: any(
            transfer['state'] == 'rejected' for transfer in data['transfers']))
        assert last['total'] == 1
        assert 'x.ulg' in last['transfers'][0]['reason']
        await page.close()
    run(test)


def test_of_more_changes_than_are_kept_all_that_is_open_is_told(
        robot: Robot, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('flightlog_bucket.web.event_client.MOST_PENDING', 0)
    logs = [write_log(tmp_path / f'{number}.ulg') for number in range(8)]

    async def test() -> None:
        page = Page(hub)
        await page.until('transfers')
        for log in logs:
            robot.uploads.enqueue(log, '')
        whole = await page.until('transfers', lambda data: data['whole'])
        assert {transfer['name'] for transfer in whole['transfers']} == {
            log.name for log in logs}
        assert whole['total'] == 8
        await page.close()
    run(test)


def test_what_is_not_there_any_more_is_told(robot: Robot, hub: Hub) -> None:
    async def test() -> None:
        page = Page(hub)
        assert (await page.until('transfers'))['whole'] is True
        hub.refresh()
        assert (await page.until('transfers'))['whole'] is True
        await page.close()
    run(test)


def test_a_silent_connection_shows_that_it_is_alive(
        hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, 'BEAT_S', 0.05)

    async def test() -> None:
        page = Page(hub)
        await page.until('state')
        await page.until('')
        await page.close()
    run(test)


def test_the_state_is_told_again_where_it_is_no_news(
        hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, 'STATE_REFRESH_S', 0.01)
    monkeypatch.setattr(events, 'STATE_PERIOD_S', 0.01)

    async def test() -> None:
        page = Page(hub)
        times = [(await page.until('state'))['time'] for _ in range(3)]
        assert times == sorted(times)
        await page.close()
    run(test)


def test_nothing_is_noted_for_who_has_left(robot: Robot, hub: Hub, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    seen = threading.Event()
    monkeypatch.setattr(EventClient, 'note', lambda *args: noted.append(args))

    class Last:
        """Is shown it after the hub."""

        def show(self, direction: str, standing: Any) -> None:
            seen.set()

        def flush(self) -> None:
            """Show nothing."""

    robot.watch.add(Last(), lambda: None)

    async def test() -> None:
        await Page(hub).close()
    run(test)
    robot.uploads.enqueue(write_log(tmp_path / 'x.ulg'), '')
    assert seen.wait(WAIT_S)
    assert noted == []


def test_the_end_of_the_hub_ends_the_streams(hub: Hub) -> None:
    async def test() -> None:
        page = Page(hub)
        await page.until('state')
        threading.Thread(target=hub.close).start()
        while await page.next() is not None:
            pass
        with pytest.raises(Busy):
            hub.join()
    run(test)


def test_a_ledger_that_cannot_be_read_for_a_while(
        robot: Robot, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, '_AGAIN_S', 0.05)
    path = write_log(tmp_path / 'x.ulg')
    counts, failed = robot.uploads.counts, threading.Event()

    def unreadable() -> Any:
        failed.set()
        raise Busy('the disk')

    async def test() -> None:
        page = Page(hub)
        await page.until('transfers')
        monkeypatch.setattr(robot.uploads, 'counts', unreadable)
        robot.uploads.enqueue(path, '')
        await asyncio.to_thread(failed.wait, WAIT_S)
        monkeypatch.setattr(robot.uploads, 'counts', counts)
        told = await page.until('transfers')
        # What could not be told is told with all the rest.
        assert [transfer['name'] for transfer in told['transfers']] == ['x.ulg']
        assert told['whole'] is True
        await page.close()
    run(test)


def test_a_client_is_told_the_latest_of_each(robot: Robot, tmp_path: Path) -> None:
    robot.uploads.enqueue(write_log(tmp_path / 'x.ulg'), '')
    (standing,), _ = robot.uploads.queue((), None, 1)

    async def test() -> None:
        client = EventClient(asyncio.get_running_loop())
        client.note((UPLOAD, 1), standing)
        assert client.take() == (True, {})
        client.note((UPLOAD, 1), standing)
        client.note((DOWNLOAD, 1), standing)
        client.note((UPLOAD, 1), standing)
        assert client.take() == (False, {(UPLOAD, 1): standing, (DOWNLOAD, 1): standing})
        for number in range(MOST_PENDING + 1):
            client.note((UPLOAD, number), standing)
        assert client.take() == (True, {})
        assert client.take() == (False, {})
    run(test)
