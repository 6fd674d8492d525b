"""``flightlog queue``: what is on its way into the bucket, and why it is not there yet."""
import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.paths import absolute
from flightlog_bucket.cli.report import escaped
from flightlog_bucket.cli.terminal import complain, console, plain, say
from flightlog_bucket.cli.transfer_view import FAILED, MOVING, TransferView
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES
from flightlog_bucket.cli.words import duration_text, json_line
from flightlog_bucket.sizes import size_text

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table

STATES = ('queued', 'uploading', 'stored', 'rejected')
_DESCRIPTION = """\
Show the uploads that the node knows of, from its ledger, without network: what is uploading, what
waits, and what was rejected and waits for a person.

On a terminal this is a table. Elsewhere each upload is a line, with its state, its size in bytes,
its path, and why it is not stored, between tabs.
"""
_EXAMPLES = f"""\
examples:
  flightlog queue
  flightlog queue --all                    # with what is stored
  flightlog queue --state rejected /data/log
  flightlog queue --json | jq -r 'select(.attempts > 3) | .reason'

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'queue', 'show what is on its way, and what was rejected',
                        _DESCRIPTION, _EXAMPLES, run)
    parser.add_argument('path', nargs='?', default='', metavar='PATH',
                        help='only this file, or the files in this folder')
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument('--state', choices=STATES, action='append', default=[],
                        help='only those in this state; may be given again')
    chosen.add_argument('--all', action='store_true', help='with those that are stored')
    parser.add_argument('--json', action='store_true',
                        help='one JSON object an upload, with the names of msg/TransferStatus')
    connecting.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the uploads; return the exit code."""
    states = STATES if arguments.all else arguments.state
    with connecting.connect_to_node(arguments) as node:
        views, total = node.transfers(states, absolute(arguments.path))
    drawn = None if arguments.json else console()
    if drawn is not None:
        _draw(drawn, views, total, _nothing(arguments))
        return 0
    for view in views:
        if arguments.json:
            say(json_line(view.as_fields()))
        else:
            print('\t'.join((view.state, str(view.total_bytes), escaped(view.path),
                             escaped(view.reason))), flush=True)
    if total > len(views):
        complain(f'{total - len(views)} more are not shown; give a folder or a --state')
    return 0


def table_of(views: Sequence[TransferView]) -> 'QueueTable':
    """Return a table of transfers for a terminal."""
    return QueueTable(views)


class QueueTable:
    """
    Drawn as wide as there is room: paths lose their beginning, and small columns go first.

    :param views: its rows
    """

    def __init__(self, views: Sequence[TransferView]) -> None:
        self._views = views

    def __rich_console__(self, console: 'Console',
                         options: 'ConsoleOptions') -> 'Iterator[RenderableType]':
        yield self._table(options.max_width)

    def _table(self, width: int) -> 'Table':
        from rich.table import Table
        columns = {heading: [escaped(cell(view)) for view in self._views]
                   for heading, cell in _CELLS.items()}
        room = _narrowed(columns, width)
        reasons = columns.pop('reason', [])
        widest_reason = max(map(len, reasons), default=0)
        file_width = max(room - widest_reason, room // 2) if reasons else room
        table = Table(box=None, pad_edge=False, header_style='bold')
        for heading in columns:
            table.add_column(heading, no_wrap=True,
                             justify='right' if heading in _RIGHT else 'left')
        if reasons:
            table.add_column('reason', overflow='fold')
        columns['file'] = [_end_of(path, file_width) for path in columns['file']]
        cells = [*columns.values(), *([reasons] if reasons else [])]
        for view, row in zip(self._views, zip(*cells, strict=True), strict=True):
            table.add_row(plain(row[0], style=_style(view.state)), *map(plain, row[1:]))
        return table


def _narrowed(columns: dict[str, list[str]], width: int) -> int:
    """
    Take away the columns that are empty, and those that there is no room for.

    :param columns: the cells by heading
    :param width: of all
    :returns: the width that is left for paths and reasons
    """
    for heading in _OPTIONAL:
        if not any(columns[heading]):
            del columns[heading]

    def room() -> int:
        small = [heading for heading in columns if heading not in ('file', 'reason')]
        return (width - (len(columns) - 1) * _GAP
                - sum(max(len(heading), *map(len, columns[heading])) for heading in small))
    for heading in _OPTIONAL:
        if room() < (_ROOM if 'reason' in columns else _LEAST_ROOM):
            columns.pop(heading, None)
    return max(room(), 1)


def _end_of(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    return f'...{text[3 - width:]}' if width > 6 else text[-width:]


def _draw(drawn: 'Console', views: Sequence[TransferView], total: int, nothing: str) -> None:
    if not total:
        drawn.print(plain(nothing, style='dim'))
        return
    if views:
        drawn.print(table_of(views))
    shown = '' if total == len(views) else f'; {len(views)} of them are shown'
    drawn.print(plain(f'{total} upload{"" if total == 1 else "s"}{shown}', style='dim'))


def _nothing(arguments: argparse.Namespace) -> str:
    """Return what to say where there is no upload."""
    where = f' in {arguments.path}' if arguments.path else ''
    if arguments.all:
        return f'no uploads are known{where}'
    if arguments.state:
        return f'no upload is {" or ".join(arguments.state)}{where}'
    return f'nothing waits, nothing was rejected{where}'


def _next_try(view: TransferView) -> str:
    wait_s = view.next_try_in_s()
    return duration_text(wait_s) if wait_s >= 0.5 else ''


def _style(state: str) -> str:
    if state in FAILED:
        return 'red'
    return 'green' if state in MOVING else ''


_CELLS: dict[str, Callable[[TransferView], str]] = {
    'state': lambda view: view.state, 'file': lambda view: view.path,
    'size': lambda view: size_text(view.total_bytes) if view.total_bytes else '',
    'progress': TransferView.progress, 'next try': _next_try,
    'reason': lambda view: view.reason}
_RIGHT = ('size', 'next try')
_OPTIONAL = ('next try', 'size', 'progress', 'reason')
"""They go in this order where there is no room."""
_GAP = 2
_ROOM, _LEAST_ROOM = 40, 12
"""For a path and a reason, and for a path alone."""
