"""What goes on, as a table on a terminal."""
from collections.abc import Sequence
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, Optional, Protocol, TYPE_CHECKING

from flightlog_bucket.cli.list_queue import table_of
from flightlog_bucket.cli.terminal import plain
from flightlog_bucket.cli.transfer_view import FAILED, MOVING, OVER, TransferView
from flightlog_bucket.cli.watch_lines import Id
from flightlog_bucket.cli.words import moment_text

if TYPE_CHECKING:
    from flightlog_bucket.cli.over_ros.topics import Diagnosis
    from rich.console import Console, Group

_PER_S = 4
_OVER_SHOWN = 10
_KEPT = 2000
_STYLES = {'OK': 'green', 'WARN': 'yellow', 'ERROR': 'red', 'STALE': 'magenta'}


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
        self._views: dict[Id, TransferView] = {}
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
        if not views:
            return Group(*parts, plain('no transfers', 'dim'))
        shown = self._fitting(views, self._console.size.height - self._height(Group(*parts)) - 2)
        parts.append(table_of(views[:shown]))
        if len(views) > shown:
            parts.append(plain(f'and {len(views) - shown} more', 'dim'))
        return Group(*parts)

    def _fitting(self, views: 'Sequence[TransferView]', height: int) -> int:
        """Return how many have room, which may take several lines each."""
        count = max(1, min(len(views), height - 1))
        while count > 1:
            needed = self._height(table_of(views[:count]))
            if needed <= height:
                break
            count = max(1, min(count - 1, count * height // needed))
        return count

    def _height(self, drawn: Any) -> int:
        return len(self._console.render_lines(drawn, pad=False))


def _order(view: TransferView) -> int:
    if view.state in MOVING:
        return 0
    if view.state == 'queued':
        return 1
    return 2 if view.state in FAILED else 3
