"""What is measured where a measurement may hang."""
import itertools
import queue
import threading

from flightlog_bucket.operations.measurement import Measurement
from support.expect import wait_until


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_last_value_ages_while_the_next_one_hangs() -> None:
    values: queue.Queue[int] = queue.Queue()
    clock = Clock()
    measurement = Measurement('test', values.get, period_s=0.0, clock=clock)
    measurement.start()
    clock.now_s = 3.0
    assert measurement.latest() == (None, 3.0)
    values.put(1)
    wait_until(lambda: measurement.latest().value == 1)
    clock.now_s = 10.0
    assert measurement.latest() == (1, 7.0)
    values.put(2)
    wait_until(lambda: measurement.latest() == (2, 0.0))
    measurement.stop()
    values.put(3)


def test_a_surprise_is_logged_and_measured_again(caplog) -> None:
    turns = itertools.count()
    done = threading.Event()

    def measure() -> int:
        if next(turns) == 0:
            raise ZeroDivisionError('surprise')
        done.set()
        return 7
    measurement = Measurement('test', measure, period_s=0.0)
    measurement.start()
    assert done.wait(20)
    wait_until(lambda: measurement.latest().value == 7)
    measurement.stop()
    assert 'surprise' in caplog.text
