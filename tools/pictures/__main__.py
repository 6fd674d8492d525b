"""``python -m tools.pictures``: doc/pictures, drawn anew by the real commands and the page."""
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
import socket
import sys
import tempfile
import time

from flightlog_bucket.demo import recordings
from flightlog_bucket.sandbox import Sandbox, SandboxError
from flightlog_bucket.sandbox.domain import own_domain
from flightlog_bucket.sandbox.neighbours import Neighbours
from flightlog_bucket.sandbox.node_process import NodeProcess
from flightlog_bucket.sandbox.process import package_environment
from rich.text import Text
from tools.pictures.desk import COLUMNS, Desk, NotAsExpected, TIMEOUT_S
from tools.pictures.page import photographs
from tools.pictures.terminal import as_svg

PICTURES = Path(__file__).resolve().parents[2] / 'doc' / 'pictures'
_BYTES_PER_S = 8_000_000
_CAMERA_BYTES = 48 * 1024 * 1024
_Scene = Callable[[Desk], list[Text]]


def upload(desk: Desk) -> list[Text]:
    """Show four logs side by side, the largest of them half-way."""
    words = ('upload', 'flight.ulg', 'flight.bag', 'flight.mcap', 'camera.mcap')
    with desk.terminal(*words) as running:
        running.wait_for(r'camera\.mcap .*\b[4-7]\d %', TIMEOUT_S)
        return [desk.prompt(*words), *desk.lines(running)]


def check(desk: Desk) -> list[Text]:
    """Show what is in one log, and what is wrong with others."""
    return desk.shown('check', 'flight.ulg', 'cut.mcap', 'broken.bag', code=1)


def listing(desk: Desk) -> list[Text]:
    """Show what is in the bucket."""
    return desk.shown('list')


def queue(desk: Desk) -> list[Text]:
    """Show what waits while uploads are paused, and what was rejected."""
    desk.run('upload', 'broken.bag', code=1)
    desk.run('pause')
    desk.run('upload', '--enqueue', 'night.mcap', 'landing.ulg')
    lines = desk.shown('queue')
    desk.run('resume')
    return lines


def watch(desk: Desk) -> list[Text]:
    """Show what goes on while a log is uploaded."""
    with desk.background('upload', 'second.mcap'), desk.terminal('watch', code=130) as running:
        running.wait_for(r'second\.mcap.*\b[2-8]\d %', TIMEOUT_S)
        lines = [desk.prompt('watch'), *desk.lines(running)]
        running.interrupt()
    return lines


SCENES: tuple[_Scene, ...] = (check, upload, listing, watch, queue)


def main() -> int:
    """Draw all pictures; write them only if there was nothing wrong with any of them."""
    try:
        with tempfile.TemporaryDirectory(dir='/tmp', prefix='') as name:
            record(Path(name))
            with at_desk(Path(name)) as desk:
                pictures = draw(SCENES, desk)
                taken = photographs(desk)
    except (NotAsExpected, SandboxError, TimeoutError) as error:
        print(f'{error}\nno picture is written', file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    encoded = {name: picture.encode() for name, picture in pictures.items()}
    for file_name, picture in {**encoded, **taken}.items():
        (PICTURES / file_name).write_bytes(picture)
        print(f'{PICTURES.name}/{file_name}: {len(picture):,} bytes')
    return 0


def draw(scenes: Sequence[_Scene], desk: Desk) -> dict[str, str]:
    """
    Return the pictures, by the names of their files.

    :raises NotAsExpected: something else than what is to be shown would be on one of them
    :raises TimeoutError: what is to be shown does not come
    """
    return {f'{scene.__name__}.svg': as_svg(scene(desk), title='flightlog', columns=COLUMNS)
            for scene in scenes}


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
    for number, name in enumerate(('survey_north', 'survey_south'), 3):
        recordings.write_camera_mcap(directory / f'{name}.mcap', start_ns + number * 600 * 10**9,
                                     _CAMERA_BYTES, seed=number)
    recordings.write_ulg(directory / 'hover.ulg', start_ns + 3000 * 10**9, 30.0)
    whole = (directory / 'flight.mcap').read_bytes()
    (directory / 'cut.mcap').write_bytes(whole[:len(whole) * 2 // 3])
    whole = (directory / 'flight.bag').read_bytes()
    (directory / 'broken.bag').write_bytes(whole[:5000] + bytes(3000) + whole[8000:])


@contextmanager
def at_desk(directory: Path) -> Iterator[Desk]:
    """Give a node that uses a sandbox, where nobody else's can be met."""
    with own_domain(), Neighbours() as neighbours, \
            tempfile.TemporaryDirectory() as state, Sandbox() as sandbox:
        neighbours.check_there_are_none('End it, and run this again.')
        environment = {**package_environment(), 'ROS_LOG_DIR': state}
        port = _free_port()
        node = NodeProcess({**sandbox.node_parameters(), 'state_directory': state,
                            'max_bandwidth': _BYTES_PER_S, 'http_port': port}, environment)
        try:
            desk = Desk(directory, environment, f'http://127.0.0.1:{port}/')
            desk.run('list', '--timeout', '30')
            yield desk
        finally:
            node.stop()


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return int(server.getsockname()[1])


if __name__ == '__main__':
    sys.exit(main())
