#!/usr/bin/env python3
"""
Check file validation, content checking and S3 key generation, without credentials or network.

Run it as a script, ``python3 test_bucket_proxy.py``: it prints a line for each check and exits
with 0 if all of them pass. pytest collects it as well.
"""
import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
import functools
import logging
import os
from pathlib import Path
import socket
import sys
import tempfile
from typing import Any
from unittest import mock

if __name__ == '__main__':  # a source checkout that is not installed
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from flightlog_bucket import BucketSettings, FlightLogBucket, FlightlogError, S3BucketProxy
from flightlog_bucket.errors import Unavailable
from flightlog_bucket.storage.keys import check_own_key, stamped, versions

ULOG = b'ULog\x01\x12\x35\x01' + bytes(8)
START = datetime(2025, 7, 27, 14, 30, 22, tzinfo=timezone.utc)
OPTIONS: dict[str, Any] = {
    'session_token_url': 'http://localhost:3000/session-token',
    'bucket_name': 'flight-logs-bucket', 'robot_instance_id': 'drone-001',
    'request_timeout_s': 1.0}


def no_network() -> AbstractContextManager[object]:
    return mock.patch.object(socket.socket, 'connect', side_effect=ConnectionRefusedError)


def why_not_own(key: str) -> str:
    try:
        check_own_key(key, 'flight_logs/drone-001/')
    except FlightlogError as error:
        return f'{error.status} {error}'
    return ''


@functools.cache
def bucket() -> FlightLogBucket:
    return FlightLogBucket(BucketSettings(**OPTIONS))


def upload(path: Path, **options: str) -> str:
    """Return ``accepted`` if a log gets as far as the network, or why it does not."""
    try:
        with no_network():
            bucket().upload(path, **options)
    except Unavailable:
        return 'accepted'
    except FlightlogError as error:
        return f'{error.status} {error}'
    raise AssertionError('stored without a network?')


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_ulog_and_bag_files_are_accepted(tmp_path: Path) -> None:
    for name, content in (
            ('a.ulg', ULOG), ('document.ulg', b'ULogData and more'), ('b.bag', b'#ROSBAG V2.0\n'),
            ('UPPER.ULG', ULOG), ('Mixed.Bag', b'#ROSBAG V2.0\n'),
            ('c.mcap', b'\x89MCAP0\r\n'), ('d.db3', b'SQLite format 3\0')):
        assert upload(written(tmp_path, name, content)) == 'accepted', name


def test_other_extensions_are_refused(tmp_path: Path) -> None:
    for name in ('a.txt', 'a', 'a.ulg.txt', 'a.bag.active', 'a.ulgx', 'ulg'):
        said = upload(written(tmp_path, name, ULOG))
        assert said.startswith('400 Invalid file extension: '), said


def test_a_custom_name_needs_the_extension_too(tmp_path: Path) -> None:
    path = written(tmp_path, 'a.ulg', ULOG)
    assert upload(path, custom_filename='mission_2025_01_15.ulg') == 'accepted'
    said = upload(path, custom_filename='mission.txt')
    assert said.startswith('400 Invalid file extension: '), said
    for name in ('../x.ulg', 'a/b.ulg', 'a\nb.ulg', '.ulg', 'x' * 300 + '.ulg'):
        assert upload(path, custom_filename=name).startswith('400 the file name '), name


def test_content_must_be_what_the_name_says(tmp_path: Path) -> None:
    for name, content in (('a.ulg', b'#ROSBAG V2.0\n'), ('b.bag', ULOG), ('c.ulg', b'ULo'),
                          ('d.bag', b'ROSBAG'), ('e.mcap', ULOG), ('f.db3', b'{}'),
                          ('g.ulg', b'<html>')):
        said = upload(written(tmp_path, name, content))
        assert said.startswith('400 File validation failed: '), said
    said = upload(written(tmp_path, 'h.bag', b'#ROSBAG V2.0\n'), custom_filename='h.ulg')
    assert said.startswith('400 File validation failed: '), said


