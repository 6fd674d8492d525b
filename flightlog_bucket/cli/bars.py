"""The bars of rich, with columns in which nothing of a name or a reason has a meaning."""
from typing import Optional

from flightlog_bucket.cli.terminal import plain
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

_PER_S = 4


def progress_on(console: Console, bar_width: Optional[int]) -> Progress:
    """
    Return bars, one a task; its fields ``name`` and ``standing`` are the words beside it.

    What is shown as ``standing`` changes with time: it is called for its words.
    """
    return Progress(
        _Words('name', Column(no_wrap=True)), BarColumn(bar_width),
        _Words('standing', Column(no_wrap=True, overflow='ellipsis', ratio=1)),
        console=console, transient=True, expand=True, refresh_per_second=_PER_S,
        redirect_stdout=False, redirect_stderr=False)


class _Words(ProgressColumn):
    """
    A field of a task.

    :param field: its name
    :param column: of the table of bars
    """

    def __init__(self, field: str, column: Column) -> None:
        super().__init__(table_column=column)
        self._field = field

    def render(self, task: Task) -> Text:
        words = task.fields.get(self._field, '')
        text: Text = plain(str(words() if callable(words) else words))
        return text
