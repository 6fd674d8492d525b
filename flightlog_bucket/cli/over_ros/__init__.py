"""The work is done by a node of flightlog_bucket, over ROS 2."""
import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import os
from typing import TYPE_CHECKING

from flightlog_bucket.cli.backend import NotReachable

if TYPE_CHECKING:
    from flightlog_bucket.cli.over_ros.node_backend import NodeBackend

_NODE = 'FLIGHTLOG_NODE'
_TIMEOUT_S = 10.0
_LONGEST_S = 3600.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which node is meant."""
    group = parser.add_argument_group('the node')
    group.add_argument('--node', metavar='NAME', default=os.environ.get(_NODE, ''),
                       help='of the node, e.g. /drone_1/flightlog_bucket; default: that in the'
                            f' environment variable {_NODE}, or else the only one; which is'
                            ' made sure of before something is changed, and takes some'
                            ' seconds')
    group.add_argument('--timeout', metavar='SECONDS', type=_seconds, default=_TIMEOUT_S,
                       help='to wait for the node to be there, and again for it to answer;'
                            ' default: %(default)g')


@contextmanager
def connect(arguments: argparse.Namespace) -> 'Iterator[NodeBackend]':
    """
    Give the node.

    :param arguments: with ``node`` and ``timeout``, and ``direct`` where that is possible
    :raises NotReachable: there is none, or several, or ROS 2 is not here
    """
    or_direct = ', or give --direct to do without a node' if 'direct' in arguments else ''
    try:
        from flightlog_bucket.cli.over_ros.node_backend import NodeBackend
        from flightlog_bucket.cli.over_ros.session import Session
    except ImportError as error:
        raise NotReachable(503, _missing(error) + or_direct) from None
    with Session() as session:
        yield NodeBackend.found(session, arguments.node, arguments.timeout, or_direct)


def first_keys(arguments: argparse.Namespace, within_s: float) -> Sequence[str]:
    """
    Return the first keys in the bucket, as fast as can be; empty: they did not come.

    :param arguments: with ``node``
    :param within_s: seconds
    :raises NotReachable: there is no node, or several, or ROS 2 is not here
    """
    try:
        from flightlog_bucket.cli.over_ros.first_keys import ask
    except ImportError as error:
        raise NotReachable(503, _missing(error)) from None
    return ask(arguments.node, within_s)


def _missing(error: ImportError) -> str:
    if (error.name or '').startswith('flightlog_bucket'):
        return ('the ROS 2 interfaces of flightlog_bucket are not here; source the install/'
                'setup.bash of the workspace that it was built in')
    return f'ROS 2 is not here ({error}); source its setup.bash first'


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f'{text!r}; give seconds, more than 0 and at most'
                                         f' {_LONGEST_S:.0f}')
    return seconds
