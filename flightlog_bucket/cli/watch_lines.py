"""What goes on, as lines for a file, a pipe or a program."""
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
import time
from types import TracebackType
from typing import Optional, TYPE_CHECKING

from flightlog_bucket.cli.terminal import say
from flightlog_bucket.cli.transfer_view import MOVING, OVER, TransferView
from flightlog_bucket.cli.words import iso_text, json_line, moment_text

if TYPE_CHECKING:
    from flightlog_bucket.cli.over_ros.topics import Diagnosis

_LINE_EVERY_S = 10.0
_DIAGNOSIS_EVERY_S = 30.0
_KEPT = 2000
# What was told before anybody watched comes at once, and then no more.
_PAST_QUIET_S = 1.0
_PAST_MOST_S = 5.0
Id = tuple[str, int]


class Lines:
    """
    Prints a line when something changes, and now and then while something moves.

    What a node has told before comes first: of that, how what is not over stands.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = datetime.now(timezone.utc)
        self._began_s = clock()
        self._past: Optional[dict[Id, TransferView]] = {}
        self._past_at_s: Optional[float] = None
        self._last: dict[Id, tuple[str, str, float]] = {}
        self._told: dict[str, tuple[str, str, float]] = {}

    def __enter__(self) -> 'Lines':
        """Begin to show."""
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """End it."""

    def transfer(self, view: TransferView) -> None:
        """Print how a transfer stands, if it is news."""
        self.tick()
        if self._past is not None:
            if view.stamp and view.stamp < self._began:
                self._past.pop((view.direction, view.id), None)
                self._past[view.direction, view.id] = view
                self._past_at_s = self._clock()
                return
            self._past.pop((view.direction, view.id), None)
            self._tell_past()
        self._transfer(view)

    def diagnostics(self, found: 'Sequence[Diagnosis]') -> None:
        """Print what is worse or better than before, and now and then what is wrong."""
        self.tick()
        now_s = self._clock()
        for one in found:
            level, message, at_s = self._told.get(one.task, ('', '', 0.0))
            if one.level == level and (one.level == 'OK' or one.message == message
                                       or now_s - at_s < _DIAGNOSIS_EVERY_S):
                continue
            self._told[one.task] = (one.level, one.message, now_s)
            self._say_diagnosis(one)

    def tick(self) -> None:
        """Print what was told before, when all of it has come."""
        now_s = self._clock()
        if self._past is not None and (
                now_s - self._began_s > _PAST_MOST_S
                or (self._past_at_s is not None and now_s - self._past_at_s > _PAST_QUIET_S)):
            self._tell_past()

    def _tell_past(self) -> None:
        past, self._past = self._past or {}, None
        for view in past.values():
            if view.state not in OVER:
                self._transfer(view)

    def _transfer(self, view: TransferView) -> None:
        name, now_s = (view.direction, view.id), self._clock()
        state, reason, at_s = self._last.get(name, ('', '', 0.0))
        is_same = (view.state, view.reason) == (state, reason)
        if is_same and (view.state not in MOVING or now_s - at_s < _LINE_EVERY_S):
            return
        self._last.pop(name, None)
        self._last[name] = (view.state, view.reason, now_s)
        if len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]
        say(f'{moment_text(view.stamp or datetime.now(timezone.utc))} {view.direction}'
            f' {view.path}: {view.told()}')

    def _say_diagnosis(self, one: 'Diagnosis') -> None:
        say(f'{moment_text(datetime.now(timezone.utc))} {one.task}: {one.level} {one.message}')


class JsonLines(Lines):
    """Prints an object in a line; of what moves, each message."""

    def _transfer(self, view: TransferView) -> None:
        say(json_line({'stamp': iso_text(view.stamp), **view.as_fields()}))

    def _say_diagnosis(self, one: 'Diagnosis') -> None:
        say(json_line(vars(one)))
