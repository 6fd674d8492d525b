"""``flightlog info``: how things stand, why a file is not uploaded, what is in a stored log."""
import argparse
from collections.abc import Iterator, Mapping
import os
from typing import Any, TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Backend, Failure, NotReachable
from flightlog_bucket.cli.completion import files_and_keys, set_completer
from flightlog_bucket.cli.paths import absolute
from flightlog_bucket.cli.terminal import say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES
from flightlog_bucket.cli.words import duration_text, json_line
from flightlog_bucket.sizes import size_text

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_DESCRIPTION = """\
Tell how the node is set and how it stands: session token, queue, last errors. With a local FILE,
tell where that stands instead, and why it is not in the bucket; with a KEY, what is in that log.
--json has all of it in every case.

What exists here as a file is taken for one, anything else for a key if it begins with the folder
of this machine in the bucket. What is neither is a failure, unless its upload is known.
"""
_EXAMPLES = f"""\
examples:
  flightlog info
  flightlog info /data/log/flight.ulg
  flightlog info flight_logs/drone-001/20250727_143022_flight.ulg
  flightlog info --json | jq .credential_state

{EXIT_CODES}
"""
_OF_FILE, _OF_KEY = 'file_', 'object'
_NOT_TAKEN = ('unknown', 'rejected')
_IS_MISSING = ('no such file', 'File not found')
_SIZES = ('max_file_size', 'size')
_SPANS = ('credential_expires_in_s', 'file_next_attempt_in_s', 'duration_s')


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(
        subcommands, 'info', 'tell how things stand, or why a file is not in the bucket',
        _DESCRIPTION, _EXAMPLES, run)
    set_completer(parser.add_argument('target', nargs='?', default='', metavar='FILE|KEY',
                                      help='a local file, or the key of a stored log'),
                  files_and_keys)
    parser.add_argument('--json', action='store_true',
                        help='one JSON object, with the names of srv/Info')
    connecting.add_options(parser, has_direct=True)


def run(arguments: argparse.Namespace) -> int:
    """Tell all that is known; return the exit code."""
    with connecting.connect(arguments) as backend:
        if not arguments.target:
            facts, about = backend.info(''), ''
        elif os.path.lexists(arguments.target):
            facts, about = backend.info(absolute(arguments.target)), _OF_FILE
        else:
            facts, about = _of_what_is_not_here(arguments.target, backend)
    if arguments.json:
        say(json_line(facts))
        return 0
    for line in _lines(_asked_for(facts, about)):
        say(line)
    return 0


def _of_what_is_not_here(target: str, backend: Backend) -> tuple[dict[str, Any], str]:
    """
    Return what is known of a key, or of a file that was here, or is on the node's computer.

    :raises Failure: nothing is
    """
    prefix = str(backend.info('').get('machine_prefix', ''))
    if prefix and target.startswith(prefix):
        return backend.info(target), _OF_KEY
    nothing = Failure(404, f'{target}: there is no such file, and no upload of one is known; give'
                      f' a file, or a key that begins with {prefix}')
    try:
        facts = backend.info(absolute(target))
    except NotReachable:
        raise
    except Failure as failure:
        raise nothing if failure.status == nothing.status else failure from None
    reason = str(facts['file_reason'])
    if facts['file_state'] in _NOT_TAKEN and any(words in reason for words in _IS_MISSING):
        raise nothing
    return facts, _OF_FILE


def _asked_for(facts: Mapping[str, Any], about: str) -> dict[str, Any]:
    """Return the facts about a file or a key; neither: those about the node."""
    return {name: value for name, value in facts.items()
            if (name.startswith(about) if about else not name.startswith((_OF_FILE, _OF_KEY)))}


def _lines(facts: dict[str, Any], indent: str = '') -> Iterator[str]:
    for name, value in facts.items():
        label = f'{indent}{name.removesuffix("_s").replace("_", " ")}'
        if isinstance(value, dict):
            if value:
                yield label
                yield from _lines(value, f'{indent}  ')
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield label
            for one in value:
                yield f'{indent}  ' + '  '.join(str(part) for part in one.values())
        else:
            yield from _listed(label, name, value)


def _listed(label: str, name: str, value: Any) -> Iterator[str]:
    if name in ('allowed_extensions',):
        yield f'{label:<26}{" ".join(value)}'
    elif isinstance(value, list):
        for one in value:
            yield f'{label:<26}{one}'
    elif value not in ('', None) and (value or name not in _SPANS):
        yield f'{label:<26}{_shown(name, value)}'


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if name in _SIZES:
        return size_text(value)
    if name == 'max_bandwidth':
        return f'{size_text(value)}/s' if value else 'no limit'
    if name in _SPANS:
        return duration_text(value)
    return str(value)
