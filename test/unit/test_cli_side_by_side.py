"""Several transfers at once: their order, their failures, and Ctrl-C."""
from collections.abc import Callable
import os
import signal
import threading
from typing import Any, Union

from flightlog_bucket.cli.backend import Failure, NotReachable, OnStep, Step
from flightlog_bucket.cli.display import Quiet
from flightlog_bucket.cli.side_by_side import SideBySide
import pytest

STEP = Step('uploading', 1, 2, 0.0, None)


class Shown(Quiet):
    """Notes what is shown."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.ended: list[int] = []
        self.complaints: list[str] = []

    def step(self, number: int, step: Step) -> None:
        self.steps.append(number)

    def end(self, number: int) -> None:
        self.ended.append(number)

    def complain(self, text: str) -> None:
        self.complaints.append(text)


def work_on(count: int, work: Callable[[int, OnStep, threading.Event], int],
            at_once: int = 3) -> tuple[int, Shown, dict[int, Any]]:
    shown, told = Shown(), dict[int, Any]()

    def tell(number: int, outcome: Union[int, Failure]) -> bool:
        told[number] = outcome
        return not isinstance(outcome, Failure)
    code = SideBySide(count, work, tell, at_once=at_once, on_cancel='cancelling').run(shown)
    return code, shown, told


def test_everything_is_done_and_never_too_much_at_once() -> None:
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Barrier(3)

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        on_step(STEP)
        both.wait(20)
        with lock:
            now -= 1
        return number * 10
    code, shown, told = work_on(9, work)
    assert (code, most, told) == (0, 3, {n: n * 10 for n in range(9)})
    assert sorted(shown.steps) == sorted(shown.ended) == list(range(9))


def test_one_failure_stops_nothing_and_is_1() -> None:
    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        if number == 1:
            raise Failure(404, 'it is gone')
        return number
    code, _, told = work_on(4, work, at_once=1)
    assert code == 1
    assert [told[n] for n in (0, 2, 3)] == [0, 2, 3]
    assert str(told[1]) == 'it is gone'


def test_a_surprise_is_raised_and_cancels_the_rest() -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        if number == 0:
            assert begun.wait(20)
            raise ZeroDivisionError
        begun.set()
        assert cancel.wait(20)
        cancelled.set()
        return number
    with pytest.raises(ZeroDivisionError):
        work_on(2, work)
    assert cancelled.is_set()


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_cancel_what_runs_and_begins_nothing_more(
        number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    began = []
    sent = number

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        began.append(number)
        if number == 0:
            return number
        os.kill(os.getpid(), sent)
        assert cancel.wait(20)
        raise Failure(499, 'it was cancelled')
    ended, shown, told = work_on(4, work, at_once=1)
    assert (ended, began, shown.complaints) == (code, [0, 1], ['cancelling'])
    assert told[0] == 0
    assert [str(told[n]) for n in (1, 2, 3)] == [
        'it was cancelled', 'it was not begun', 'it was not begun']
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return number
    try:
        assert work_on(1, work)[0] == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_where_nobody_is_to_do_it_nothing_more_is_begun() -> None:
    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        raise NotReachable(409, 'there are several nodes')
    with pytest.raises(NotReachable, match='several nodes'):
        work_on(4, work, at_once=1)


def test_what_was_done_in_spite_of_ctrl_c_is_done() -> None:
    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(20)
        return number
    assert work_on(1, work)[0] == 0


def test_what_cannot_be_printed_cancels_what_runs() -> None:
    begun, was_cancelled = threading.Event(), threading.Event()

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> int:
        if number == 0:
            assert begun.wait(20)
        else:
            begun.set()
            assert cancel.wait(20)
            was_cancelled.set()
        return number

    def tell(number: int, outcome: Union[int, Failure]) -> bool:
        raise BrokenPipeError
    with pytest.raises(BrokenPipeError):
        SideBySide(2, work, tell, at_once=2, on_cancel='').run(Shown())
    assert was_cancelled.is_set()
