"""How many parts go at once, and what happens when one fails."""
from functools import partial
import threading

from flightlog_bucket.errors import Unavailable
from flightlog_bucket.storage.parts import Pace, run_all
from flightlog_bucket.threads import WorkerPool
import pytest


def test_results_come_in_order():
    assert run_all((partial(int, n) for n in range(50)), Pace(4), 'test') == list(range(50))
    assert run_all((), Pace(4), 'test') == []


def test_no_more_than_the_pace_allows():
    running, seen, lock = [0], [], threading.Lock()
    together = threading.Barrier(3, timeout=30)

    def job() -> None:
        with lock:
            running[0] += 1
            seen.append(running[0])
        together.wait()
        with lock:
            running[0] -= 1

    run_all([job] * 9, Pace(3), 'test')
    assert max(seen) == 3


def test_after_a_failure_nothing_begins_and_all_have_ended(monkeypatch):
    began, ended, second_runs, is_seen = [], [], threading.Event(), threading.Event()
    shutdown = WorkerPool.shutdown

    def seen(pool: WorkerPool) -> None:
        shutdown(pool)
        is_seen.set()
    monkeypatch.setattr(WorkerPool, 'shutdown', seen)

    def fail() -> None:
        assert second_runs.wait(20)
        raise Unavailable('broken')

    def slow() -> None:
        second_runs.set()
        began.append(1)
        is_seen.wait(20)
        threading.Event().wait(0.2)
        ended.append(1)

    with pytest.raises(Unavailable, match='broken'):
        run_all([fail, slow, slow, slow], Pace(2), 'test')
    assert began == ended
    assert len(began) == 1


def test_the_pace_goes_down_where_parts_take_long_and_up_again():
    pace, seen = Pace(4), []
    for seconds in (21, 60, 60, 10, 1, 1, 1, 1):
        pace.took(seconds)
        seen.append(pace.parts_at_once)
    assert seen == [2, 1, 1, 1, 2, 3, 4, 4]


def test_the_pace_can_be_changed_while_parts_go():
    pace = Pace(1)
    together = threading.Barrier(3, timeout=30)

    def first() -> None:
        pace.most = 3
    run_all([first, together.wait, together.wait, together.wait], pace, 'test')
    pace.most = 2
    assert (pace.most, pace.parts_at_once) == (2, 2)
    pace.took(1)
    assert pace.parts_at_once == 2


def test_what_is_set_again_does_not_make_a_slow_link_fast():
    pace = Pace(4)
    pace.took(60)
    pace.most = 4
    assert pace.parts_at_once == 2
