"""Logs go by their age, whatever the clock says; a policy that cannot be meant is refused."""
import math
from typing import Any

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.transfers.retention_policy import (
    FREE_SPACE,
    KEEP,
    KEEP_DAYS,
    RetentionPolicy,
)
import pytest
from support.expect import wait_until
from support.guarded import DAY_S, Guarded

KEEP_A_WEEK = RetentionPolicy(KEEP_DAYS, keep_days=7)

pytestmark = pytest.mark.usefixtures('all_is_logged')


def test_days_count_from_when_it_was_stored(place: Guarded) -> None:
    guardian = place.guardian(KEEP_A_WEEK)
    old = place.stored('old.ulg')
    place.clock.passes(3 * DAY_S)
    young = place.stored('young.ulg')
    place.clock.passes(4 * DAY_S - 1)
    guardian.run_once()
    assert old.exists()
    place.clock.passes(1)
    guardian.run_once()
    assert (old.exists(), young.exists()) == (False, True)
    place.clock.passes(3 * DAY_S)
    guardian.run_once()
    assert not young.exists()


@pytest.mark.parametrize('wrong_s', [0.0, 4_102_444_800.0, math.inf, math.nan])
@pytest.mark.parametrize('restarted', [False, True])
def test_a_clock_that_jumps_deletes_nothing_early(place: Guarded, wrong_s: float,
                                                  restarted: bool) -> None:
    guardian = place.guardian(KEEP_A_WEEK)
    path = place.stored('flight.ulg')
    right_s = place.clock.wall_s
    place.clock.wall_s = wrong_s
    if restarted:
        guardian = place.guardian(KEEP_A_WEEK)
    guardian.run_once()
    assert path.exists()
    place.clock.wall_s = right_s + 8 * DAY_S
    place.guardian(KEEP_A_WEEK).run_once()
    assert not path.exists()


def test_a_clock_that_jumps_by_a_year_while_the_process_runs_deletes_nothing_early(
        place: Guarded) -> None:
    guardian = place.guardian(KEEP_A_WEEK)
    path = place.stored('flight.ulg')
    place.clock.wall_s += 365 * DAY_S
    guardian.run_once()
    assert path.exists()


def test_a_log_that_was_stored_in_1970_is_kept_with_one_line(
        place: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    right_s, place.clock.wall_s = place.clock.wall_s, 100.0
    path = place.stored('flight.ulg')
    place.clock.wall_s = right_s
    guardian = place.guardian(KEEP_A_WEEK)
    for _ in range(3):
        guardian.run_once()
    assert path.exists()
    [line] = caplog.messages
    assert 'the clock is wrong' in line


@pytest.mark.parametrize(('setting', 'name'), [
    ({'mode': 'delete'}, 'retention'), ({'mode': KEEP_DAYS, 'keep_days': 0}, 'keep_days'),
    ({'mode': KEEP_DAYS, 'keep_days': math.nan}, 'keep_days'),
    ({'mode': KEEP_DAYS, 'keep_days': 1e9}, 'keep_days'),
    ({'mode': KEEP, 'min_free_bytes': -1}, 'min_free_bytes'),
    ({'mode': FREE_SPACE}, 'min_free_bytes')])
def test_a_policy_says_what_is_wrong_with_it(setting: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RetentionPolicy(**setting)


def test_the_days_can_be_changed_while_logs_are_deleted(place: Guarded) -> None:
    paths = [place.stored(f'{n}.ulg') for n in range(3)]
    place.clock.passes(8 * DAY_S)
    guardian = place.guardian(KEEP_A_WEEK, holds=lambda path, key: (
        guardian.set_policy(RetentionPolicy(KEEP_DAYS, keep_days=9))
        or place.bucket.holds(path, key)))
    guardian.run_once()
    assert [path.exists() for path in paths] == [False, True, True]
    guardian.set_policy(KEEP_A_WEEK)
    place.guardian(KEEP_A_WEEK).run_once()
    assert not any(path.exists() for path in paths)


def test_a_change_is_looked_at_soon(place: Guarded) -> None:
    path = place.stored('flight.ulg')
    place.clock.passes(8 * DAY_S)
    guardian = place.guardian(RetentionPolicy(KEEP_DAYS, keep_days=9), period_s=3600)
    guardian.start()
    try:
        guardian.set_policy(KEEP_A_WEEK)
        wait_until(lambda: not path.exists())
    finally:
        guardian.stop()
