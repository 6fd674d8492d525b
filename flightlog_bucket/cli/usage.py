"""What the subcommands share: their help, and how wrong usage ends."""
import argparse
from collections.abc import Callable
from contextlib import suppress
import sys
from typing import NoReturn, TYPE_CHECKING

from flightlog_bucket.cli.report import escaped

if TYPE_CHECKING:
    from argparse import _SubParsersAction

WRONG_USAGE = 2
EXIT_CODES = """\
exit code:
  0    all that was asked for is done
  1    something is not
  2    wrong usage; or there is no node, or several; or something that is needed is missing
  129  the terminal was closed
  130  stopped by Ctrl-C
  141  what reads the output closed it, e.g. head
  143  stopped by SIGTERM"""


class Parser(argparse.ArgumentParser):
    """Shows what was typed without what it may mean for the terminal."""

    def error(self, message: str) -> NoReturn:
        """Say on stderr what is wrong, and end the process."""
        super().error(escaped(message))


def count(text: str) -> int:
    """
    Return how many are meant.

    :raises argparse.ArgumentTypeError: it is no number from 1
    """
    with suppress(ValueError):
        number = int(text)
        if number >= 1:
            return number
    raise argparse.ArgumentTypeError(f'{text!r}: give a number from 1')


def add_parser(subcommands: '_SubParsersAction[argparse.ArgumentParser]', name: str, help_: str,
               description: str, examples: str,
               run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    """Add a subcommand whose texts stand as they are written."""
    parser = subcommands.add_parser(
        name, help=help_, description=description, epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run, command_name=parser.prog)
    return parser


def wrong_usage(arguments: argparse.Namespace, text: str) -> int:
    """Say on stderr what is wrong; return the exit code."""
    with suppress(OSError):
        print(f'{arguments.command_name}: {escaped(text)}; see'
              f' "{arguments.command_name} --help"', file=sys.stderr, flush=True)
    return WRONG_USAGE
