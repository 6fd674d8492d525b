"""Coroutines that wait for threads."""
import asyncio
from concurrent.futures import Future
import threading

from flightlog_bucket.errors import Busy, Cancelled, Unavailable
from flightlog_bucket.operations.awaiting import Awaiting
import pytest


def test_the_result_comes_from_another_thread() -> None:
    async def wait() -> int:
        work: Future[int] = Future()
        threading.Timer(0.01, work.set_result, [7]).start()
        return await Awaiting().result(work, within_s=30)
    assert asyncio.run(wait()) == 7


def test_so_does_an_error() -> None:
    async def wait() -> None:
        work: Future[None] = Future()
        work.set_exception(Unavailable('no'))
        await Awaiting().result(work)
    with pytest.raises(Unavailable, match='no'):
        asyncio.run(wait())


def test_who_waits_is_cancelled_and_the_work_is_not() -> None:
    async def wait() -> Future[None]:
        work: Future[None] = Future()
        waiting = asyncio.ensure_future(Awaiting().result(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return work
    work = asyncio.run(wait())
    assert not work.cancelled()
    work.set_result(None)  # its loop has ended: nobody is told, and nothing fails


@pytest.mark.parametrize('has_begun, error', [(False, Busy), (True, Unavailable)])
def test_the_wait_has_a_bound(has_begun: bool, error: type[Exception]) -> None:
    work: Future[None] = Future()
    if has_begun:
        work.set_running_or_notify_cancel()
    with pytest.raises(error):
        asyncio.run(Awaiting().result(work, within_s=0.01))
    assert work.cancelled() is not has_begun


def test_the_end_of_the_node_ends_it() -> None:
    awaiting = Awaiting()

    async def wait() -> None:
        threading.Timer(0.01, awaiting.close).start()
        await awaiting.result(Future())
    with pytest.raises(Cancelled, match='the node is ending'):
        asyncio.run(wait())
    with pytest.raises(Cancelled):
        asyncio.run(awaiting.result(Future()))
