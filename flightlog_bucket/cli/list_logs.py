"""``flightlog list``: the logs in the bucket."""
import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Entry
from flightlog_bucket.cli.entries import fields_of
from flightlog_bucket.cli.report import escaped
from flightlog_bucket.cli.terminal import console, plain, say
from flightlog_bucket.cli.usage import add_parser, count, EXIT_CODES
from flightlog_bucket.cli.words import (
    duration_text,
    json_line,
    moment_text,
)
from flightlog_bucket.sizes import size_text

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.console import Console

_DESCRIPTION = """\
List this machine's logs in the bucket, by key: all of them, or those whose name begins with
PREFIX, e.g. a day.

On a terminal this is a table. Elsewhere each log is a line, with the UTC time of its storage, its
size in bytes, its verdict and its key, between tabs. What is not ASCII is escaped there; --json
has each key as it is. With --direct, verdicts are known of what was uploaded from here that way.
"""
_EXAMPLES = f"""\
examples:
  flightlog list
  flightlog list 20250727
  flightlog list --most 20
  flightlog list --json | jq -r 'select(.verdict == "truncated") | .key'
  flightlog list 20250727 | cut -f 4 | xargs -d '\\n' flightlog download -o /tmp

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'list', 'list the logs in the bucket', _DESCRIPTION,
                        _EXAMPLES, run)
    parser.add_argument('prefix', nargs='?', default='', metavar='PREFIX',
                        help='what the names begin with, within the folder of the machine')
    parser.add_argument('-n', '--most', type=count, metavar='N', help='list at most so many')
    parser.add_argument('--json', action='store_true',
                        help='one JSON object a log, with key, size, last_modified, url, format,'
                             ' verdict, start, duration_s and message_count')
    connecting.add_options(parser, has_direct=True)


def run(arguments: argparse.Namespace) -> int:
    """List the logs; return the exit code."""
    with connecting.connect(arguments) as backend:
        entries = backend.list(arguments.prefix, most=arguments.most)
        drawn = None if arguments.json else console()
        if drawn is not None:
            _draw(drawn, entries)
            return 0
        for entry in entries:
            say_entry(entry, as_json=arguments.json)
    return 0


def say_entry(entry: Entry, *, as_json: bool) -> None:
    """Print one log in a line, for programs."""
    if as_json:
        say(json_line(fields_of(entry)))
        return
    cells = (moment_text(entry.last_modified), str(entry.size), entry.verdict or '-', entry.key)
    print('\t'.join(map(escaped, cells)), flush=True)


def _draw(drawn: 'Console', entries: Iterable[Entry]) -> None:
    from rich.table import Table
    table = Table(box=None, pad_edge=False, header_style='bold')
    table.add_column('key', overflow='fold', ratio=1)
    for heading in ('size', 'duration', 'messages'):
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('verdict', no_wrap=True)
    logs, size = 0, 0
    for entry in entries:
        logs, size = logs + 1, size + entry.size
        table.add_row(
            plain(entry.key), plain(size_text(entry.size)),
            plain(duration_text(entry.duration_s) if entry.duration_s else ''),
            plain(str(entry.message_count) if entry.message_count else ''),
            plain(entry.verdict, style='' if entry.verdict in ('', 'valid') else 'yellow'))
    if logs:
        drawn.print(table)
    drawn.print(plain(f'{logs} log{"" if logs == 1 else "s"}, {size_text(size)}',
                      style='dim'))
