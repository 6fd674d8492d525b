"""The thread of the disk guardian looks when it is woken, and once a period."""

from flightlog_bucket.transfers.retention_policy import KEEP_DAYS, RetentionPolicy
from support.expect import wait_until
from support.guarded import DAY_S, Guarded, MINUTE_S


def test_the_thread_looks_when_a_log_is_stored_and_ends(place: Guarded) -> None:
    guardian = place.guardian(period_s=3600.0)
    guardian.start()
    first = place.stored('first.ulg')
    guardian.wake()
    wait_until(lambda: not first.exists())
    second = place.stored('second.ulg')
    guardian.wake()
    wait_until(lambda: not second.exists() and not place.still_local())
    guardian.stop(wait_s=10.0)
    third = place.stored('third.ulg')
    guardian.wake()
    guardian.run_once()
    assert third.exists()


def test_the_thread_looks_once_a_period(place: Guarded) -> None:
    guardian = place.guardian(RetentionPolicy(KEEP_DAYS, keep_days=1), period_s=0.01)
    path = place.stored('flight.ulg')
    guardian.start()
    place.clock.passes(DAY_S + MINUTE_S)
    wait_until(lambda: not path.exists())
    guardian.stop(wait_s=10.0)
