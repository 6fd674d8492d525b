"""The first session token, while the node ends, or has no thread for it."""
from collections.abc import Callable
import threading

from flightlog_bucket.ros.warm_up import CredentialWarmUp
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.alarms import Alarm
import pytest

WAIT_S = 20.0


class Alarms:
    """Those of a test, which ring when it wants them to."""

    def __init__(self) -> None:
        self.rings: list[Callable[[], None]] = []
        self.is_set = threading.Event()

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        self.rings.append(ring)
        self.is_set.set()
        return Alarm(delay_s, ring)


def test_a_try_after_the_end_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms, pool = Alarms(), WorkerPool(1, 'credentials', max_pending=1)

    def fetch() -> None:
        raise OSError('nobody there')
    warm_up = CredentialWarmUp(fetch, pool, alarms.after, max_delay_s=60)
    warm_up.begin()
    assert alarms.is_set.wait(WAIT_S)
    submit = pool.submit

    def late(*args: object) -> object:
        warm_up.close()  # the node ends between the look and the try
        pool.shutdown()
        return submit(*args)  # type: ignore[arg-type]
    monkeypatch.setattr(pool, 'submit', late)
    alarms.rings.pop()()  # in the thread of the alarms: what it raises ends that
    for ring in alarms.rings:
        ring()


def test_no_thread_for_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms, pool, fetched = Alarms(), WorkerPool(1, 'credentials'), threading.Event()
    warm_up = CredentialWarmUp(fetched.set, pool, alarms.after, max_delay_s=60)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, 'start', refuse)
        warm_up.begin()
    (again,) = alarms.rings
    again()
    assert fetched.wait(WAIT_S)
    pool.shutdown()
