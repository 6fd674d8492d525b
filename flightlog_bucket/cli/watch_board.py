"""How what goes on is shown: as a table on a terminal, else as lines."""
from collections.abc import Sequence
from datetime import datetime, timezone
import time
from types import TracebackType
from typing import Optional, Protocol, TYPE_CHECKING

from flightlog_bucket.cli.list_queue import table_of
from flightlog_bucket.cli.terminal import plain, say
from flightlog_bucket.cli.transfer_view import FAILED, MOVING, OVER, TransferView
from flightlog_bucket.cli.words import iso_text, json_line, moment_text

if TYPE_CHECKING:
    from flightlog_bucket.cli.over_ros.topics import Diagnosis
    from rich.console import Console, Group

_LINE_EVERY_S = 10.0
_PER_S = 4
_OVER_SHOWN = 10
_KEPT = 2000
_STYLES = {'OK': 'green', 'WARN': 'yellow', 'ERROR': 'red', 'STALE': 'magenta'}
_Id = tuple[str, int]


class Board(Protocol):
    """Shows what it is told; used by one thread."""

    def __enter__(self) -> 'Board':
        """Begin to show."""

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """End it."""

    def transfer(self, view: TransferView) -> None:
        """Show how a transfer stands now."""

    def diagnostics(self, found: 'Sequence[Diagnosis]') -> None:
        """Show how the node is now."""

    def tick(self) -> None:
        """Note that nothing has happened."""


class Lines:
    """Prints a line when something changes, and now and then while something moves."""

    def __init__(self) -> None:
        self._began = datetime.now(timezone.utc)
        self._last: dict[_Id, tuple[str, str, float]] = {}
        self._told: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Board:
        """Begin to show."""
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """End it."""

    def transfer(self, view: TransferView) -> None:
        """Print how a transfer stands, if it is news."""
        name, now_s = (view.direction, view.id), time.monotonic()
        state, reason, at_s = self._last.get(name, ('', '', 0.0))
        is_same = (view.state, view.reason) == (state, reason)
        if is_same and (view.state not in MOVING or now_s - at_s < _LINE_EVERY_S):
            return
        if not state and view.state in OVER and view.stamp and view.stamp < self._began:
            return  # over before anybody watched
        self._last[name] = (view.state, view.reason, now_s)
        if len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]
        say(f'{moment_text(datetime.now(timezone.utc))} {view.direction} {view.path}:'
            f' {view.told()}')

    def diagnostics(self, found: 'Sequence[Diagnosis]') -> None:
        """Print what is not as it was."""
        for one in found:
            if self._told.get(one.task) != (one.level, one.message):
                self._told[one.task] = (one.level, one.message)
                say(f'{moment_text(datetime.now(timezone.utc))} {one.task}: {one.level}'
                    f' {one.message}')

    def tick(self) -> None:
        """Print nothing."""


class JsonLines(Lines):
    """Prints each message as an object in a line."""

    def transfer(self, view: TransferView) -> None:
        """Print how a transfer stands."""
        say(json_line({'stamp': iso_text(view.stamp), **view.as_fields()}))

    def diagnostics(self, found: 'Sequence[Diagnosis]') -> None:
        """Print how the node is."""
        for one in found:
            say(json_line(vars(one)))


class Table:
    """
    Draws everything anew as it changes.

    :param drawn: on the terminal
    :param name: of the node
    """

    def __init__(self, drawn: 'Console', name: str) -> None:
        from rich.live import Live
        self._console = drawn
        self._name = name
        self._views: dict[_Id, TransferView] = {}
        self._found: Sequence[Diagnosis] = ()
        self._live = Live(console=drawn, get_renderable=self._drawing, refresh_per_second=_PER_S,
                          redirect_stdout=False, redirect_stderr=False,
                          vertical_overflow='ellipsis')

    def __enter__(self) -> Board:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        """Leave the last state."""
        self._live.stop()

    def transfer(self, view: TransferView) -> None:
        """Note how a transfer stands."""
        name = (view.direction, view.id)
        views = dict(self._views)
        views.pop(name, None)  # the latest is the last
        views[name] = view
        over = [key for key, one in views.items() if one.state in OVER]
        for key in over[:max(0, len(over) - _OVER_SHOWN)]:
            del views[key]
        while len(views) > _KEPT:
            del views[next(iter(views))]
        self._views = views

    def diagnostics(self, found: 'Sequence[Diagnosis]') -> None:
        """Note how the node is."""
        self._found = found

    def tick(self) -> None:
        """Draw as it is."""

    def _drawing(self) -> 'Group':
        """Return what is drawn; another thread asks for it."""
        from rich.console import Group
        parts = [plain(f'{self._name}, {moment_text(datetime.now(timezone.utc))} UTC', 'bold')]
        for one in self._found:
            line = plain(f'  {one.level:<6}', _STYLES.get(one.level, ''))
            parts.append(line.append_text(plain(f'{one.task}: {one.message}')))
        views = sorted(self._views.values(), key=_order)
        rows = max(1, self._console.size.height - len(parts) - 3)
        parts.append(table_of(views[:rows]) if views else plain('no transfers', 'dim'))
        if len(views) > rows:
            parts.append(plain(f'and {len(views) - rows} more', 'dim'))
        return Group(*parts)


def _order(view: TransferView) -> int:
    if view.state in MOVING:
        return 0
    if view.state == 'queued':
        return 1
    return 2 if view.state in FAILED else 3
