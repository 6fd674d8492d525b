"""``flightlog queue``: what is on its way into the bucket, and why it is not there yet."""
import argparse
from collections.abc import Sequence
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

    from rich.console import Console
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
        _draw(drawn, views, total)
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


def table_of(views: Sequence[TransferView]) -> 'Table':
    """Return a table of transfers for a terminal."""
    from rich.table import Table
    table = Table(box=None, pad_edge=False, header_style='bold')
    table.add_column('state', no_wrap=True)
    table.add_column('file', overflow='fold', ratio=2)
    table.add_column('size', justify='right', no_wrap=True)
    table.add_column('progress', no_wrap=True)
    table.add_column('next try', justify='right', no_wrap=True)
    table.add_column('reason', overflow='fold', ratio=2)
    for view in views:
        table.add_row(
            plain(view.state, style=_style(view.state)), plain(view.path),
            plain(size_text(view.total_bytes) if view.total_bytes else ''),
            plain(view.progress()), plain(_next_try(view)), plain(view.reason))
    return table


def _draw(drawn: 'Console', views: Sequence[TransferView], total: int) -> None:
    if views:
        drawn.print(table_of(views))
    shown = '' if total == len(views) else f'; {len(views)} of them are shown'
    drawn.print(plain(f'{total} upload{"" if total == 1 else "s"}{shown}', style='dim'))


def _next_try(view: TransferView) -> str:
    wait_s = view.next_try_in_s()
    return duration_text(wait_s) if wait_s >= 0.5 else ''


def _style(state: str) -> str:
    if state in FAILED:
        return 'red'
    return 'green' if state in MOVING else ''
