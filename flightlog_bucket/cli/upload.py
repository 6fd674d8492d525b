"""``flightlog upload``: logs into the bucket."""
import argparse
from collections.abc import Sequence
import threading
from typing import TYPE_CHECKING, Union

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Backend, Failure, OnStep, Uploaded
from flightlog_bucket.cli.display import Display, display_of
from flightlog_bucket.cli.paths import expanded, none_text
from flightlog_bucket.cli.side_by_side import name_of, SideBySide
from flightlog_bucket.cli.streams import OutputLost
from flightlog_bucket.cli.terminal import say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES, wrong_usage
from flightlog_bucket.cli.words import json_line
from flightlog_bucket.sizes import size_text

if TYPE_CHECKING:
    from argparse import _SubParsersAction

AT_ONCE = 8
"""Uploads that are asked for at once; more of them wait here."""

_DESCRIPTION = """\
Upload flight logs, and show how it goes. Each is in the bucket, whole, when this says so.

FILE is a log, or a rosbag2 directory. Patterns are expanded, also quoted ones. What cannot be
uploaded now waits: for the network, for session tokens, for the end of a pause.
Ctrl-C cancels the uploads, and leaves nothing of them in the bucket, but for those that somebody
else has asked for too, and for parts where the session token may not s3:AbortMultipartUpload;
after a second Ctrl-C the node may go on. SIGTERM does as Ctrl-C does; where the terminal is
closed, the node goes on with what it has begun. With --direct, whole parts that are up stay
there, and the same command sends the others: what was on the wire (up to max_concurrent_parts
times part_size) is sent again.

Where stdout is closed or full, nobody can be told what became of the logs: then the uploads are
cancelled as by Ctrl-C. To go on without anybody who reads, give --enqueue, or > /dev/null.
"""
_EXAMPLES = f"""\
examples:
  flightlog upload flight.ulg
  flightlog upload /data/bags/run1 '/data/log/2025-07-27/*.ulg'
  flightlog upload --name mission_42.ulg flight.ulg
  flightlog upload --enqueue *.mcap          # do not wait: the node sees to it
  flightlog upload --json *.ulg | jq -r .s3_key

{EXIT_CODES}
"""
_CANCELLING = 'cancelling; Ctrl-C again leaves at once'


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'upload', 'upload logs, and show how it goes',
                        _DESCRIPTION, _EXAMPLES, run)
    parser.add_argument('files', nargs='+', metavar='FILE', help='a log, or a rosbag2 directory')
    parser.add_argument('--name',
                        help='the name that the object gets; default: that of the file')
    parser.add_argument('--enqueue', action='store_true',
                        help='end as soon as the logs are accepted; they are uploaded in the'
                             ' background')
    parser.add_argument('--json', action='store_true',
                        help='no progress; one JSON object a file, with path, success, status,'
                             ' error, and what action/UploadLog tells')
    connecting.add_options(parser, has_direct=True)


def run(arguments: argparse.Namespace) -> int:
    """Upload all files; return the exit code."""
    if arguments.enqueue and arguments.direct:
        return wrong_usage(arguments, '--enqueue takes a node, which goes on in the background')
    if arguments.name is not None and not arguments.name.strip():
        return wrong_usage(arguments, '--name is empty; give the name that the object gets')
    paths, unmatched = expanded(arguments.files)
    if arguments.name and len(arguments.files) > 1:
        return wrong_usage(arguments, '--name is for one file')
    if arguments.name and len(paths) > 1:
        return wrong_usage(arguments, f'--name is for one file, and {arguments.files[0]} matches'
                           f' {len(paths)}')
    code = 0
    if paths:
        with connecting.connect(arguments) as backend:
            code = _upload(backend, paths, arguments)
    for pattern in unmatched:
        _tell_failure(pattern, Failure(404 if pattern else 400, none_text(pattern)),
                      arguments.json, display_of([], is_quiet=True))
    return code or int(bool(unmatched))


def _upload(backend: Backend, paths: Sequence[str], arguments: argparse.Namespace) -> int:
    names = _names(paths)
    display = display_of(names, is_quiet=arguments.json or arguments.enqueue)
    done: list[Uploaded] = []

    def work(number: int, on_step: OnStep, cancel: threading.Event) -> Uploaded:
        outcome = backend.upload(paths[number], name=arguments.name or '',
                                 enqueue_only=arguments.enqueue, on_step=on_step, cancel=cancel)
        done.append(outcome)
        return outcome

    def tell(number: int, outcome: Union[Uploaded, Failure]) -> bool:
        if isinstance(outcome, Failure):
            _tell_failure(paths[number], outcome, arguments.json, display)
            return False
        if arguments.json:
            say(json_line({
                'path': paths[number], 'success': True,
                'status': 202 if outcome.is_accepted else 200, 'error': '',
                **_facts(outcome)}))
        else:
            display.say(f'{names[number]}: {_outcome_text(outcome)}')
        return True
    try:
        return SideBySide(len(paths), work, tell, at_once=AT_ONCE,
                          on_cancel=_CANCELLING).run(display)
    except OutputLost as error:
        raise OutputLost(error, _untold(len(done), len(paths), arguments.enqueue)) from None


def _names(paths: Sequence[str]) -> list[str]:
    try:
        return [name_of(paths, number) for number in range(len(paths))]
    except FileNotFoundError:  # the current directory is gone, and names begin at none
        return list(paths)


def _untold(done: int, total: int, is_enqueued: bool) -> str:
    """Return what became of logs of which nobody could be told."""
    what = 'accepted' if is_enqueued else 'stored'
    text = f'{done} of {total} {"is" if done == 1 else "are"} {what}'
    return text if done == total else f'{text}, and the other uploads are cancelled'


def _tell_failure(path: str, failure: Failure, as_json: bool, display: Display) -> None:
    if as_json:
        say(json_line({'path': path, 'success': False, 'status': failure.status,
                       'error': str(failure), **_facts(Uploaded())}))
        return
    text = str(failure)
    display.complain(text if path in text else f'{path}: {text}')


def _facts(outcome: Uploaded) -> dict[str, object]:
    return {name: value for name, value in vars(outcome).items() if name != 'is_accepted'}


def _outcome_text(outcome: Uploaded) -> str:
    if outcome.is_accepted:
        return 'accepted; it is uploaded in the background, see "flightlog queue"'
    how = 'was stored already' if outcome.already_stored else 'stored'
    text = f'{how} as {outcome.s3_key}, {size_text(outcome.file_size)}'
    if outcome.verdict_reason:
        text += f' ({outcome.verdict}: {outcome.verdict_reason})'
    return text
