"""Who has a file open for writing: a real process, this one, a mapping; and what is not seen."""
from collections.abc import Iterator
from contextlib import contextmanager
import mmap
from pathlib import Path
import signal
import subprocess
import sys

from flightlog_bucket.transfers import open_files
from flightlog_bucket.transfers.open_files import is_open_for_writing
import pytest


@contextmanager
def process_with(path: Path, mode: str) -> Iterator[None]:
    code = f'import sys; f = open({str(path)!r}, {mode!r}); print(1, flush=True); input()'
    with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b'1\n'
        yield
        process.communicate(b'\n', timeout=30)


@pytest.fixture(params=['lease', 'proc'])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask by either way, as this process may or may not take a lease."""
    if request.param == 'proc':
        def refuse(fd: int) -> bool:
            raise PermissionError
        monkeypatch.setattr(open_files, '_is_lease_refused', refuse)


@pytest.mark.usefixtures('way')
@pytest.mark.parametrize('mode, is_open', [('ab', True), ('r+b', True), ('rb', False)])
def test_another_process(tmp_path: Path, mode: str, is_open: bool) -> None:
    path = tmp_path / 'a.ulg'
    path.write_bytes(b'x')
    with process_with(path, mode):
        assert is_open_for_writing(path) is is_open
    assert not is_open_for_writing(path)


@pytest.mark.usefixtures('way')
def test_this_process(tmp_path: Path) -> None:
    path = tmp_path / 'a.ulg'
    with open(path, 'wb'):
        assert is_open_for_writing(path)
    assert not is_open_for_writing(path)


def test_a_mapping_whose_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / 'a.ulg'
    path.write_bytes(bytes(4096))
    with open(path, 'r+b') as stream:
        mapping = mmap.mmap(stream.fileno(), 0)
    assert is_open_for_writing(path)
    mapping.close()
    assert not is_open_for_writing(path)


def test_asking_leaves_no_lease_and_sends_no_deadly_signal(tmp_path: Path) -> None:
    path = tmp_path / 'a.ulg'
    path.write_bytes(b'x')
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    for _ in range(100):
        assert not is_open_for_writing(path)
        with open(path, 'ab') as stream:  # would wait for a lease that is still there
            stream.write(b'y')


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_open_for_writing(tmp_path / 'a.ulg')
