"""How fast a log goes up, on a clock that the test turns."""
from flightlog_bucket.transfers.meter import Meter, WINDOW_S
from hypothesis import given
from hypothesis import strategies as st
import pytest


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock: Clock) -> Meter:
    return Meter(clock)


def _send(meter: Meter, clock: Clock, *, rate: int, seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        clock.now_s += 0.1
        meter.add(rate // 10)


def test_nothing_has_moved(meter: Meter) -> None:
    assert (meter.sent_bytes, meter.rate) == (0, 0.0)


def test_what_is_up_from_an_earlier_try_counts_and_has_no_rate(meter: Meter,
                                                               clock: Clock) -> None:
    meter.add(50_000_000)
    assert (meter.sent_bytes, meter.rate) == (50_000_000, 0.0)
    _send(meter, clock, rate=1000, seconds=2)
    assert meter.sent_bytes == 50_002_000
    assert meter.rate == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize('seconds', [1, 4, 20])
def test_a_steady_link(meter: Meter, clock: Clock, seconds: int) -> None:
    meter.add(0)
    _send(meter, clock, rate=100_000, seconds=seconds)
    assert meter.rate == pytest.approx(100_000, rel=0.06)


def test_a_link_that_becomes_slower(meter: Meter, clock: Clock) -> None:
    meter.add(0)
    _send(meter, clock, rate=100_000, seconds=20)
    _send(meter, clock, rate=1000, seconds=WINDOW_S + 0.3)
    assert meter.rate == pytest.approx(1000, rel=0.1)


def test_a_link_that_stands(meter: Meter, clock: Clock) -> None:
    meter.add(0)
    _send(meter, clock, rate=100_000, seconds=20)
    clock.now_s += WINDOW_S / 2
    assert meter.rate == pytest.approx(50_000, rel=0.1)
    clock.now_s += WINDOW_S / 2
    assert meter.rate == 0.0
    assert meter.sent_bytes == 2_000_000


def test_what_was_for_nothing_is_taken_back_and_the_wire_was_as_fast(meter: Meter,
                                                                     clock: Clock) -> None:
    meter.add(0)
    _send(meter, clock, rate=1000, seconds=1)
    meter.add(-1000)
    assert meter.sent_bytes == 0
    assert meter.rate == pytest.approx(1000, rel=0.01)


@given(st.lists(st.tuples(st.integers(-10**7, 10**7), st.floats(0, 10)), max_size=60))
def test_whatever_it_is_told(numbers: list[tuple[int, float]]) -> None:
    clock = Clock()
    meter, fastest = Meter(clock), 0
    for count, pause_s in numbers:
        clock.now_s += pause_s
        meter.add(count)
        fastest += max(count, 0)
        assert 0 <= meter.rate <= fastest * 4
    assert meter.sent_bytes == max(sum(count for count, _ in numbers), 0)
