"""How many bytes may go out, by a clock that the test moves."""
from concurrent.futures import ThreadPoolExecutor
import threading

from flightlog_bucket.errors import Cancelled, Paused
from flightlog_bucket.storage.throttle import Throttle
import pytest
from support.expect import wait_until

MIB = 1024 * 1024


class Line:
    """A connection that counts how often it was cut."""

    cuts = 0

    def cut(self) -> None:
        self.cuts += 1


def nothing() -> None:
    pass


def taken(throttle: Throttle, now: list[float], seconds: float, wanted: int = MIB) -> int:
    """Take as much as is allowed within some seconds of the clock; return the bytes."""
    class Enough(Exception):
        pass

    end_s = now[0] + seconds

    def tick() -> None:
        if now[0] >= end_s:
            raise Enough

    total = 0
    throttle._changed.wait = lambda wait_s: now.__setitem__(0, now[0] + wait_s)
    with pytest.raises(Enough):
        while True:
            total += throttle.take(wanted, tick)
    return total


@pytest.mark.parametrize('limit', [None, 0])
def test_without_a_limit_everything_may_go(limit):
    assert Throttle(limit).take(10 * MIB, nothing) == 10 * MIB


@pytest.mark.parametrize('rate', [100, 10_000, 1_000_000, 100_000_000])
def test_the_limit_is_kept(rate):
    now = [100.0]
    assert taken(Throttle(rate, clock=lambda: now[0]), now, 5.0) == pytest.approx(
        5 * rate, rel=0.05)


def test_bursts_are_small():
    now = [100.0]
    throttle = Throttle(1_000_000, clock=lambda: now[0])
    taken(throttle, now, 1.0)
    now[0] += 3600
    assert taken(throttle, now, 0.001) <= 250_000


def test_the_limit_can_be_changed():
    now = [100.0]
    throttle = Throttle(1000, clock=lambda: now[0])
    taken(throttle, now, 1.0)
    throttle.max_bytes_per_s = 50_000
    assert throttle.max_bytes_per_s == 50_000
    assert taken(throttle, now, 5.0) == pytest.approx(250_000, rel=0.05)
    throttle.max_bytes_per_s = None
    assert throttle.take(MIB, nothing) == MIB


def test_who_waits_is_woken_by_a_pause_and_by_a_new_limit():
    throttle = Throttle(0.001)
    throttle.take(1, nothing)  # the next is allowed in 1000 s
    with ThreadPoolExecutor(2) as pool:
        looks = []
        waiting = [pool.submit(throttle.take, 1, lambda: looks.append(1)) for _ in range(2)]
        wait_until(lambda: len(looks) >= 2)
        throttle.pause()
        for future in waiting:
            with pytest.raises(Paused) as caught:
                future.result(20)
            assert caught.value.retryable
        throttle.resume()
        last = pool.submit(throttle.take, 7, nothing)
        throttle.max_bytes_per_s = 0
        assert last.result(20) == 7


def test_who_waits_looks_whether_it_was_cancelled():
    throttle, cancel, has_looked = Throttle(0.001), threading.Event(), threading.Event()
    throttle.take(1, nothing)

    def check() -> None:
        if cancel.is_set():
            raise Cancelled('stopped')
        has_looked.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(throttle.take, 1, check)
        assert has_looked.wait(20)
        cancel.set()
        with pytest.raises(Cancelled):
            waiting.result(20)


def test_a_pause_cuts_what_is_on_its_way():
    throttle, line, gone = Throttle(), Line(), Line()
    throttle.enter(line)
    throttle.enter(gone)
    throttle.leave(gone)
    throttle.leave(gone)
    throttle.pause()
    assert (line.cuts, gone.cuts, throttle.paused) == (1, 0, True)
    for call in (throttle.check_not_paused, lambda: throttle.enter(gone),
                 lambda: throttle.take(1, nothing)):
        with pytest.raises(Paused):
            call()
    throttle.resume()
    throttle.check_not_paused()
    throttle.pause()
    assert (line.cuts, gone.cuts) == (2, 0)
