"""``--direct``: the work is done by this process itself, without a node and without ROS."""
import argparse
from collections.abc import Iterator
from contextlib import contextmanager
import os
from typing import TYPE_CHECKING

from flightlog_bucket.errors import ConfigurationError

if TYPE_CHECKING:
    from flightlog_bucket.cli.backend import Backend

_OPTIONS = (
    ('--config', 'FILE', 'the parameter file of the node; the options below go before it'),
    ('--bucket', 'NAME', 'the S3 bucket'),
    ('--region', 'NAME', 'the AWS region of the bucket'),
    ('--endpoint-url', 'URL', 'another S3 server than AWS'),
    ('--session-token-url', 'URL', 'where session tokens are fetched'),
    ('--session-token-bearer-file', 'FILE', 'holds the bearer token for that service'),
    ('--machine', 'NAME', 'whose logs they are; default: the environment variable'
                          ' ROBOT_INSTANCE_ID'),
    ('--state-directory', 'DIR', 'where is kept how far uploads are, so that they go on after an'
                                 ' end; default: flightlog_bucket in $XDG_STATE_HOME, else in'
                                 ' ~/.local/state'),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only ``--direct`` takes."""
    group = parser.add_argument_group('without a node (--direct)')
    for name, takes, text in _OPTIONS:
        group.add_argument(name, metavar=takes, help=text)


def check_unused(arguments: argparse.Namespace) -> None:
    """
    Check that nothing is given which would have no effect.

    :raises ConfigurationError: naming the option
    """
    for name, _, _ in _OPTIONS:
        if getattr(arguments, _attribute(name), None) is not None:
            raise ConfigurationError(f'{name} is for uploads without a node: give --direct as'
                                     ' well, or leave it out')


@contextmanager
def connect(arguments: argparse.Namespace) -> 'Iterator[Backend]':
    """
    Give what does the work, until the end of the ``with`` block.

    :param arguments: with those of ``add_options()``, and perhaps ``node``
    :raises ConfigurationError: if a setting is missing, or cannot be
    """
    from flightlog_bucket.cli.direct_settings import settings_from_options
    given = {_attribute(name): getattr(arguments, _attribute(name), None)
             for name, _, _ in _OPTIONS}
    settings = settings_from_options(
        {name: value for name, value in given.items() if value is not None}, os.environ,
        node=getattr(arguments, 'node', None) or '')
    from flightlog_bucket.cli.direct_backend import DirectBackend
    backend = DirectBackend(settings)
    try:
        yield backend
    finally:
        backend.close()


def _attribute(option: str) -> str:
    return option.removeprefix('--').replace('-', '_')
