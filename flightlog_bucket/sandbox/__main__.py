"""``ros2 run flightlog_bucket sandbox``: a sandbox in the foreground, to play with."""
import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, ExitStack
from pathlib import Path
import signal
import sys
from tempfile import TemporaryDirectory
import time
from types import FrameType
from typing import Optional

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.sandbox.domain import free_domain
from flightlog_bucket.sandbox.introduction import introduction
from flightlog_bucket.sandbox.neighbours import Neighbours
from flightlog_bucket.sandbox.node_process import NodeProcess
from flightlog_bucket.sandbox.options import SandboxOptions
from flightlog_bucket.sandbox.page_port import NO_PAGE, page_place, USUAL
from flightlog_bucket.sandbox.process import Sandbox, SandboxError
from flightlog_bucket.settings import read_secret_file

_CHECK_EVERY_S = 0.5
_LAST_PORT, _PORT_DIGITS = 65535, 5


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code."""
    arguments = _parse(_without_ros_arguments(sys.argv[1:] if argv is None else argv))
    try:
        with _interrupt_on_signals():
            return _run(arguments)
    except KeyboardInterrupt:
        return 0
    except (SandboxError, ConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    bearer_file = arguments.bearer_file
    sandbox = Sandbox(
        bucket_name=arguments.bucket, region=arguments.region,
        upload_prefix=arguments.upload_prefix, robot_instance_id=arguments.robot_instance_id,
        own_folder_only=arguments.own_folder_only, s3_port=arguments.port,
        session_token_port=arguments.session_token_port,
        bearer_token=read_secret_file(Path(bearer_file)) if bearer_file else '')
    with ExitStack() as stack:
        neighbours = stack.enter_context(Neighbours()) if arguments.with_node else None
        stack.enter_context(sandbox)
        parameters = sandbox.node_parameters()
        if bearer_file:
            parameters['session_token_bearer_file'] = bearer_file
        if neighbours is not None:
            neighbours.check_there_are_none(_advice())
        page = page_place(arguments.http_port) if arguments.with_node else NO_PAGE
        print(introduction(sandbox, parameters, with_node=arguments.with_node, page=page),
              flush=True)
        if not arguments.with_node:
            return _watch(sandbox, None)
        # What the node knows of the bucket is gone with the bucket.
        state = stack.enter_context(TemporaryDirectory(prefix='flightlog_bucket-'))
        node = NodeProcess({**parameters, 'state_directory': state, 'http_port': page.port}, {})
        stack.callback(node.stop)
        return _watch(sandbox, node)


def _watch(sandbox: Sandbox, node: Optional[NodeProcess]) -> int:
    while True:
        if not sandbox.is_running():
            print('the sandbox has ended by itself', file=sys.stderr)
            return 1
        if node is not None and node.exit_code() is not None:
            print(f'the node has ended by itself, exit code {node.exit_code()}', file=sys.stderr)
            return 1
        time.sleep(_CHECK_EVERY_S)


def _advice() -> str:
    free, claim = free_domain()
    claim.close()
    return ('End it, or take another domain, here and in the other terminal: export'
            f' ROS_DOMAIN_ID={free}')


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    default = SandboxOptions()
    parser = argparse.ArgumentParser(
        prog='sandbox',
        description='An S3 server and a session-token service on this computer only, to try '
                    'flightlog_bucket with. Small files: it keeps them in memory.')
    parser.add_argument('--port', type=_port, default=0, help='of S3; default: a free one')
    parser.add_argument('--session-token-port', type=_port, default=0,
                        help='of the session-token service; default: a free one')
    parser.add_argument('--bucket', default=default.bucket_name, help='default: %(default)s')
    parser.add_argument('--region', default=default.region, help='default: %(default)s')
    parser.add_argument('--upload-prefix', default=default.upload_prefix,
                        help='default: %(default)s')
    parser.add_argument('--robot-instance-id', default=default.robot_instance_id,
                        help='default: %(default)s')
    parser.add_argument('--own-folder-only', action='store_true',
                        help="the session tokens reach this machine's own objects only")
    parser.add_argument('--bearer-file', metavar='FILE',
                        help='the session-token service asks for the token in this file')
    parser.add_argument('--with-node', action='store_true', help='start the node as well')
    parser.add_argument('--http-port', type=_port,
                        help='of the page and the REST API of that node; 0: none; default:'
                             f' {USUAL}, or a free one')
    arguments = parser.parse_args(argv)
    if arguments.http_port is not None and not arguments.with_node:
        parser.error('argument --http-port: it is the node that serves there; add --with-node')
    return arguments


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= _PORT_DIGITS and int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f'{text!r} is none; a port is 0 to {_LAST_PORT}')
    return int(text)


def _without_ros_arguments(argv: Sequence[str]) -> list[str]:
    """Leave out what ``ros2 launch`` appends."""
    arguments = list(argv)
    return arguments[:arguments.index('--ros-args')] if '--ros-args' in arguments else arguments


@contextmanager
def _interrupt_on_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP the same as Ctrl-C."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: Optional[FrameType]) -> None:
    # One is enough: what is being cleaned up must not be interrupted in its turn.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
