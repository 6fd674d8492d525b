"""Several transfers at once, and what signals do to them."""
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import os
from queue import Empty, SimpleQueue
import signal
import threading
from types import FrameType
from typing import Any, Generic, Optional, TypeVar, Union

from flightlog_bucket.cli.backend import Failure, NotReachable, OnStep, Step
from flightlog_bucket.cli.display import Display
from flightlog_bucket.cli.terminal import leave_at_once

_SIGNALLED = 128
"""As a shell reports it: this and the number of the signal."""
_POLL_S = 0.5
_LAST_WAIT_S = 30.0
_T = TypeVar('_T')
Work = Callable[[int, OnStep, threading.Event], _T]
Tell = Callable[[int, Union[_T, Failure]], bool]


class SideBySide(Generic[_T]):
    """
    Works on several things at once, in threads; what is printed, one thread prints.

    Ctrl-C and SIGTERM cancel all of it; a second one leaves at once, as the end of the terminal
    does: what a node has begun it goes on with.

    :param count: of the things, which are known by their numbers
    :param work: does one of them, or raises ``Failure``
    :param tell: prints what became of one, and returns whether it is what was asked for
    :param at_once: so many threads
    :param on_cancel: what to tell at the first Ctrl-C or SIGTERM
    """

    def __init__(self, count: int, work: Work[_T], tell: Tell[_T], *, at_once: int,
                 on_cancel: str) -> None:
        self._count = count
        self._work = work
        self._tell = tell
        self._on_cancel = on_cancel
        self._cancel = threading.Event()
        self._signal = 0
        self._left = SimpleQueue[int]()
        self._news = SimpleQueue[tuple[int, Any]]()
        for number in range(count):
            self._left.put(number)
        self._threads = [threading.Thread(target=self._run, name=f'transfer {n}', daemon=True)
                         for n in range(min(at_once, count))]

    def run(self, display: Display) -> int:
        """
        Do all of it; return the exit code.

        :raises NotReachable: it turned out that nobody is to do it
        """
        with self._interruptible(), display:
            try:
                for thread in self._threads:
                    thread.start()
                are_right = self._follow(display)
            finally:
                self._cancel.set()
                for thread in self._threads:
                    thread.join(_LAST_WAIT_S)
        if are_right:
            return 0
        return _SIGNALLED + self._signal if self._signal else 1

    def _follow(self, display: Display) -> bool:
        ended, are_right, is_told = 0, True, False
        while ended < self._count:
            if self._signal and not is_told:
                is_told = True
                display.complain(self._on_cancel)
            try:
                number, news = self._news.get(timeout=_POLL_S)
            except Empty:
                continue
            if number < 0:  # woken
                continue
            if isinstance(news, Step):
                display.step(number, news)
                continue
            ended += 1
            display.end(number)
            if isinstance(news, NotReachable) or (
                    isinstance(news, BaseException) and not isinstance(news, Failure)):
                raise news
            are_right = self._tell(number, news) and are_right
        return are_right

    def _run(self) -> None:
        while True:
            try:
                number = self._left.get_nowait()
            except Empty:
                return
            self._news.put((number, self._outcome(number)))

    def _outcome(self, number: int) -> Any:
        if self._cancel.is_set():
            return Failure(499, 'it was not begun')
        try:
            return self._work(number, lambda step: self._news.put((number, step)), self._cancel)
        except BaseException as error:
            return error

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        handlers = {signal.SIGINT: self._cancel_all, signal.SIGTERM: self._cancel_all,
                    signal.SIGHUP: self._leave}
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in handlers
                  if signal.getsignal(number) is not signal.SIG_IGN}  # as nohup has it
        for number in before:
            signal.signal(number, handlers[number])
        try:
            yield
        finally:
            for number, handler_before in before.items():
                signal.signal(number, handler_before)

    def _cancel_all(self, number: int, frame: Optional[FrameType]) -> None:
        if self._signal:
            self._leave(number, frame)
        self._signal = number
        self._cancel.set()
        self._news.put((-1, None))

    def _leave(self, number: int, frame: Optional[FrameType]) -> None:
        leave_at_once(_SIGNALLED + number)


def name_of(paths: Sequence[str], number: int) -> str:
    """Return how a file is called where several are: as short as it stays clear."""
    path = os.path.relpath(paths[number])
    return paths[number] if path.startswith('..') else path
