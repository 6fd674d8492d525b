"""One open file, whatever happens to its name and its bytes meanwhile."""
import contextlib
from datetime import datetime, timezone
import hashlib
import os
from pathlib import Path
import socket
import stat
import subprocess
import sys
import zlib

from flightlog_bucket.errors import (
    FlightlogError,
    InvalidRequest,
    LocalFileChanged,
    LocalFileError,
    LocalFileNotFound,
    LocalFileUnreadable,
)
from flightlog_bucket.storage import local_file
from flightlog_bucket.storage.file_part import FilePart
import pytest
from support.local_files import CONTENT, opened

NOBODY = 65534


def times_open(path: Path) -> int:
    count = 0
    for descriptor in Path('/proc/self/fd').iterdir():
        with contextlib.suppress(OSError, ValueError):
            count += os.path.samestat(descriptor.stat(), path.stat())
    return count


def refusal(error: type[FlightlogError], path: Path, status: int) -> str:
    """Return what is said about a path that cannot be opened; nothing stays open."""
    before = times_open(path)
    with pytest.raises(error) as caught:
        opened(path)
    assert type(caught.value) is error
    assert caught.value.status == status
    assert str(caught.value).isprintable()
    assert times_open(path) == before
    return str(caught.value)


def test_size_time_and_bytes(log):
    os.utime(log, ns=(0, 1_753_626_622_250_000_000))
    with opened(log) as file:
        assert (file.size, file.modified_s) == (len(CONTENT), 1_753_626_622.25)
        assert file.read_at(0, len(CONTENT)) == CONTENT
        assert file.read_at(5, 3) == CONTENT[5:8]
        assert file.read_at(len(CONTENT) - 2, 100) == CONTENT[-2:]
        assert file.read_at(len(CONTENT) + 1, 100) == b''
        file.check_unchanged()


@pytest.mark.parametrize('offset, length', [
    (0, None), (0, 0), (0, 1), (1, None), (1_048_575, 2), (len(CONTENT), 0), (77, 1_500_000)])
def test_the_sums_of_a_part(file, offset, length):
    part = CONTENT[offset:] if length is None else CONTENT[offset:offset + length]
    assert file.crc32(offset, length) == zlib.crc32(part)
    assert file.md5(offset, length) == hashlib.md5(part).digest()


@pytest.mark.parametrize('clock_s, shown', [
    (-5, '19700101_000000'), (2**31, '20380119_031408'), (2**62, '99991231_235959')])
def test_a_time_that_a_broken_clock_gave(log, monkeypatch, clock_s, shown):
    """The disk of the test may not take it; those of some robots do."""
    status = list(os.stat(log))
    status[stat.ST_MTIME] = clock_s
    monkeypatch.setattr(os, 'fstat', lambda _: os.stat_result(status))
    with opened(log) as file:
        moment = datetime.fromtimestamp(file.modified_s, timezone.utc)
    assert moment.strftime('%Y%m%d_%H%M%S') == shown


def test_an_empty_file(tmp_path):
    (tmp_path / 'x.ulg').touch()
    with opened(tmp_path / 'x.ulg') as file:
        assert (file.size, file.crc32(), file.stream().read()) == (0, 0, b'')
        assert FilePart(file, 0, 0).read() == b''


def test_streams_have_positions_of_their_own(file):
    with file.stream() as first, file.stream() as second:
        assert first.read(4) == CONTENT[:4]
        assert second.read(2) == CONTENT[:2]
        assert first.seek(-3, os.SEEK_END) == len(CONTENT) - 3
        assert first.read() == CONTENT[-3:]
        assert first.seek(0) == 0
        assert first.read() == CONTENT
    assert file.read_at(0, 2) == CONTENT[:2]  # closing a stream does not close the file


def test_a_missing_file(tmp_path):
    said = refusal(LocalFileNotFound, tmp_path / 'x.ulg', 404)
    assert said == f"File not found: there is no '{tmp_path}/x.ulg'"
    refusal(LocalFileNotFound, tmp_path / 'no' / 'x.ulg', 404)


def test_a_file_in_place_of_a_folder(log):
    refusal(LocalFileNotFound, log / 'x.ulg', 404)


def test_names_that_no_disk_takes(tmp_path):
    assert 'too long' in refusal(LocalFileNotFound, tmp_path / ('x' * 300), 404)
    assert 'is not a path' in refusal(InvalidRequest, tmp_path / 'x\0.ulg', 400)
    assert 'is not a path' in refusal(InvalidRequest, tmp_path / 'x\ud800.ulg', 400)


