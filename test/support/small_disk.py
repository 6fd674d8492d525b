"""A disk that is soon full, or takes nothing at all."""
from pathlib import Path
import subprocess
from types import TracebackType
from typing import Optional

import pytest

_BLOCK = bytes(4096)


class SmallDisk:
    """
    A file system in memory, mounted for the time of a test; skips where that is not allowed.

    :param path: where it is mounted; the directory is made
    :param size_bytes: that it holds
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self._size_bytes = size_bytes
        self._ballast = path / 'ballast'

    def __enter__(self) -> 'SmallDisk':
        self.path.mkdir(parents=True, exist_ok=True)
        mounted = _run('mount', '-t', 'tmpfs', '-o', f'size={self._size_bytes}', 'tmpfs',
                       str(self.path))
        if mounted.returncode:
            pytest.skip(f'no disk can be mounted here: {mounted.stdout.strip()}')
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        unmounted = _run('umount', '--lazy', str(self.path))
        assert unmounted.returncode == 0, unmounted.stdout

    def fill(self) -> None:
        """Take all the room that is left."""
        with open(self._ballast, 'ab', buffering=0) as stream:
            try:
                while stream.write(_BLOCK):
                    pass
            except OSError:
                pass  # it is full

    def make_room(self) -> None:
        """Give back what ``fill`` took."""
        self._ballast.unlink()

    def set_read_only(self, is_read_only: bool) -> None:
        """Refuse every write from now on, or take them again; needs that none is open."""
        mode = 'ro' if is_read_only else 'rw'
        remounted = _run('mount', '-o', f'remount,{mode}', str(self.path))
        assert remounted.returncode == 0, remounted.stdout


def _run(*command: str) -> 'subprocess.CompletedProcess[str]':
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, str(error))
