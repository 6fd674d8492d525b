"""How many parts of an upload are on the wire at once."""
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
import threading
import time
from typing import TypeVar

from flightlog_bucket.threads import WorkerPool

T = TypeVar('T')

MAX_AT_ONCE = 32

_SLOW_S = 20.0
_FAST_S = 5.0


class Pace:
    """
    Where a part takes long, fewer go at once: what S3 has not acknowledged is sent again.

    :param most: parts at once, on a fast link
    """

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._most = self.parts_at_once = most

    @property
    def most(self) -> int:
        """Parts at once, on a fast link."""
        return self._most

    @most.setter
    def most(self, most: int) -> None:
        with self._lock:
            if most != self._most:
                self._most = self.parts_at_once = most

    def took(self, seconds: float) -> None:
        """Learn how long a part took."""
        with self._lock:
            if seconds > _SLOW_S:
                self.parts_at_once = max(1, self.parts_at_once // 2)
            elif seconds < _FAST_S:
                self.parts_at_once = min(self._most, self.parts_at_once + 1)


def run_all(jobs: Iterable[Callable[[], T]], pace: Pace, name: str) -> list[T]:
    """
    Run all jobs, some at once; once one has failed, begin no more, and raise its error.

    Returns, and raises, when none is running any more: a part that arrives after its upload was
    aborted would be kept by S3, and paid for.

    :param jobs: in the order in which they begin
    :param pace: how many at once
    :param name: of the threads
    :returns: the results, in the order of the jobs
    """
    # Threads are made when they are needed; the pace may change while this runs.
    pool = WorkerPool(MAX_AT_ONCE, name)
    waiting = deque(jobs)
    begun: list[Future[T]] = []
    running: set[Future[T]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < pace.parts_at_once:
                begun.append(pool.submit(_timed, waiting.popleft(), pace))
                running.add(begun[-1])
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for job in done:
                job.result()
        return [job.result() for job in begun]
    finally:
        pool.shutdown()
        wait(running)


def _timed(job: Callable[[], T], pace: Pace) -> T:
    began_s = time.monotonic()
    result = job()
    pace.took(time.monotonic() - began_s)
    return result
