"""How several transfers are shown: as bars on a terminal, else as lines."""
from collections.abc import Sequence
from functools import partial
import os
import sys
import time
from types import TracebackType
from typing import Any, Optional, Protocol, TYPE_CHECKING

from flightlog_bucket.cli.backend import Step
from flightlog_bucket.cli.report import escaped
from flightlog_bucket.cli.terminal import complain, console, plain, say
from flightlog_bucket.cli.words import lasting_text, step_text

if TYPE_CHECKING:
    from rich.console import Console

_LINE_EVERY_S = 10.0
_BAR_WIDTH = 20
_NAME_WIDTH = 28


class Display(Protocol):
    """Shows transfers by their numbers; used by one thread."""

    def __enter__(self) -> 'Display':
        """Begin to show."""

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """Leave only what is to stay."""

    def step(self, number: int, step: Step) -> None:
        """Show how far a transfer is."""

    def end(self, number: int) -> None:
        """Show a transfer no more."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def complain(self, text: str) -> None:
        """Print a line that stays, on stderr."""


def display_of(names: Sequence[str], *, is_quiet: bool = False) -> Display:
    """
    Return what shows transfers.

    :param names: of the transfers, by their numbers
    :param is_quiet: show no progress
    """
    if is_quiet:
        return Quiet()
    drawn = console()
    return Lines(names) if drawn is None else Bars(names, drawn)


class Quiet:
    """Shows no progress."""

    def __enter__(self) -> Display:
        """Begin to show."""
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """Leave only what is to stay."""

    def step(self, number: int, step: Step) -> None:
        """Show nothing."""

    def end(self, number: int) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Print a line."""
        say(text)

    def complain(self, text: str) -> None:
        """Print a line on stderr."""
        complain(text)


class Lines(Quiet):
    """
    Prints a line when something changes, and now and then in between.

    :param names: of the transfers, by their numbers
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._last: dict[int, tuple[str, str, float]] = {}

    def step(self, number: int, step: Step) -> None:
        """Print where a transfer stands, if it is news."""
        now_s = time.monotonic()
        state, reason, at_s = self._last.get(number, ('', '', 0.0))
        if (step.state, step.reason) == (state, reason) and now_s - at_s < _LINE_EVERY_S:
            return
        self._last[number] = (step.state, step.reason, now_s)
        say(f'{self._names[number]}: {step_text(step)}')


class Bars:
    """
    Draws bars below the lines that stay.

    :param names: of the transfers, by their numbers
    :param drawn: on the terminal
    """

    def __init__(self, names: Sequence[str], drawn: 'Console') -> None:
        from flightlog_bucket.cli.bars import progress_on
        self._names = names
        self._console = drawn
        self._progress = progress_on(drawn, _BAR_WIDTH)
        self._tasks: dict[int, Any] = {}
        self._ended = 0
        self._sum = None if len(names) < 2 else self._progress.add_task(
            '', total=len(names), name=self._sum_text(), standing='')

    def __enter__(self) -> Display:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """Take the bars away; the lines stay."""
        self._progress.stop()

    def step(self, number: int, step: Step) -> None:
        """Draw how far a transfer is."""
        if number not in self._tasks:
            self._tasks[number] = self._progress.add_task(
                '', total=1, name=_short(self._names[number]), standing='')
        # Old rich takes numbers only: what is not known yet is a bar that is empty.
        self._progress.update(
            self._tasks[number], total=step.total_bytes or 1,
            completed=step.done_bytes if step.total_bytes else 0,
            standing=partial(lasting_text, step, time.monotonic()))

    def end(self, number: int) -> None:
        """Take the bar of a transfer away."""
        task = self._tasks.pop(number, None)
        if task is not None:
            self._progress.remove_task(task)
        self._ended += 1
        if self._sum is not None:
            self._progress.update(self._sum, completed=self._ended, name=self._sum_text())
        # What is printed next stands above what is drawn now.
        self._progress.refresh()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(plain(text), soft_wrap=True)

    def complain(self, text: str) -> None:
        """Print a line above the bars, where stderr is the terminal too."""
        if sys.stderr.isatty():
            self._console.print(plain(f'flightlog: {text}', style='red'), soft_wrap=True)
        else:
            complain(text)

    def _sum_text(self) -> str:
        return f'{self._ended} of {len(self._names)} done'


def _short(path: str) -> str:
    name = escaped(os.path.basename(path.rstrip('/')) or path)
    return name if len(name) <= _NAME_WIDTH else f'...{name[3 - _NAME_WIDTH:]}'
