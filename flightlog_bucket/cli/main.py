"""``flightlog``: one subcommand a module, which adds itself to the command line."""
import argparse
from collections.abc import Sequence
import os
import sys
from typing import Optional

from flightlog_bucket.errors import ConfigurationError

# As a shell reports them: 128 and the number of the signal.
INTERRUPTED, NOBODY_READS = 130, 141
CANNOT = 2
"""As of wrong usage: something that is needed is missing, e.g. space for the output."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """
    Run a subcommand; return its exit code.

    :param argv: the command line, without the program's name; None: that of the process
    """
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # e.g. "| head"
        _let_the_end_be_silent()
        return NOBODY_READS
    except ConfigurationError as error:
        print(f'flightlog: {error}', file=sys.stderr)
        return CANNOT
    except OSError as error:  # a full disk, with "> FILE"
        _let_the_end_be_silent()
        print(f'flightlog: cannot write what was found: {error.strerror}', file=sys.stderr)
        return CANNOT


def _run(argv: Optional[Sequence[str]]) -> int:
    try:
        arguments = _parser().parse_args(argv)
        code: int = arguments.run(arguments)
        return code
    finally:
        # Here rather than at the interpreter's end, so that a failure can be told.
        print(end='', flush=True)


def _parser() -> argparse.ArgumentParser:
    from flightlog_bucket.cli import check
    parser = argparse.ArgumentParser(
        prog='flightlog', description='Work with flight logs: PX4 ULogs and ROS bags.')
    subcommands = parser.add_subparsers(metavar='COMMAND', required=True)
    check.add_to(subcommands)
    return parser


def _let_the_end_be_silent() -> None:
    """Let what is still to be written go nowhere: the interpreter flushes when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == '__main__':
    sys.exit(main())
