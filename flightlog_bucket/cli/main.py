# PYTHON_ARGCOMPLETE_OK
"""``flightlog``: one subcommand a module, which adds itself to the command line."""
import argparse
from collections.abc import Callable, Sequence
import os
import sys
from typing import Optional

from flightlog_bucket.cli.backend import Failure, NotReachable
from flightlog_bucket.cli.terminal import complain
from flightlog_bucket.errors import ConfigurationError

# As a shell reports them: 128 and the number of the signal.
INTERRUPTED, NOBODY_READS = 130, 141
NOT_DONE = 1
CANNOT = 2
"""As of wrong usage: something that is needed is missing, e.g. space for the output."""

_DESCRIPTION = """\
Work with flight logs: PX4 ULogs and ROS bags. "check" takes neither network nor ROS; the others
ask a node of flightlog_bucket over ROS 2, and some can do without one, with --direct.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """
    Run a subcommand; return its exit code.

    :param argv: the command line, without the program's name; None: that of the process
    """
    def run() -> int:
        parser = _parser()
        if '_ARGCOMPLETE' in os.environ:
            from flightlog_bucket.cli.completion import complete
            complete(parser)
        return _run(parser.parse_args(argv))
    return _guarded(run)


def add_subcommands(parser: argparse.ArgumentParser) -> None:
    """Add all subcommands to a command line; ``execute`` runs the one that was given."""
    from flightlog_bucket.cli import (
        check,
        delete,
        download,
        info,
        list_logs,
        list_queue,
        pause,
        retry,
        upload,
        watch,
    )
    subcommands = parser.add_subparsers(metavar='COMMAND', required=True)
    for module in (upload, list_logs, download, delete, info, list_queue, retry, pause, watch,
                   check):
        module.add_to(subcommands)


def execute(arguments: argparse.Namespace) -> int:
    """Run the subcommand of a command line; return the exit code."""
    return _guarded(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='flightlog', description=_DESCRIPTION)
    add_subcommands(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    code: int = arguments.run(arguments)
    return code


def _guarded(run: Callable[[], int]) -> int:
    try:
        try:
            return run()
        finally:
            # Here rather than at the interpreter's end, so that a failure can be told.
            print(end='', flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # e.g. "| head"
        _let_the_end_be_silent()
        return NOBODY_READS
    except (ConfigurationError, NotReachable) as error:
        complain(str(error))
        return CANNOT
    except Failure as error:
        complain(str(error))
        return NOT_DONE
    except OSError as error:  # a full disk, with "> FILE"
        _let_the_end_be_silent()
        complain(f'cannot write what was found: {error.strerror}')
        return CANNOT


def _let_the_end_be_silent() -> None:
    """Let what is still to be written go nowhere: the interpreter flushes when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == '__main__':
    sys.exit(main())
