"""What the sandbox says when it has started: where it is, and what can be typed now."""
from collections.abc import Mapping
import os
from pathlib import Path
import shlex
import shutil
import sys

from flightlog_bucket.sandbox import typed
from flightlog_bucket.sandbox.page_port import NO_PAGE, PagePlace
from flightlog_bucket.sandbox.process import Sandbox

_LOG = '/path/to/flight.ulg'


def introduction(sandbox: Sandbox, parameters: Mapping[str, str], *, with_node: bool,
                 page: PagePlace = NO_PAGE) -> str:
    """
    Return it.

    :param parameters: of the node
    :param with_node: whether the sandbox has one
    :param page: where that serves its page
    """
    lines = [
        f'S3              {sandbox.endpoint_url}  bucket {sandbox.bucket_name}',
        f'session tokens  {sandbox.session_token_url}',
        'All of it is in memory, and gone when this ends (Ctrl-C).',
        '']
    if page.port:
        lines.insert(2, f'page            http://127.0.0.1:{page.port}/  (and the REST API)')
    elif page.missing:
        lines.insert(2, f'page            none: {page.missing}')
    if not with_node:
        lines += ['The node, in another terminal:', *_indented(_node_lines(parameters)), '']
    flightlog = flightlog_command()
    program = shlex.split(flightlog)[0]
    is_below = '/' in program and not os.path.isabs(program)
    lines += ['Then, in another terminal' + (', in this folder:' if is_below else ':'),
              *_indented([*_domain_lines(), *_flightlog_lines(flightlog)]),
              '', 'The same by ros2, as other ROS 2 programs do it'
              + (':' if shutil.which('ros2') else '; it is not installed here:'),
              *_indented(_ros2_lines(sandbox))]
    return '\n'.join([*lines, ''])


def flightlog_command() -> str:
    """Return how the command of this very environment is typed, activated or not."""
    program = Path(sys.executable).with_name('flightlog')
    if sys.prefix != sys.base_prefix and os.access(program, os.X_OK):
        return shlex.quote(_from_here(program))
    if shutil.which('flightlog'):
        return 'flightlog'
    return f'{shlex.quote(_from_here(Path(sys.executable)))} -m flightlog_bucket.cli.main'


def _from_here(program: Path) -> str:
    """Return its path, from the current directory if it is below that."""
    # Not of the program itself: a Python that is a link knows its environment by the link.
    program = program.parent.resolve() / program.name
    here = Path.cwd()
    return str(program.relative_to(here) if here in program.parent.parents else program)


def _domain_lines() -> list[str]:
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    return [] if domain == '0' else [f'export ROS_DOMAIN_ID={shlex.quote(domain)}']


def _flightlog_lines(flightlog: str) -> list[str]:
    return [f'{flightlog} upload {_LOG}', *(f'{flightlog} {each}' for each in (
        'list', 'queue', 'watch', '--help'))]


def _ros2_lines(sandbox: Sandbox) -> list[str]:
    key = f'{sandbox.options.machine_prefix}20250727_143022_flight.ulg'
    calls: list[tuple[str, dict[str, str]]] = [
        ('upload', {'file_path': _LOG}),
        ('list', {}),
        ('info', {}),
        ('download', {'s3_key': key, 'local_path': '/tmp'}),  # noqa: S108 - an example
        ('delete', {'s3_key': key})]
    return [*(typed.service_call(f'/flightlog_bucket/{name}', name.capitalize(), request)
              for name, request in calls), typed.bag_closed('/path/to/flight.mcap')]


def _node_lines(parameters: Mapping[str, str]) -> list[str]:
    settings = [f'  {typed.parameter(name, value)}' for name, value in parameters.items()]
    return ['ros2 run flightlog_bucket flightlog_bucket_node --ros-args \\',
            *(f'{line} \\' for line in settings[:-1]), settings[-1]]


def _indented(lines: list[str]) -> list[str]:
    return [f'  {line}' for line in lines]
