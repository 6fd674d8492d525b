"""A bounded pool of daemon threads."""
from collections.abc import Callable
from concurrent.futures import Executor, Future
import queue
import threading
from typing import Any, Optional, TypeVar

from flightlog_bucket.errors import Busy

T = TypeVar('T')
_Job = tuple['Future[Any]', Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class WorkerPool(Executor):
    """
    Run calls on daemon threads, a bounded number of them waiting.

    The standard library's ``ThreadPoolExecutor`` joins its threads when the process ends, so that
    one request which hangs on a dead link would hold up a shutdown; and its queue has no bound.

    :param size: threads, each started when it is first needed
    :param name: of the pool, in thread names and messages
    :param max_pending: calls that may wait for a thread
    """

    def __init__(self, size: int, name: str, *, max_pending: int = 1000) -> None:
        self._size = size
        self._name = name
        self._max_pending = max_pending
        self._jobs: queue.SimpleQueue[Optional[_Job]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> 'Future[T]':
        """
        Hand a call to the pool.

        :raises Busy: if all threads work and ``max_pending`` calls wait, or the pool is shut down
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise Busy(f'{self._name}: shutting down')
            if self._unfinished >= self._size + self._max_pending:
                raise Busy(f'{self._name}: {self._unfinished} calls are under way or waiting;'
                           ' try again when some of them have ended')
            if self._threads < min(self._size, self._unfinished + 1):
                self._start_thread()
            self._unfinished += 1
            self._jobs.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:
        """Take no more calls; cancel those that have not begun. Never waits for the others."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                self._cancel_waiting()
            for _ in range(self._threads):
                self._jobs.put(None)

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, daemon=True,
                             name=f'{self._name}-{self._threads}').start()
        except RuntimeError as error:  # the system has no more threads, or Python is ending
            if not self._threads:
                raise Busy(f'{self._name}: {error}') from None
        else:
            self._threads += 1

    def _cancel_waiting(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job[0].cancel()
                job[0].set_running_or_notify_cancel()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(*job)
            del job  # no reference to a finished call, its arguments or its result is kept

    def _run(self, future: 'Future[Any]', fn: Callable[..., Any], args: tuple[Any, ...],
             kwargs: dict[str, Any]) -> None:
        # There is room for another call before anybody learns that this one has ended.
        try:
            if not future.set_running_or_notify_cancel():
                self._count_out()
                return
            result = fn(*args, **kwargs)
        except BaseException as error:  # belongs to whoever waits for the future, whatever it is
            self._count_out()
            future.set_exception(error)
            del future  # the error's traceback holds this frame
        else:
            self._count_out()
            future.set_result(result)

    def _count_out(self) -> None:
        with self._lock:
            self._unfinished -= 1
