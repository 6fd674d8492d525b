"""A pool that never has more to do than it may, and never holds up the end of a process."""
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
import gc
import os
from pathlib import Path
import subprocess
import sys
import threading
import time
import weakref

import flightlog_bucket
from flightlog_bucket.errors import Busy
from flightlog_bucket.threads import WorkerPool
import pytest

WAIT_S = 20


class Gate:
    """A call that stays until it is let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, result: object = None) -> object:
        self.entered.release()
        assert self.open.wait(WAIT_S)
        return result

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` more calls are inside."""
        for _ in range(count):
            assert self.entered.acquire(timeout=WAIT_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def threads_of(name: str) -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith(f'{name}-')]


def test_results_and_arguments():
    pool = WorkerPool(2, 'results')
    futures = [pool.submit(divmod, number, 7) for number in range(50)]
    assert [f.result(WAIT_S) for f in futures] == [divmod(number, 7) for number in range(50)]
    assert pool.submit(dict, a=1).result(WAIT_S) == {'a': 1}
    assert list(pool.map(abs, [-1, 2])) == [1, 2]
    pool.shutdown()


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_an_error_belongs_to_who_waits(error):
    pool = WorkerPool(1, 'errors')

    def fail() -> None:
        raise error('no')

    failing = pool.submit(fail)
    assert type(failing.exception(WAIT_S)) is error
    assert pool.submit(abs, -1).result(WAIT_S) == 1  # and the thread goes on
    pool.shutdown()


def test_threads_start_when_they_are_needed(gate):
    pool = WorkerPool(3, 'lazy')
    assert not threads_of('lazy')
    for _ in range(5):
        pool.submit(abs, -1).result(WAIT_S)
    assert len(threads_of('lazy')) == 1
    for _ in range(5):
        pool.submit(gate)
    gate.wait_for(3)
    assert len(threads_of('lazy')) == 3
    assert all(t.daemon for t in threads_of('lazy'))
    pool.shutdown()


def test_no_more_than_its_size_run_at_once(gate):
    pool = WorkerPool(2, 'two')
    futures = [pool.submit(gate, number) for number in range(5)]
    gate.wait_for(2)
    assert not gate.entered.acquire(timeout=0.2)
    gate.open.set()
    assert [f.result(WAIT_S) for f in futures] == list(range(5))
    pool.shutdown()


def test_beyond_the_bound_it_is_busy(gate):
    pool = WorkerPool(2, 'bound', max_pending=3)
    futures = [pool.submit(gate) for _ in range(5)]
    with pytest.raises(Busy, match='bound: 5 calls are under way or waiting; try again') as caught:
        pool.submit(gate)
    assert (caught.value.status, caught.value.retryable) == (503, True)
    gate.open.set()
    wait(futures, WAIT_S)
    assert pool.submit(abs, -1).result(WAIT_S) == 1
    pool.shutdown()


def test_there_is_room_as_soon_as_a_call_has_ended():
    pool = WorkerPool(1, 'room', max_pending=0)
    for number in range(2000):
        assert pool.submit(abs, -number).result(WAIT_S) == number
    pool.shutdown()


def test_there_is_room_after_errors_and_cancelled_calls(gate):
    pool = WorkerPool(1, 'room', max_pending=1)
    first, second = pool.submit(gate), pool.submit(gate)
    gate.wait_for(1)
    assert second.cancel()
    gate.open.set()
    wait([first, second], WAIT_S)
    for _ in range(10):
        assert isinstance(pool.submit(int, 'x').exception(WAIT_S), ValueError)
    pool.shutdown()


def test_shutdown_cancels_what_waits_and_leaves_what_runs(gate):
    pool = WorkerPool(1, 'shutdown')
    running: Future[object] = pool.submit(gate, 'done')
    waiting = [pool.submit(gate) for _ in range(3)]
    assert waiting[0].cancel()  # a call that its owner has given up already
    gate.wait_for(1)
    pool.shutdown()
    assert wait(waiting, WAIT_S).not_done == set()
    for future in waiting:
        with pytest.raises(CancelledError):
            future.result(0)
    with pytest.raises(Busy, match='shutting down'):
        pool.submit(abs, -1)
    pool.shutdown()  # twice does no harm
    gate.open.set()
    assert running.result(WAIT_S) == 'done'
    for thread in threads_of('shutdown'):
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_shutdown_can_let_the_waiting_calls_be_done(gate):
    pool = WorkerPool(1, 'drain')
    futures = [pool.submit(gate, number) for number in range(3)]
    pool.shutdown(cancel_futures=False)
    gate.open.set()
    assert [f.result(WAIT_S) for f in futures] == [0, 1, 2]


def test_shutdown_does_not_wait(gate):
    with WorkerPool(1, 'with') as pool:
        running = pool.submit(gate, 'done')
        gate.wait_for(1)
    assert not running.done()


def test_a_finished_call_leaves_nothing_behind():
    class Big:
        pass

    def fail(_: Big) -> None:
        raise ValueError('no')

    pool = WorkerPool(1, 'clean')
    gc.disable()  # what only a collector finds would hold its memory for long
    try:
        for call in (id, fail):
            big = Big()
            ref = weakref.ref(big)
            future = pool.submit(call, big)
            future.exception(WAIT_S)
            pool.submit(abs, -1).result(WAIT_S)  # so the thread is done with the first
            del big, future
            assert ref() is None
    finally:
        gc.enable()
    pool.shutdown()


def _cannot_start(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_the_system_has_no_more_threads(monkeypatch):
    pool = WorkerPool(2, 'starved', max_pending=2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, 'start', _cannot_start)
        for _ in range(10):
            with pytest.raises(Busy, match="starved: can't start new thread"):
                pool.submit(abs, -1)
    assert pool.submit(abs, -1).result(WAIT_S) == 1
    pool.shutdown()


def test_one_thread_does_the_work_where_there_are_no_more(monkeypatch, gate):
    pool = WorkerPool(2, 'single')
    first = pool.submit(gate, 1)
    gate.wait_for(1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, 'start', _cannot_start)
        second = pool.submit(gate, 2)
    gate.open.set()
    assert (first.result(WAIT_S), second.result(WAIT_S)) == (1, 2)
    pool.shutdown()


def test_a_process_with_a_hung_call_ends_at_once():
    script = ('import threading\n'
              'from flightlog_bucket.threads import WorkerPool\n'
              'inside = threading.Event()\n'
              'def hang():\n'
              '    inside.set()\n'
              '    threading.Event().wait(60)\n'
              'pool = WorkerPool(2, "hung")\n'
              'for _ in range(4): pool.submit(hang)\n'
              'inside.wait(20)\n'
              'pool.shutdown()\n'
              'print("end", flush=True)\n')
    root = str(Path(flightlog_bucket.__file__).parents[1])
    begin = time.monotonic()
    done = subprocess.run([sys.executable, '-c', script], env={**os.environ, 'PYTHONPATH': root},
                          check=True, capture_output=True, text=True, timeout=50)
    assert time.monotonic() - begin < 30
    assert (done.stdout, done.stderr) == ('end\n', '')
