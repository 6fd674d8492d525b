"""``flightlog retry``: try uploads again now."""
import argparse
from typing import TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Failure
from flightlog_bucket.cli.paths import expanded, none_text
from flightlog_bucket.cli.terminal import complain, say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES, wrong_usage

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_DESCRIPTION = """\
Try uploads again now: those that wait for their next try, and those that were rejected, once what
was wrong with them is put right.
"""
_EXAMPLES = f"""\
examples:
  flightlog retry /data/log/flight.ulg
  flightlog retry '/data/log/2025-07-27/*.ulg'
  flightlog retry --all

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'retry', 'try uploads again now', _DESCRIPTION, _EXAMPLES,
                        run)
    parser.add_argument('files', nargs='*', metavar='FILE', help='that waits or was rejected')
    parser.add_argument('--all', action='store_true', help='all that wait or were rejected')
    connecting.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the node for it; return the exit code."""
    if bool(arguments.files) == arguments.all:
        return wrong_usage(arguments, 'give files, or --all')
    paths, unmatched = expanded(arguments.files)
    code = int(bool(unmatched))
    for pattern in unmatched:
        complain(none_text(pattern))
    if unmatched and not paths:
        return code
    with connecting.connect_to_node(arguments) as node:
        retried = 0
        # One by one, so that a file that is not known does not stand in the way of the others.
        for asked in [[path] for path in paths] or [[]]:
            try:
                retried += node.retry(asked)
            except Failure as failure:
                code = 1
                complain(str(failure))
    say(f'{retried} upload{"" if retried == 1 else "s"} tried again')
    return code
