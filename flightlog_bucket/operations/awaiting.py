"""What lets a coroutine await work that runs in another thread, until the node ends."""
import asyncio
from concurrent.futures import Future as WorkerFuture
from contextlib import suppress
from functools import partial
import threading
from typing import Any, Optional, TypeVar

from flightlog_bucket.errors import Busy, Cancelled, FlightlogError, Unavailable

T = TypeVar('T')
_Answer = tuple[asyncio.AbstractEventLoop, 'asyncio.Future[None]']


class Awaiting:
    """The work that coroutines wait for; unlike with asyncio, none of it is ever cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[_Answer] = set()
        self._closed = False

    async def result(self, work: 'WorkerFuture[T]', *, within_s: Optional[float] = None) -> T:
        """
        Wait for the work; who waits can be cancelled, the work cannot.

        :param within_s: seconds, after which the wait is given up
        :raises Unavailable: it took longer
        :raises Busy: it took longer, and had not begun, nor will it
        :raises Cancelled: the node is ending
        """
        loop = asyncio.get_running_loop()
        answer: _Answer = (loop, loop.create_future())
        with self._lock:
            if self._closed:
                raise _ending()
            self._waiting.add(answer)
        work.add_done_callback(lambda _: _wake(answer))
        try:
            # wait_for() of Python before 3.12 can swallow that who waits was cancelled.
            await asyncio.wait([answer[1]], timeout=within_s)
        finally:
            with self._lock:
                self._waiting.discard(answer)
        if not answer[1].done():
            raise _given_up(work, within_s or 0.0)
        if not work.done() or work.cancelled():
            raise _ending()
        return work.result()

    def close(self) -> None:
        """Let everybody who waits find that the node is ending."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for answer in waiting:
            _wake(answer)


def _wake(answer: _Answer) -> None:
    loop, future = answer
    with suppress(RuntimeError):  # the loop has ended, and with it who waited
        loop.call_soon_threadsafe(partial(_set, future))


def _set(future: 'asyncio.Future[None]') -> None:
    if not future.done():
        future.set_result(None)


def _given_up(work: 'WorkerFuture[Any]', within_s: float) -> FlightlogError:
    # What has not begun must not be carried out later, when nobody expects it any more.
    if work.cancel():
        return Busy(f'its turn did not come within {within_s:.0f} s; nothing was done, try again')
    return Unavailable(f'no answer within {within_s:.0f} s; it may still be carried out')


def _ending() -> Cancelled:
    return Cancelled('the node is ending')
