"""``flightlog download``: logs out of the bucket."""
import argparse
from collections.abc import Sequence
import os
import threading
from typing import TYPE_CHECKING, Union

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Backend, Downloaded, Failure, OnStep
from flightlog_bucket.cli.completion import keys as completion_keys
from flightlog_bucket.cli.completion import set_completer
from flightlog_bucket.cli.display import display_of
from flightlog_bucket.cli.side_by_side import SideBySide
from flightlog_bucket.cli.terminal import say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES, wrong_usage
from flightlog_bucket.cli.words import json_line
from flightlog_bucket.sizes import size_text

if TYPE_CHECKING:
    from argparse import _SubParsersAction

AT_ONCE = 2
"""As many as a node has under way at once."""

_DESCRIPTION = """\
Download logs by their keys, as "flightlog list" shows them. A file appears whole and verified, or
not at all. A node writes the file itself: on its own computer, and as its own user.

A service cannot be cancelled: after Ctrl-C, a node goes on with what it downloads now.
"""
_EXAMPLES = f"""\
examples:
  flightlog download flight_logs/drone-001/20250727_143022_flight.ulg
  flightlog download -o a.ulg --overwrite flight_logs/drone-001/20250727_143022_flight.ulg
  flightlog list 20250727 | cut -f 4 | xargs -d '\\n' flightlog download -o /tmp

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'download', 'download logs', _DESCRIPTION, _EXAMPLES, run)
    set_completer(parser.add_argument('keys', nargs='+', metavar='KEY',
                                      help='of a log in the bucket'), completion_keys)
    parser.add_argument('-o', '--output', metavar='PATH', default='.',
                        help='the file, or an existing directory for files that get the last'
                             ' segment of the key as their name; default: the current directory')
    parser.add_argument('--overwrite', action='store_true', help='replace existing files')
    parser.add_argument('--json', action='store_true',
                        help='no progress; one JSON object a log, with key, success, status,'
                             ' error, local_path and file_size')
    connecting.add_options(parser, has_direct=True)


def run(arguments: argparse.Namespace) -> int:
    """Download all logs; return the exit code."""
    keys = list(dict.fromkeys(arguments.keys))
    if not arguments.output:
        return wrong_usage(arguments, '-o is empty; give a file, or a directory')
    is_directory = os.path.isdir(arguments.output)
    if arguments.output.endswith(os.sep) and not is_directory:
        return wrong_usage(arguments, f'{arguments.output} is no directory here; make it first,'
                           ' or leave out the slash at the end to give a file that name')
    if len(keys) > 1 and not is_directory:
        return wrong_usage(arguments, f'{arguments.output} is no directory, and there are'
                           f' {len(keys)} keys')
    output = os.path.abspath(arguments.output)
    targets = [os.path.join(output, key.rpartition('/')[2]) if is_directory else output
               for key in keys]
    if len(set(targets)) < len(targets):
        return wrong_usage(arguments, 'several keys end in the same name; download them one by'
                           ' one')
    with connecting.connect(arguments) as backend:
        return _download(backend, keys, targets, arguments)


def _download(backend: Backend, keys: Sequence[str], targets: Sequence[str],
              arguments: argparse.Namespace) -> int:
    display = display_of(keys, is_quiet=arguments.json)

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> Downloaded:
        return backend.download(keys[number], targets[number], overwrite=arguments.overwrite,
                                on_step=on_step, cancel=cancel)

    def tell(number: int, outcome: Union[Downloaded, Failure]) -> bool:
        key, failure = keys[number], isinstance(outcome, Failure)
        if arguments.json:
            say(json_line({'key': key, **_facts(outcome)}))
        elif isinstance(outcome, Failure):
            text = str(outcome)
            display.complain(text if key in text else f'{key}: {text}')
        else:
            display.say(f'{key}: now in {outcome.local_path}, {size_text(outcome.file_size)}')
        return not failure
    return SideBySide(len(keys), work, tell, at_once=AT_ONCE,
                      on_cancel='cancelling; Ctrl-C again leaves at once').run(display)


def _facts(outcome: Union[Downloaded, Failure]) -> dict[str, object]:
    if isinstance(outcome, Failure):
        return {'success': False, 'status': outcome.status, 'error': str(outcome),
                'local_path': '', 'file_size': 0}
    return {'success': True, 'status': 200, 'error': '', **vars(outcome)}
