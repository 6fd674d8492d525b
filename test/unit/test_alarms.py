"""Alarms ring in time, in order, and not once cancelled."""
from collections.abc import Iterator
import threading
import time

from flightlog_bucket.transfers.alarms import Alarms
import pytest

WAIT_S = 20


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    made = Alarms()
    yield made
    made.close()


@pytest.fixture
def all_set(alarms: Alarms) -> threading.Event:
    """Return what a test sets when it has set its alarms: before, none but the first rings."""
    are_set = threading.Event()
    alarms.after(-1000.0, lambda: are_set.wait(WAIT_S))
    return are_set


def test_alarms_ring_in_the_order_of_their_times(alarms: Alarms,
                                                 all_set: threading.Event) -> None:
    rung, done = [], threading.Event()
    # As far apart that they stay in order however long it takes to set them.
    alarms.after(0.0, done.set)
    alarms.after(-200.0, lambda: rung.append('late'))
    alarms.after(-400.0, lambda: rung.append('early'))
    all_set.set()
    assert done.wait(WAIT_S)
    assert rung == ['early', 'late']


def test_an_alarm_rings_at_its_time_whoever_waits_for_a_later_one(alarms: Alarms) -> None:
    later, done = threading.Event(), threading.Event()
    alarms.after(3600.0, later.set)
    began_s = time.monotonic()
    alarms.after(0.2, done.set)
    assert done.wait(WAIT_S)
    assert time.monotonic() - began_s >= 0.2
    assert not later.is_set()


def test_a_cancelled_alarm_stays_silent(alarms: Alarms, all_set: threading.Event) -> None:
    rung, done = threading.Event(), threading.Event()
    alarms.after(-200.0, rung.set).cancel()
    alarms.after(0.0, done.set)
    all_set.set()
    assert done.wait(WAIT_S)
    assert not rung.is_set()


def test_closed_alarms_stay_silent(alarms: Alarms) -> None:
    rung = threading.Event()
    alarms.after(30, rung.set)
    alarms.close()
    alarms.after(0, rung.set)
    assert not rung.wait(0.2)
