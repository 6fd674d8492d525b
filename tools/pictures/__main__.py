"""``python -m tools.pictures``: doc/pictures, drawn anew by the real commands."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import shlex
import subprocess
import sys
import tempfile
import time

from flightlog_bucket.demo import recordings
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.node_process import NodeProcess
from flightlog_bucket.sandbox.process import package_environment
from rich.style import Style
from rich.text import Text
from tools.pictures.terminal import as_svg, Terminal

PICTURES = Path(__file__).resolve().parents[2] / 'doc' / 'pictures'
COLUMNS, ROWS = 96, 30
# A folder of a robot, as long as the temporary one that stands for it here.
SHOWN_DIRECTORY = '/data/flights'
_TIMEOUT_S = 60.0
_BYTES_PER_S = 8_000_000
_CAMERA_BYTES = 48 * 1024 * 1024
_PROMPT = Style(bold=True)
_COMMAND = (sys.executable, '-m', 'flightlog_bucket.cli.main')


class Desk:
    """
    A folder with logs, and a node that stores them.

    :param directory: the folder
    :param environment: of the programs
    """

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self._environment = environment

    def run(self, *words: str) -> None:
        """Run a subcommand that nobody sees."""
        subprocess.run([*_COMMAND, *words], cwd=self.directory, env=self._environment,
                       stdout=subprocess.DEVNULL, check=True)

    def background(self, *words: str) -> 'subprocess.Popen[bytes]':
        """Begin a subcommand that nobody sees."""
        return subprocess.Popen([*_COMMAND, *words], cwd=self.directory, env=self._environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @contextmanager
    def terminal(self, *words: str) -> Iterator[Terminal]:
        """Run a subcommand on a terminal."""
        with Terminal([*_COMMAND, *words], columns=COLUMNS, rows=ROWS,
                      environment=self._environment, directory=str(self.directory)) as running:
            yield running

    def shown(self, *words: str) -> list[Text]:
        """Return what a subcommand shows from its line to its end."""
        with self.terminal(*words) as running:
            running.wait_for_end(_TIMEOUT_S)
            return [self.prompt(*words), *self.lines(running)]

    def lines(self, running: Terminal) -> list[Text]:
        """Return what stands on a terminal, as a robot has it."""
        return [_replaced(line, str(self.directory), SHOWN_DIRECTORY) for line in running.lines()]

    def prompt(self, *words: str) -> Text:
        """Return the line that a person types."""
        return Text('$ ' + shlex.join(('flightlog', *words)), style=_PROMPT)


def upload(desk: Desk) -> list[Text]:
    """Show four logs side by side, the largest of them half-way."""
    words = ('upload', 'flight.ulg', 'flight.bag', 'flight.mcap', 'camera.mcap')
    with desk.terminal(*words) as running:
        running.wait_for(r'camera\.mcap .*\b[4-7]\d %', _TIMEOUT_S)
        lines = [desk.prompt(*words), *desk.lines(running)]
        running.wait_for_end(_TIMEOUT_S)
    return lines


def check(desk: Desk) -> list[Text]:
    """Show what is in one log, and what is wrong with others."""
    return desk.shown('check', 'flight.ulg', 'cut.mcap', 'broken.bag')


def listing(desk: Desk) -> list[Text]:
    """Show what is in the bucket."""
    return desk.shown('list')


def queue(desk: Desk) -> list[Text]:
    """Show what waits while uploads are paused, and what was rejected."""
    with desk.background('upload', 'broken.bag') as refused:
        refused.wait(_TIMEOUT_S)
    desk.run('pause')
    desk.run('upload', '--enqueue', 'night.mcap', 'landing.ulg')
    lines = desk.shown('queue')
    desk.run('resume')
    return lines


def watch(desk: Desk) -> list[Text]:
    """Show what goes on while a log is uploaded."""
    with desk.background('upload', 'second.mcap') as uploading, desk.terminal('watch') as running:
        running.wait_for(r'second\.mcap.*\b[2-8]\d %', _TIMEOUT_S)
        lines = [desk.prompt('watch'), *desk.lines(running)]
        uploading.wait(_TIMEOUT_S)
    return lines


SCENES: tuple[Callable[[Desk], list[Text]], ...] = (check, upload, listing, watch, queue)


def main() -> int:
    """Draw all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir='/tmp', prefix='') as name:
        directory = Path(name)
        record(directory)
        with at_desk(directory) as desk:
            for scene in SCENES:
                picture = as_svg(scene(desk), title='flightlog', columns=COLUMNS)
                if name in picture or os.sep + 'root' in picture:
                    raise SystemExit(f'{scene.__name__}: a path of this computer is in it')
                target = PICTURES / f'{scene.__name__}.svg'
                target.write_text(picture, encoding='utf-8')
                print(f'{target.relative_to(PICTURES.parents[1])}: {len(picture):,} bytes')
    return 0


def record(directory: Path) -> None:
    """Write the logs of a day."""
    start_ns = time.time_ns() - 3600 * 10**9
    recordings.write_ulg(directory / 'flight.ulg', start_ns)
    recordings.write_bag(directory / 'flight.bag', start_ns)
    recordings.write_mcap(directory / 'flight.mcap', start_ns)
    recordings.write_camera_mcap(directory / 'camera.mcap', start_ns, _CAMERA_BYTES)
    recordings.write_camera_mcap(directory / 'second.mcap', start_ns + 600 * 10**9,
                                 _CAMERA_BYTES, seed=1)
    recordings.write_camera_mcap(directory / 'night.mcap', start_ns + 900 * 10**9,
                                 _CAMERA_BYTES // 8, seed=2)
    recordings.write_ulg(directory / 'landing.ulg', start_ns + 1200 * 10**9, 20.0)
    whole = (directory / 'flight.mcap').read_bytes()
    (directory / 'cut.mcap').write_bytes(whole[:len(whole) * 2 // 3])
    whole = (directory / 'flight.bag').read_bytes()
    (directory / 'broken.bag').write_bytes(whole[:5000] + bytes(3000) + whole[8000:])


@contextmanager
def at_desk(directory: Path) -> Iterator[Desk]:
    """Give a node that uses a sandbox."""
    environment = {**package_environment(), 'ROS_DOMAIN_ID': str(1 + os.getpid() % 101),
                   'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    with tempfile.TemporaryDirectory() as state, Sandbox() as sandbox:
        node = NodeProcess({**sandbox.node_parameters(), 'state_directory': state,
                            'max_bandwidth': _BYTES_PER_S},
                           {**environment, 'ROS_LOG_DIR': state})
        try:
            desk = Desk(directory, {**environment, 'ROS_LOG_DIR': state})
            desk.run('list', '--timeout', '30')
            yield desk
        finally:
            node.stop()


def _replaced(line: Text, path: str, shown: str) -> Text:
    """Return a line with another path in it, which is as long."""
    if path not in line.plain:
        return line
    if len(path) != len(shown):
        raise SystemExit(f'{path} is not as long as {shown}')
    plain = line.plain.replace(path, shown)
    return Text(plain, spans=line.spans, end=line.end)


if __name__ == '__main__':
    sys.exit(main())
