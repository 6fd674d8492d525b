"""``flightlog pause`` and ``flightlog resume``: stop all uploads, and let them go on."""
import argparse
from functools import partial
from typing import TYPE_CHECKING

from flightlog_bucket.cli import connecting
from flightlog_bucket.cli.terminal import say
from flightlog_bucket.cli.usage import add_parser, EXIT_CODES

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_PAUSE = """\
Stop all uploads of the node within a second, e.g. for a flight. What is up stays up, what is asked
for meanwhile waits, and a restart of the node changes nothing of it.
"""
_RESUME = """\
Let the uploads of the node go on, where they were.
"""


def add_to(subcommands: '_SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add both subcommands to the command line."""
    for name, help_, description, paused in (
            ('pause', 'stop all uploads', _PAUSE, True),
            ('resume', 'let the uploads go on', _RESUME, False)):
        parser = add_parser(
            subcommands, name, help_, description,
            f'examples:\n  flightlog {name}\n  flightlog {name} --node'
            f' /drone_1/flightlog_bucket\n\n{EXIT_CODES}\n', partial(run, paused=paused))
        connecting.add_options(parser)


def run(arguments: argparse.Namespace, paused: bool) -> int:
    """Ask the node for it; return the exit code."""
    with connecting.connect_to_node(arguments) as node:
        say(f'{node.name}: {node.set_paused(paused)}')
    return 0
