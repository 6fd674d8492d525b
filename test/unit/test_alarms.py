"""Alarms ring in time, in order, and not once cancelled."""
import threading

from flightlog_bucket.transfers.alarms import Alarms

WAIT_S = 10


def test_alarms_ring_in_the_order_of_their_times() -> None:
    alarms, rung, done = Alarms(), [], threading.Event()
    try:
        alarms.after(2.0, done.set)
        alarms.after(1.0, lambda: rung.append('late'))
        alarms.after(0.0, lambda: rung.append('early'))
        assert done.wait(WAIT_S)
    finally:
        alarms.close()
    assert rung == ['early', 'late']


def test_a_cancelled_alarm_stays_silent() -> None:
    alarms, rung, done = Alarms(), [], threading.Event()
    try:
        alarms.after(1.0, lambda: rung.append('cancelled')).cancel()
        alarms.after(1.1, done.set)
        assert done.wait(WAIT_S)
    finally:
        alarms.close()
    assert rung == []


def test_closed_alarms_stay_silent() -> None:
    alarms, rung = Alarms(), threading.Event()
    alarms.after(30, rung.set)
    alarms.close()
    alarms.after(0, rung.set)
    assert not rung.wait(0.2)
