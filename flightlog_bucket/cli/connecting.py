"""Who does the work of a subcommand: a node, or with ``--direct`` this process itself."""
import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from flightlog_bucket.cli import over_ros
from flightlog_bucket.cli.backend import Backend

if TYPE_CHECKING:
    from flightlog_bucket.cli.over_ros.node_backend import NodeBackend


def add_options(parser: argparse.ArgumentParser, *, has_direct: bool = False) -> None:
    """
    Add the options that say who does the work.

    :param has_direct: it can be done without a node
    """
    over_ros.add_options(parser)
    if not has_direct:
        return
    from flightlog_bucket.cli import direct
    parser.add_argument('--direct', action='store_true',
                        help='do it without a node, from this process')
    direct.add_options(parser)


def connect(arguments: argparse.Namespace) -> 'AbstractContextManager[Backend]':
    """
    Return what does the work, for a ``with``.

    :raises NotReachable: nobody does
    """
    from flightlog_bucket.cli import direct
    if arguments.direct:
        return direct.connect(arguments)
    direct.check_unused(arguments)
    return over_ros.connect(arguments)


def connect_to_node(arguments: argparse.Namespace) -> 'AbstractContextManager[NodeBackend]':
    """
    Return the node, for a ``with``.

    :raises NotReachable: there is none
    """
    return over_ros.connect(arguments)