def test_empty_and_too_large_files_are_refused(tmp_path: Path) -> None:
    assert upload(written(tmp_path, 'a.ulg', b'')).startswith('400 File validation failed: ')
    path = written(tmp_path, 'b.ulg', b'ULogData')
    os.truncate(path, 2 * 1024**3 - 1)  # takes no room on the disk
    assert upload(path) == 'accepted'
    os.truncate(path, 2 * 1024**3)
    assert upload(path).startswith('413 File validation failed: ')


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert upload(tmp_path / 'gone.ulg').startswith('404 File not found: ')
    assert upload(tmp_path).startswith('400 ')


def test_keys_hold_prefix_machine_time_and_name() -> None:
    folder = BucketSettings(**OPTIONS).machine_prefix
    assert next(versions(folder, stamped(START, 'mission_log.ulg'), '.ulg')) == (
        'flight_logs/drone-001/20250727_143022_mission_log.ulg')
    for prefix in ('flight_logs', 'flight_logs/', '/flight_logs/'):
        settings = BucketSettings(**OPTIONS, upload_prefix=prefix)
        assert settings.machine_prefix == 'flight_logs/drone-001/'
    assert BucketSettings(**OPTIONS, upload_prefix='').machine_prefix == 'drone-001/'


def test_another_log_with_the_same_name_gets_another_key() -> None:
    keys = versions('flight_logs/drone-001/', stamped(START, 'x.ulg'), '.ulg')
    assert [next(keys).rpartition('/')[2] for _ in range(3)] == [
        '20250727_143022_x.ulg', '20250727_143022_x_2.ulg', '20250727_143022_x_3.ulg']


def test_a_machine_reaches_its_own_folder_only() -> None:
    assert why_not_own('flight_logs/drone-001/x.ulg') == ''
    for key in ('flight_logs/drone-0011/x.ulg', 'flight_logs/drone-002/x.ulg', 'x.ulg',
                'flight_logs/drone-001/../drone-002/x.ulg'):
        assert why_not_own(key).startswith('403 Access denied: '), key


def test_the_proxy_answers_with_error_and_status(tmp_path: Path) -> None:
    async def results() -> list[dict[str, Any]]:
        proxy = S3BucketProxy(
            session_token_url=OPTIONS['session_token_url'], bucket_name=OPTIONS['bucket_name'],
            robot_instance_id=OPTIONS['robot_instance_id'])
        try:
            with no_network():  # start() asks for a session token, and goes on without
                await proxy.start()
                return [
                    await proxy.upload_file(written(tmp_path, 'a.txt', ULOG)),
                    await proxy.upload_file(written(tmp_path, 'a.ulg', b'no log')),
                    await proxy.upload_file(tmp_path / 'a.ulg', machine_id='drone-002'),
                    await proxy.list_files(machine_id='drone-002'),
                    await proxy.download_file('flight_logs/drone-002/x.ulg', tmp_path / 'x'),
                    await proxy.delete_file('flight_logs/drone-002/x.ulg')]
        finally:
            await proxy.stop()

    found = asyncio.run(results())
    assert all(set(result) == {'error', 'status'} for result in found), found
    assert [(r['status'], r['error'].partition(':')[0]) for r in found] == [
        (400, 'Invalid file extension'), (400, 'File validation failed'),
        *[(403, 'Access denied')] * 4]


def run(check: Callable[..., None]) -> bool:
    """Run one check, say how it went, and return that."""
    name = check.__name__.removeprefix('test_').replace('_', ' ')
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(*[Path(folder)] * check.__code__.co_argcount)
        except Exception as error:  # whatever it is, the next check is run
            print(f'FAILED  {name}: {type(error).__name__}: {error}')
            return False
    print(f'passed  {name}')
    return True


def main() -> int:
    """Run every check of this file; return the exit code."""
    logging.basicConfig(level=logging.ERROR)
    results = [run(c) for name, c in list(globals().items()) if name.startswith('test_')]
    print(f'{sum(results)} of {len(results)} checks passed')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
