"""``python -m flightlog_bucket.demo``: the main job, through a real node into a real S3 server."""
import argparse
from collections.abc import Sequence
from contextlib import ExitStack
import os
from pathlib import Path
import signal
import sys
import tempfile
import time
from types import FrameType
from typing import IO, Optional

from flightlog_bucket.cli.backend import Failure
from flightlog_bucket.demo.narrator import Narrator
from flightlog_bucket.sandbox import Sandbox, SandboxError
from flightlog_bucket.sandbox.domain import own_domain
from flightlog_bucket.sandbox.neighbours import Neighbours
from flightlog_bucket.sandbox.node_process import NodeProcess

_START_TIMEOUT_S = 30.0
_LAST_LINES = 40
_MAX_LOG_BYTES = 64 * 1024
# moto keeps about three times a log in memory while it arrives.
_LARGE_BYTES = 256 * 1024 * 1024
# Of the camera, and what the uploads may take: so that there is something to see.
_CAMERA_BYTES = 16 * 1024 * 1024
_SHOWN_BYTES_PER_S = 8_000_000


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Tell the story; return 0 only if every step gave what it must."""
    arguments = _parse(argv)
    narrator = Narrator(sys.stdout)
    before = signal.signal(signal.SIGTERM, _interrupt)
    begin = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix='flightlog-') as directory:
            is_right = _run(narrator, Path(directory), arguments.log)
    except KeyboardInterrupt:
        narrator.say('interrupted')
        return 130
    except BrokenPipeError:  # the reader of the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    if is_right:
        narrator.say(f'\nEvery step gave what it must, in {time.monotonic() - begin:.1f} s.')
    return 0 if is_right else 1


def _run(narrator: Narrator, directory: Path, log: Optional[Path]) -> bool:
    os.environ['ROS_LOG_DIR'] = str(directory / 'log')
    node_log = directory / 'node.log'
    try:
        with own_domain(), Neighbours() as neighbours:
            logs = [log] if log else _record(directory)
            with Sandbox() as sandbox, open(node_log, 'wb') as output:
                neighbours.check_there_are_none('End it, and run this again.')
                narrator.say(f'S3 on {sandbox.endpoint_url}, session tokens on '
                             f'{sandbox.session_token_url}, on this computer only\n')
                if log and log.stat().st_size > _LARGE_BYTES:
                    narrator.say('(a large log: the sandbox keeps it in memory, three times '
                                 'over)\n')
                _with_node(narrator, directory, sandbox, logs, output,
                           max_bandwidth=0 if log else _SHOWN_BYTES_PER_S)
    except BrokenPipeError:
        raise
    except tuple(_failures()) as error:
        narrator.failed(str(error))
        _show_end(narrator, node_log)
        return False
    return True


def _with_node(narrator: Narrator, directory: Path, sandbox: Sandbox, logs: list[Path],
               output: IO[bytes], *, max_bandwidth: int) -> None:
    from flightlog_bucket.demo.client import NodeClient
    from flightlog_bucket.demo.command_line import CommandLine
    from flightlog_bucket.demo.story import StepFailed, Story
    downloads = directory / 'downloads'
    downloads.mkdir()
    with ExitStack() as stack:
        node = NodeProcess(
            {**sandbox.node_parameters(), 'state_directory': str(directory / 'state'),
             'max_bandwidth': max_bandwidth}, {}, output)
        stack.callback(node.stop)
        client = stack.enter_context(NodeClient(lambda: node.exit_code() is None))
        client.wait_for_node(_START_TIMEOUT_S)
        command_line = CommandLine(narrator, str(logs[0].parent))
        Story(client, command_line, narrator, logs, downloads).tell()
        code = node.stop()
        if code:
            raise StepFailed(f'the node ends cleanly: exit code {code}')


def _failures() -> list[type[Exception]]:
    """Return what a demonstration can fail with: a step, a part that is missing, the disk."""
    failures: list[type[Exception]] = [SandboxError, ImportError, OSError, Failure]
    try:
        from flightlog_bucket.demo.client import NoAnswer
        from flightlog_bucket.demo.story import StepFailed
    except ImportError:
        return failures
    return [*failures, NoAnswer, StepFailed]


def _record(directory: Path) -> list[Path]:
    """Write a short flight that began just now in three formats, and what its camera saw."""
    from flightlog_bucket.demo import recordings
    start_ns = time.time_ns()
    logs = []
    for name, write in (('flight.ulg', recordings.write_ulg), ('flight.bag', recordings.write_bag),
                        ('flight.mcap', recordings.write_mcap)):
        write(directory / name, start_ns)
        logs.append(directory / name)
    recordings.write_camera_mcap(directory / 'camera.mcap', start_ns, _CAMERA_BYTES)
    return [*logs, directory / 'camera.mcap']


def _show_end(narrator: Narrator, node_log: Path) -> None:
    if not node_log.exists():
        return
    with open(node_log, 'rb') as stream:
        stream.seek(max(0, node_log.stat().st_size - _MAX_LOG_BYTES))
        lines = stream.read().decode(errors='replace').splitlines()[-_LAST_LINES:]
    narrator.say('\nThe node said:' if lines else '\nThe node said nothing.')
    for line in lines:
        narrator.say(f'    {line}')


def _parse(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m flightlog_bucket.demo',
        description='A flight log through ROS 2 service calls into S3, and back: node, S3 server '
                    'and session-token service run on this computer and are gone afterwards.')
    parser.add_argument('--log', type=_existing_file, metavar='FILE',
                        help='a flight log of your own; default: a short flight, made here')
    return parser.parse_args(argv)


def _existing_file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f'there is no file {text}')
    return path


def _interrupt(number: int, frame: Optional[FrameType]) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
