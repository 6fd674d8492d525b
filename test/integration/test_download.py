"""Where a download goes, and what stays when it does not get there."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
import errno
import os
from pathlib import Path
import shutil
import subprocess
import threading
from typing import Union

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    Cancelled,
    InvalidRequest,
    LocalDiskFull,
    LocalFileError,
    LocalFileExists,
    LocalFileUnreadable,
)
from flightlog_bucket.results import DownloadedLog
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure, wait_until
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.nobody import as_nobody, needs_root, public_directory

Connect = Callable[..., FlightLogBucket]


@pytest.fixture
def key(bucket: FlightLogBucket, log: Path) -> str:
    """Store the small log."""
    return bucket.upload(log).s3_key


@pytest.fixture
def big_key(bucket: FlightLogBucket, big_log: Path) -> str:
    """Store the big log."""
    return bucket.upload(big_log).s3_key


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 20 MiB."""
    path = tmp_path / 'disk'
    path.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=20m', 'small', str(path)],
                             capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f'no file system can be mounted here: {mounted.stderr.strip()}')
    yield path
    subprocess.run(['umount', str(path)], check=True)


def test_into_a_directory(bucket: FlightLogBucket, key: str, log: Path, tmp_path: Path) -> None:
    got = bucket.download(key, tmp_path)
    assert got == DownloadedLog(key, tmp_path / '20250727_143022_flight.ulg', log.stat().st_size)
    assert got.local_path.read_bytes() == log.read_bytes()
    with failure(LocalFileExists, 409, str(got.local_path), 'set overwrite'):
        bucket.download(key, tmp_path)


def test_missing_folders_are_made(bucket: FlightLogBucket, key: str, log: Path,
                                  tmp_path: Path) -> None:
    target = tmp_path / 'a' / 'b' / 'c.ulg'
    assert bucket.download(key, target).local_path == target
    assert target.read_bytes() == log.read_bytes()
    assert list(target.parent.iterdir()) == [target]


def test_an_existing_file_stays(connect: Connect, proxy: FaultProxy, key: str,
                                tmp_path: Path) -> None:
    target = tmp_path / 'x.ulg'
    target.write_bytes(b'mine')
    with failure(LocalFileExists, 409, f'there is {target} already', 'set overwrite'):
        connect(endpoint_url=proxy.url).download(key, target)
    assert target.read_bytes() == b'mine'
    assert proxy.count() == 0


def test_overwrite(bucket: FlightLogBucket, key: str, log: Path, tmp_path: Path) -> None:
    target = tmp_path / 'x.ulg'
    target.write_bytes(b'old')
    bucket.download(key, target, overwrite=True)
    assert target.read_bytes() == log.read_bytes()


def test_a_link_is_replaced_not_followed(bucket: FlightLogBucket, key: str, log: Path,
                                         tmp_path: Path) -> None:
    other, link = tmp_path / 'other', tmp_path / 'link.ulg'
    other.write_bytes(b'other')
    link.symlink_to(other)
    with failure(LocalFileExists, 409, str(link)):
        bucket.download(key, link)
    bucket.download(key, link, overwrite=True)
    assert not link.is_symlink()
    assert link.read_bytes() == log.read_bytes()
    assert other.read_bytes() == b'other'


