"""``flightlog delete``: logs out of the bucket, for good."""
import argparse
from collections.abc import Sequence
import sys
from typing import TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Failure, NotReachable
from flightlog_bucket.cli.completion import keys as completion_keys
from flightlog_bucket.cli.completion import set_completer
from flightlog_bucket.cli.terminal import complain, say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES, wrong_usage

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_DESCRIPTION = """\
Delete logs from the bucket by their keys. Local files are not touched, and a log that was deleted
is not uploaded again unless somebody asks for it.

This asks first. Where nobody can be asked, --yes is needed.
"""
_EXAMPLES = f"""\
examples:
  flightlog delete flight_logs/drone-001/20250727_143022_flight.ulg
  flightlog list 20250727 | cut -f 4 | xargs -d '\\n' flightlog delete --yes

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'delete', 'delete logs from the bucket', _DESCRIPTION,
                        _EXAMPLES, run)
    set_completer(parser.add_argument('keys', nargs='+', metavar='KEY',
                                      help='of a log in the bucket'), completion_keys)
    parser.add_argument('-y', '--yes', action='store_true', help='do not ask')
    connecting.add_options(parser, has_direct=True)


def run(arguments: argparse.Namespace) -> int:
    """Delete all of them; return the exit code."""
    keys = list(dict.fromkeys(arguments.keys))
    if not arguments.yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return wrong_usage(arguments, 'nobody can be asked here; give --yes')
        if not _is_meant(keys):
            complain('nothing was deleted')
            return 1
    code = 0
    with connecting.connect(arguments) as backend:
        for key in keys:
            try:
                backend.delete(key)
            except NotReachable:
                raise
            except Failure as failure:
                code = 1
                complain(str(failure) if key in str(failure) else f'{key}: {failure}')
            else:
                say(f'{key}: deleted')
    return code


def _is_meant(keys: Sequence[str]) -> bool:
    for key in keys:
        say(key)
    what = 'it' if len(keys) == 1 else f'these {len(keys)}'
    print(f'Delete {what} from the bucket? [y/N] ', end='', flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith('\n'):  # Ctrl-D
        print()
    return answer.strip().lower() in ('y', 'yes')