def test_names_that_would_spoil_a_log_line(tmp_path):
    assert r'a\nb\x1b[2J.ulg' in refusal(LocalFileNotFound, tmp_path / 'a\nb\x1b[2J.ulg', 404)
    assert r'\udce9.ulg' in refusal(LocalFileNotFound, tmp_path / os.fsdecode(b'\xe9.ulg'), 404)


def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b'caf\xe9\n.ulg')
    path.write_bytes(b'x')
    with opened(path) as file:
        path.write_bytes(b'xy')
        with pytest.raises(LocalFileChanged) as caught:
            file.check_unchanged()
    assert str(caught.value).isprintable()


def test_a_directory(tmp_path):
    said = refusal(InvalidRequest, tmp_path, 400)
    assert said == f"'{tmp_path}' is a directory; give the file of the log"


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / 'x.ulg')
    assert 'is not a regular file' in refusal(InvalidRequest, tmp_path / 'x.ulg', 400)


def test_a_socket_and_a_device(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / 'x.ulg'))
        assert 'is not a regular file' in refusal(InvalidRequest, tmp_path / 'x.ulg', 400)
    assert 'is not a regular file' in refusal(InvalidRequest, Path('/dev/null'), 400)


def test_symbolic_links(log, tmp_path):
    (tmp_path / 'good.ulg').symlink_to(log)
    with opened(tmp_path / 'good.ulg') as file:
        assert file.crc32() == zlib.crc32(CONTENT)
    (tmp_path / 'broken.ulg').symlink_to(tmp_path / 'gone.ulg')
    refusal(LocalFileNotFound, tmp_path / 'broken.ulg', 404)
    (tmp_path / 'loop.ulg').symlink_to(tmp_path / 'loop.ulg')
    refusal(LocalFileNotFound, tmp_path / 'loop.ulg', 404)


def said_in_a_process(setup: str, folder: Path, *names: str) -> list[str]:
    """Return how files in ``folder`` open in a process that runs ``setup`` first."""
    script = f"""
import os, resource, sys, threading
from pathlib import Path
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.storage.local_file import LocalFile

# pytest keeps its folders from others: the way in is the working directory.
os.chdir(sys.argv[1])
{setup}
for path in sys.argv[2:]:
    try:
        with LocalFile(Path(path), threading.Event()):
            print('opened')
    except FlightlogError as error:
        print(type(error).__name__, error.status, error)
"""
    package_root = str(Path(local_file.__file__).parents[2])
    done = subprocess.run([sys.executable, '-c', script, folder, *names],
                          env={**os.environ, 'PYTHONPATH': package_root}, check=True,
                          capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


def test_a_file_that_the_user_may_not_read(tmp_path):
    """Seen by another user, as root may read everything."""
    tmp_path.chmod(0o755)
    (tmp_path / 'private').mkdir()
    for path, mode in (('open.ulg', 0o444), ('closed.ulg', 0), ('private/x.ulg', 0o444)):
        (tmp_path / path).touch()
        (tmp_path / path).chmod(mode)
    (tmp_path / 'private').chmod(0)
    become_nobody = (f'if os.geteuid() == 0: os.setgroups([]), os.setgid({NOBODY}),'
                     f' os.setuid({NOBODY})')
    said = said_in_a_process(become_nobody, tmp_path, 'open.ulg', 'closed.ulg', 'private/x.ulg')
    (tmp_path / 'private').chmod(0o700)
    advice = 'give the user of this process read access to it'
    assert said == [
        'opened',
        f"LocalFileUnreadable 403 no permission to read 'closed.ulg'; {advice}",
        f"LocalFileUnreadable 403 no permission to read 'private/x.ulg'; {advice}"]


def test_no_more_open_files_are_possible(log):
    """That is no fault of the log, which may wait."""
    said = said_in_a_process('resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))',
                             log.parent, log.name)
    assert said == [f"Busy 503 cannot open '{log.name}' now: Too many open files"]


def test_a_disk_that_does_not_give_the_bytes(file):
    # A read at a negative offset fails in the system, as one from a bad sector does.
    with pytest.raises(LocalFileUnreadable, match=r'cannot read .* at byte -1: '):
        file.read_at(-1, 1)
    assert issubclass(LocalFileUnreadable, LocalFileError)