@pytest.mark.parametrize('overwrite', [True, False])
def test_a_link_to_nothing(overwrite: bool, bucket: FlightLogBucket, key: str,
                           tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('nothing')
    with failure(InvalidRequest, 400, 'is not a regular file', 'local_path'):
        bucket.download(key, tmp_path / 'link', overwrite=overwrite)
    assert not (tmp_path / 'nothing').exists()


@pytest.mark.parametrize('path', ['/dev/null', 'a\x00b', 'x' * 300, 'flight.ulg/x'])
def test_no_place_for_a_file(path: str, bucket: FlightLogBucket, key: str, log: Path) -> None:
    with pytest.raises((InvalidRequest, LocalFileError)) as caught:
        bucket.download(key, log.parent / path, overwrite=True)
    assert caught.value.status == 400
    assert [p.name for p in log.parent.iterdir()] == [log.name]


@needs_root
def test_no_permission(bucket: FlightLogBucket, key: str) -> None:
    with public_directory() as directory:
        for target in (directory / 'x.ulg', directory / 'new' / 'x.ulg'):
            with as_nobody(), failure(LocalFileUnreadable, 403, 'no permission to write',
                                      str(target)):
                bucket.download(key, target)
        assert list(directory.iterdir()) == []


def test_no_room(bucket: FlightLogBucket, big_key: str, small_disk: Path) -> None:
    filler = small_disk / 'filler'
    filler.write_bytes(bytes(8 * MIB))
    with failure(LocalDiskFull, 507, str(small_disk), 'make room'):
        bucket.download(big_key, small_disk / 'x.ulg')
    assert list(small_disk.iterdir()) == [filler]


def test_the_disk_fills_up_meanwhile(connect: Connect, proxy: FaultProxy, big_key: str,
                                     small_disk: Path) -> None:
    filler = small_disk / 'filler'

    def fill(offset: int, block: bytes) -> bytes:
        if offset >= MIB and not filler.exists():
            wait_until(lambda: shutil.disk_usage(small_disk).used)
            filler.write_bytes(bytes(8 * MIB))
        return block

    proxy.fail(Tap(answer=fill), method='GET')
    with failure(LocalDiskFull, 507, str(small_disk), 'is full'):
        connect(endpoint_url=proxy.url).download(big_key, small_disk / 'x.ulg')
    assert list(small_disk.iterdir()) == [filler]


def test_a_download_under_way_has_no_name(
        connect: Connect, proxy: FaultProxy, big_key: str, tmp_path: Path) -> None:
    # So that nothing stays, however the process ends.
    seen: list[list[Path]] = []

    def look(offset: int, block: bytes) -> bytes:
        if offset >= MIB:
            seen.append(list(tmp_path.iterdir()))
        return block

    proxy.fail(Tap(answer=look), method='GET')
    connect(endpoint_url=proxy.url).download(big_key, tmp_path / 'x.ulg')
    assert len(seen) > 1
    # The last blocks may be seen after the client has them.
    assert seen[0] == []


@pytest.mark.parametrize('number', [errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT])
def test_where_every_file_has_a_name(number: int, connect: Connect, proxy: FaultProxy, key: str,
                                     log: Path, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def old_open(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(number, os.strerror(number))
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, 'open', old_open)
    bucket, target = connect(endpoint_url=proxy.url), tmp_path / 'down' / 'x.ulg'
    for overwrite in (False, True):
        bucket.download(key, target, overwrite=overwrite)
        assert target.read_bytes() == log.read_bytes()
    proxy.fail(Tap(answer=lambda offset, block: target.with_name('y').touch() or block),
               method='GET')
    with failure(LocalFileExists, 409, 'was made by somebody else meanwhile'):
        bucket.download(key, target.with_name('y'))
    assert sorted(p.name for p in target.parent.iterdir()) == ['x.ulg', 'y']


def test_downloads_race_for_one_path(bucket: FlightLogBucket, big_key: str, big_log: Path,
                                     tmp_path: Path) -> None:
    target = tmp_path / 'x.ulg'

    def download(overwrite: bool) -> Union[DownloadedLog, LocalFileExists]:
        try:
            return bucket.download(big_key, target, overwrite=overwrite)
        except LocalFileExists as error:
            return error

    for overwrite, winners in ((False, 1), (True, 4)):
        with ThreadPoolExecutor(4) as pool:
            ended = list(pool.map(download, [overwrite] * 4))
        assert sum(isinstance(e, DownloadedLog) for e in ended) == winners
        assert target.read_bytes() == big_log.read_bytes()
        assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize('by', ['event', 'close'])
@pytest.mark.parametrize('is_upload', [True, False], ids=['upload', 'download'])
def test_cancel(by: str, is_upload: bool, connect: Connect, proxy: FaultProxy, big_key: str,
                big_log: Path, tmp_path: Path) -> None:
    bucket, cancel = connect(endpoint_url=proxy.url), threading.Event()

    def stop(offset: int, block: bytes) -> bytes:
        # Of a part that goes up, more than the sockets hold is to be sent then.
        if is_upload or offset >= MIB:
            cancel.set() if by == 'event' else bucket.close()
        return block

    if is_upload:
        proxy.fail(Tap(request=stop), method='PUT')
        with failure(Cancelled, 499, 'was stopped'):
            bucket.upload(big_log, custom_filename='other.ulg', cancel=cancel)
    else:
        proxy.fail(Tap(answer=stop), method='GET')
        with failure(Cancelled, 499, 'was stopped'):
            bucket.download(big_key, tmp_path / 'x.ulg', cancel=cancel)
    assert list(tmp_path.iterdir()) == []
    assert [f.key for f in connect().list_files().files] == [big_key]


def test_closed(connect: Connect, log: Path, tmp_path: Path) -> None:
    bucket = connect()
    bucket.close()
    key = f'{bucket.settings.machine_prefix}x.ulg'
    for call in (bucket.list_files, lambda: bucket.upload(log), lambda: bucket.delete(key),
                 lambda: bucket.download(key, tmp_path / 'x')):
        with failure(Cancelled, 499, 'the connection is closed'):
            call()
