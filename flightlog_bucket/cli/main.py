# PYTHON_ARGCOMPLETE_OK
"""``flightlog``: one subcommand a module, which adds itself to the command line."""
import os
import sys
from typing import Optional, TYPE_CHECKING

# The rest is loaded where Ctrl-C has its exit code already.
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

# As a shell reports it: 128 and the number of the signal.
INTERRUPTED = 130

_DESCRIPTION = """\
Work with flight logs: PX4 ULogs and ROS bags. "check" takes neither network nor ROS; the others
ask a node of flightlog_bucket over ROS 2, and some can do without one, with --direct.
"""


def main(argv: 'Optional[Sequence[str]]' = None) -> int:
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


def add_subcommands(parser: 'argparse.ArgumentParser') -> None:
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
    from flightlog_bucket.cli.usage import Parser
    subcommands = parser.add_subparsers(metavar='COMMAND', required=True, parser_class=Parser)
    for module in (upload, list_logs, download, delete, info, list_queue, retry, pause, watch,
                   check):
        module.add_to(subcommands)


def execute(arguments: 'argparse.Namespace') -> int:
    """Run the subcommand of a command line; return the exit code."""
    return _guarded(lambda: _run(arguments))


def _parser() -> 'argparse.ArgumentParser':
    from flightlog_bucket.cli.usage import Parser
    parser = Parser(prog='flightlog', description=_DESCRIPTION)
    add_subcommands(parser)
    return parser


def _run(arguments: 'argparse.Namespace') -> int:
    code: int = arguments.run(arguments)
    return code


def _guarded(run: 'Callable[[], int]') -> int:
    try:
        from flightlog_bucket.cli.ending import exit_code_of
        return exit_code_of(run)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
