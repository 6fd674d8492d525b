"""Disks that are full, read-only or gone, and ledgers that are damaged."""
from collections.abc import Callable, Iterator
from contextlib import closing
import os
from pathlib import Path
import shutil
import sqlite3
from typing import Any

from flightlog_bucket.settings import MIB
from flightlog_bucket.srv import Download, Info, List, Upload
import pytest
from robot import Robot
from support.expect import wait_until
from support.logs import write_log
from support.objects import check_each_is_stored_once, digest, digests
from support.processes import held_still
from support.small_disk import SmallDisk

DISK_BYTES = 4 * MIB
LEDGER = 'ledger.sqlite3'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / 'disk', DISK_BYTES) as mounted:
        yield mounted


@pytest.fixture
def on_disk(robot: Robot, disk: SmallDisk) -> Robot:
    """Return a robot whose state is on a small disk."""
    robot.state = disk.path / 'state'
    return robot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three finished logs."""
    path = tmp_path / 'logs'
    path.mkdir()
    for number, extension in enumerate(('.ulg', '.mcap', '.bag')):
        write_log(path / f'{number}{extension}', duration_s=1 + number)
    return path


def _stored(robot: Robot, sandbox: Any) -> dict[str, str]:
    return digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)


def _check_is_well(robot: Robot) -> None:
    assert robot.call(Info).success
    assert robot.call(List).success
    assert 'Traceback' not in robot.node.log
    assert robot.node.is_running()


def test_no_room_for_the_ledger(on_disk: Robot, disk: SmallDisk, sandbox: Any,
                                log: Path) -> None:
    on_disk.switch_on().serving()
    first = on_disk.call(Upload, file_path=str(log), custom_filename='first.mcap')
    assert first.success, first.error
    disk.fill()
    accepted, refused = _upload_until_refused(on_disk, log)
    assert (refused.success, refused.status) == (False, 507)
    assert 'make room' in refused.error
    assert '\n' not in refused.error
    _check_is_well(on_disk)
    disk.make_room()
    last = on_disk.call(Upload, file_path=str(log), custom_filename='last.mcap',
                        enqueue_only=True)
    assert last.status == 202, last.error
    expected = {'first.mcap', 'last.mcap', *accepted}
    wait_until(lambda: len(on_disk.call(List).files) == len(expected), 60)
    stored = _stored(on_disk, sandbox)
    assert {key.split('_', 3)[3] for key in stored} == expected
    assert set(stored.values()) == {digest(log)}


def _upload_until_refused(robot: Robot, log: Path) -> tuple[list[str], Any]:
    """The ledger has some room of its own: what it takes, it must keep."""
    accepted = []
    for number in range(1000):
        name = f'{number}.mcap'
        answer = robot.call(Upload, file_path=str(log), custom_filename=name, enqueue_only=True)
        if not answer.success:
            return accepted, answer
        accepted.append(name)
    raise AssertionError('everything was accepted')


def test_no_room_for_the_ledger_from_the_start(on_disk: Robot, disk: SmallDisk, sandbox: Any,
                                               log: Path) -> None:
    disk.fill()
    on_disk.switch_on().serving()
    on_disk.node.wait_for('in memory only')
    _check_is_well(on_disk)
    assert on_disk.call(Upload, file_path=str(log)).success
    disk.make_room()
    # It looks twice a minute, when there is something to write or to read.
    wait_until(lambda: on_disk.info() and 'can be written again' in on_disk.node.log, 90)
    on_disk.cut_power()
    on_disk.switch_on().serving()
    assert on_disk.info(log).file_state == 'stored'
    check_each_is_stored_once(_stored(on_disk, sandbox), [log])


def test_no_room_for_a_download(robot: Robot, disk: SmallDisk, log: Path) -> None:
    robot.switch_on().serving()
    key = robot.call(Upload, file_path=str(log)).s3_key
    disk.fill()
    target = disk.path / 'back.mcap'
    answer = robot.call(Download, s3_key=key, local_path=str(target))
    assert (answer.success, answer.status) == (False, 507)
    assert sorted(p.name for p in disk.path.iterdir()) == ['ballast']
    _check_is_well(robot)
    disk.make_room()
    assert robot.call(Download, s3_key=key, local_path=str(target)).success
    assert digest(target) == digest(log)


def test_a_read_only_state_directory(on_disk: Robot, disk: SmallDisk, sandbox: Any, log: Path,
                                     folder: Path) -> None:
    on_disk.state.mkdir()
    disk.set_read_only(True)
    on_disk.switch_on(watch_directories=[str(folder)], settle_s=0.5).serving()
    on_disk.node.wait_for('in memory only')
    _check_is_well(on_disk)
    assert on_disk.call(Upload, file_path=str(log)).success
    logs = [log, *folder.iterdir()]
    on_disk.wait_until_stored(logs)
    on_disk.cut_power()
    # What was known is forgotten; the folder and the bucket tell it again.
    on_disk.switch_on(watch_directories=[str(folder)], settle_s=0.5).serving()
    on_disk.wait_until_stored(logs[1:])
    check_each_is_stored_once(_stored(on_disk, sandbox), logs)


def test_a_ledger_that_can_only_be_read_is_gone_on_with(
        on_disk: Robot, disk: SmallDisk, sandbox: Any, proxy: Any, log: Path) -> None:
    proxy.refuse()
    on_disk.switch_on(endpoint_url=proxy.url).serving()
    assert on_disk.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    on_disk.cut_power()
    disk.set_read_only(True)
    proxy.heal()
    on_disk.switch_on(endpoint_url=proxy.url).serving()
    on_disk.wait_until_stored([log])
    _check_is_well(on_disk)
    on_disk.cut_power()
    disk.set_read_only(False)
    on_disk.switch_on().serving()
    on_disk.wait_until_stored([log])
    check_each_is_stored_once(_stored(on_disk, sandbox), [log])


@pytest.mark.parametrize('what', ['the directory', 'the ledger'])
def test_state_lost_while_it_runs(robot: Robot, sandbox: Any, log: Path, folder: Path,
                                  what: str) -> None:
    robot.switch_on(watch_directories=[str(folder)], settle_s=0.5).serving()
    logs = list(folder.iterdir())
    robot.wait_until_stored(logs)
    with held_still(robot.node.pid):  # else it may write some anew before the rest is lost
        if what == 'the directory':
            shutil.rmtree(robot.state)
        else:
            for path in robot.state.glob(f'{LEDGER}*'):
                path.unlink()
    answer = robot.call(Upload, file_path=str(log), enqueue_only=True)
    assert answer.status == 202, answer.error
    robot.node.wait_for('was deleted, and is written anew')
    robot.wait_until_stored([log])
    robot.cut_power()
    robot.switch_on(watch_directories=[str(folder)], settle_s=0.5).serving()
    # Not found out anew, but known.
    assert robot.info(log).file_state == 'stored'
    robot.wait_until_stored(logs)
    check_each_is_stored_once(_stored(robot, sandbox), [log, *logs])
    _check_is_well(robot)


def _merge(state: Path) -> None:
    """Write what stands in the log of the ledger into the file that is to be damaged."""
    with closing(sqlite3.connect(state / LEDGER)) as database:
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)')


def _remove(state: Path) -> None:
    shutil.rmtree(state)


def _fill_with_garbage(state: Path) -> None:
    size = os.path.getsize(state / LEDGER)
    (state / LEDGER).write_bytes(b'garbage!' * (size // 8 + 1))


def _truncate(state: Path) -> None:
    os.truncate(state / LEDGER, os.path.getsize(state / LEDGER) // 2 + 100)


def _empty(state: Path) -> None:
    os.truncate(state / LEDGER, 0)


def _zero_a_page(page: int) -> Callable[[Path], None]:
    def zero(state: Path) -> None:
        with open(state / LEDGER, 'r+b') as stream:
            stream.seek(page * 4096)
            stream.write(bytes(4096))
    return zero


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    'removed': (_remove, ''),
    'garbage': (_fill_with_garbage, 'is set aside'),
    'truncated': (_truncate, 'is set aside'),
    'empty': (_empty, ''),
    'first page zeroed': (_zero_a_page(0), 'is set aside'),
    'second page zeroed': (_zero_a_page(1), 'is set aside'),
}


@pytest.mark.parametrize('name', DAMAGES)
def test_a_damaged_ledger(robot: Robot, sandbox: Any, proxy: Any, folder: Path,
                          name: str) -> None:
    damage, words = DAMAGES[name]
    parameters = {'endpoint_url': proxy.url, 'watch_directories': [str(folder)], 'settle_s': 0.5}
    logs = list(folder.iterdir())
    robot.switch_on(**parameters).serving()
    robot.wait_until_stored(logs)
    robot.switch_off()
    _merge(robot.state)
    damage(robot.state)
    logs.append(write_log(folder / 'later.db3'))
    sent = proxy.count('PUT')
    robot.switch_on(**parameters).serving()
    if words:
        robot.node.wait_for(words)
        assert list(robot.state.glob(f'{LEDGER}.damaged*'))
    robot.wait_until_stored(logs)
    check_each_is_stored_once(_stored(robot, sandbox), logs)
    assert proxy.count('PUT') == sent + 1
    _check_is_well(robot)
    robot.cut_power()
    robot.switch_on(**parameters).serving()
    assert 'is set aside' not in robot.node.log
    robot.wait_until_stored(logs)
    assert proxy.count('PUT') == sent + 1


def test_a_ledger_damaged_while_it_runs(robot: Robot, sandbox: Any, folder: Path,
                                        log: Path) -> None:
    parameters = {'watch_directories': [str(folder)], 'settle_s': 0.5}
    robot.switch_on(**parameters).serving()
    logs = list(folder.iterdir())
    robot.wait_until_stored(logs)
    with held_still(robot.node.pid):  # else it may set some aside before the rest is damaged
        for path in robot.state.glob(f'{LEDGER}*'):
            with open(path, 'r+b') as stream:
                stream.write(b'garbage!' * (os.path.getsize(path) // 8))
    robot.call(Upload, file_path=str(log), enqueue_only=True)  # if only memory knew, it may work
    _check_is_well(robot)
    robot.cut_power()
    robot.switch_on(**parameters).serving()
    answer = robot.call(Upload, file_path=str(log))
    assert answer.success, answer.error
    robot.wait_until_stored([log, *logs])
    check_each_is_stored_once(_stored(robot, sandbox), [log, *logs])


def test_a_second_node_with_the_same_state(robot: Robot, log: Path) -> None:
    first = robot.switch_on().serving()
    other = robot.with_state(robot.state)
    second = other.switch_on()
    assert second.wait() == 2
    said = [line for line in second.log.splitlines() if 'state_directory' in line]
    assert len(said) == 1, second.log
    assert str(robot.state) in said[0]
    assert f'process {first.pid}' in said[0]
    assert 'Traceback' not in second.log
    assert robot.call(Upload, file_path=str(log)).success
