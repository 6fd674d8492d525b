"""``flightlog watch``: what goes on, until Ctrl-C."""
import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
import signal
import sys
from typing import Any, TYPE_CHECKING, Union

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.backend import Failure
from flightlog_bucket.cli.terminal import console
from flightlog_bucket.cli.transfer_view import TransferView
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES
from flightlog_bucket.cli.watch_board import Board, Table
from flightlog_bucket.cli.watch_lines import JsonLines, Lines

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from flightlog_bucket.cli.over_ros.node_backend import NodeBackend
    from flightlog_bucket.cli.over_ros.topics import Diagnosis

_TICK_S = 0.5

_DESCRIPTION = """\
Show the transfers of the node and how it is, as it goes on, until Ctrl-C: what moves, what waits
and why, and what the node says of itself on /diagnostics.

On a terminal this is a table. Elsewhere each change is a line; first, what is not over stands
there once. Of diagnostics there is a line when a level changes, and while something is wrong one
every 30 s, if it has something new to say.
"""
_EXAMPLES = f"""\
examples:
  flightlog watch
  flightlog watch --json | jq -r 'select(.state == "rejected") | .path'

{EXIT_CODES}
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add the subcommand to the command line."""
    parser = add_parser(subcommands, 'watch', 'show what goes on, until Ctrl-C', _DESCRIPTION,
                        _EXAMPLES, run)
    parser.add_argument('--json', action='store_true',
                        help='lines as one JSON object each, with the names of msg/TransferStatus;'
                             ' of diagnostics with task, level and message')
    connecting.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show it until Ctrl-C, or until the node ends."""
    drawn = console()
    with connecting.connect_to_node(arguments) as node:
        board: Board
        if arguments.json:
            board = JsonLines()
        else:
            board = Lines() if drawn is None else Table(drawn, node.name)
        with _ended_by_signals(), board:
            _follow(node, board)
    return 0


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let the terminal be as before where a signal ends this."""
    def leave(number: int, frame: Any) -> None:
        sys.exit(128 + number)
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(node: 'NodeBackend', board: Board) -> None:
    news = SimpleQueue[Union[TransferView, 'list[Diagnosis]']]()
    with node.topics() as topics:
        topics.follow_transfers(news.put)
        topics.follow_diagnostics(news.put)
        while node.is_there():
            try:
                told = news.get(timeout=_TICK_S)
            except Empty:
                board.tick()
                continue
            if isinstance(told, TransferView):
                board.transfer(told)
            else:
                board.diagnostics(told)
    raise Failure(503, f'{node.name} has ended, or cannot be reached any more')
