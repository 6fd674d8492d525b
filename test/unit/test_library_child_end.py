"""A process that reads a log: it may take its time to end after its last word."""
from collections.abc import Callable
import os
from subprocess import TimeoutExpired
import threading
from types import SimpleNamespace
from typing import Any, cast, Optional

from flightlog_bucket.errors import Cancelled
from flightlog_bucket.logs.library import child
import pytest


class Late:
    """A process that has said its last word, and ends later on a clock of its own."""

    def __init__(self, ends_s: float, exit_code: int) -> None:
        self.now_s = 0.0
        self.returncode: Optional[int] = None
        self._ends_s = ends_s
        self._exit_code = exit_code
        read, write = os.pipe()
        os.close(write)
        self.stdout = os.fdopen(read, 'rb')

    def poll(self) -> Optional[int]:
        if self.now_s >= self._ends_s:
            self.returncode = self._exit_code
        return self.returncode

    def wait(self, timeout: float) -> int:
        self.now_s = min(self.now_s + timeout, max(self._ends_s, self.now_s))
        code = self.poll()
        if code is None:
            raise TimeoutExpired('late', timeout)
        return code


class Cancelling(threading.Event):
    """Set once the process has been waited for."""

    def __init__(self, is_late: Callable[[], bool]) -> None:
        super().__init__()
        self.is_set = is_late  # type: ignore[method-assign]


def ended(late: Late, cancel: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(child, 'time', SimpleNamespace(monotonic=lambda: late.now_s))
    try:
        return child._wait(cast(Any, late), cancel, 60.0)
    finally:
        late.stdout.close()


@pytest.mark.parametrize('ends_s', [0.0, 3.0, 9.0])
def test_one_that_ends_late_is_told_by_how_it_ended(monkeypatch: pytest.MonkeyPatch,
                                                    ends_s: float) -> None:
    assert ended(Late(ends_s, -11), threading.Event(), monkeypatch).exit_code == -11


def test_one_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Late(1e9, 0)
    assert ended(late, threading.Event(), monkeypatch).exit_code is None
    assert late.now_s < 11


def test_who_cancels_does_not_wait_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Late(9.0, 0)
    with pytest.raises(Cancelled):
        ended(late, Cancelling(lambda: late.now_s >= 0.5), monkeypatch)
    assert late.now_s < 1
