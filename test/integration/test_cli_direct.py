"""``--direct``: the work of the subcommands against a real S3 server, without a node."""
from collections.abc import Callable
import filecmp
import json
import os
from pathlib import Path
import subprocess
import sys
from threading import Event
from typing import Any

from flightlog_bucket.cli.backend import Backend, Failure, NotReachable, Uploaded
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.process import package_environment
import pytest
from support.direct import connected, Steps
from support.expect import wait_until
from support.logs import METADATA, write_dated_log, write_log

Options = dict[str, str]


@pytest.fixture
def options(sandbox: Sandbox, machine: str, tmp_path: Path) -> Options:
    return {'bucket': sandbox.bucket_name, 'endpoint_url': sandbox.endpoint_url,
            'session_token_url': sandbox.session_token_url, 'machine': machine,
            'state_directory': os.fspath(tmp_path / 'state')}


def upload(backend: Backend, path: Path, name: str = '', steps: Any = None) -> Uploaded:
    return backend.upload(os.fspath(path), name=name, enqueue_only=False,
                          on_step=Steps() if steps is None else steps,
                          cancel=Event())


def download(backend: Backend, key: str, target: Path, *, overwrite: bool = False,
             steps: Any = None) -> None:
    backend.download(key, os.fspath(target), overwrite=overwrite,
                     on_step=Steps() if steps is None else steps, cancel=Event())


@pytest.fixture
def refused() -> Callable[..., None]:
    def refused(status: int, *words: str, call: Callable[[], object],
                kind: type[Failure] = Failure) -> None:
        with pytest.raises(Failure) as caught:
            call()
        assert (type(caught.value), caught.value.status) == (kind, status), repr(caught.value)
        for word in words:
            assert word in str(caught.value)
        assert '\n' not in str(caught.value)
    return refused


def test_a_log_goes_up_and_comes_back(options: Options, big_log: Path, tmp_path: Path) -> None:
    size, up, down = big_log.stat().st_size, Steps(), Steps()
    with connected(**options) as backend:
        stored = upload(backend, big_log, steps=up)
        assert stored.s3_key.startswith(f'flight_logs/{options["machine"]}/')
        assert (stored.file_size, stored.already_stored, stored.verdict) == (size, False, 'valid')
        entries = list(backend.list('', most=None))
        assert [(e.key, e.size) for e in entries] == [(stored.s3_key, size)]
        wait_until(lambda: backend.keys() == (stored.s3_key,))  # none where that takes long
        download(backend, stored.s3_key, tmp_path / 'back.ulg', steps=down)
        assert filecmp.cmp(big_log, tmp_path / 'back.ulg', shallow=False)
        assert upload(backend, big_log).already_stored
        backend.delete(stored.s3_key)
        assert list(backend.list('', most=None)) == []
        assert not upload(backend, big_log).already_stored, 'it was said to be gone'
    up.check_order(size)
    assert up[0].state == 'queued'
    assert (up[-1].state, up[-1].done_bytes, up[-1].attempts) == ('uploading', size, 1)
    down.check_order(size)
    assert (down[-1].state, down[-1].done_bytes) == ('downloading', size)


def test_a_listing_is_cut_and_narrowed(options: Options, tmp_path: Path) -> None:
    with connected(**options) as backend:
        keys = [upload(backend, write_dated_log(tmp_path / name)).s3_key
                for name in ('a.ulg', 'b.ulg', 'c.bag')]
        assert [e.key for e in backend.list('', most=2)] == keys[:2]
        assert [e.key for e in backend.list('', most=0)] == []
        assert [e.key for e in backend.list('20250727_143022_c', most=None)] == keys[2:]
        assert all(e.last_modified.tzinfo for e in backend.list('', most=None))


def test_a_rosbag2_directory_is_one_log(options: Options, tmp_path: Path) -> None:
    bag = tmp_path / 'flight'
    bag.mkdir()
    sizes = [write_log(bag / f'flight_{number}.mcap', duration_s=number + 1.0).stat().st_size
             for number in range(3)]
    (bag / 'metadata.yaml').write_text(METADATA)
    total, steps = sum(sizes) + len(METADATA), Steps()
    with connected(**options) as backend:
        stored = upload(backend, bag, steps=steps)
        assert stored.s3_key.endswith('20250727_143022_flight/')
        assert stored.file_size == total
        names = {e.key.removeprefix(stored.s3_key) for e in backend.list('', most=None)}
        assert names == {'flight_0.mcap', 'flight_1.mcap', 'flight_2.mcap', 'metadata.yaml'}
    steps.check_order(total)
    assert steps[-1].done_bytes == total


def test_one_bad_file_of_a_bag_keeps_no_other_away(
        options: Options, tmp_path: Path, refused: Callable[..., None]) -> None:
    bag = tmp_path / 'flight'
    bag.mkdir()
    write_log(bag / 'flight_0.mcap')
    (bag / 'flight_1.mcap').write_text('no MCAP at all')
    write_log(bag / 'flight_2.mcap', duration_s=3.0)
    (bag / 'metadata.yaml').write_text(METADATA)
    with connected(**options) as backend:
        refused(400, 'flight_1.mcap', call=lambda: upload(backend, bag))
        assert [e.key.rpartition('/')[2] for e in backend.list('', most=None)] == [
            'flight_0.mcap', 'flight_2.mcap', 'metadata.yaml']


def test_a_name_is_given(options: Options, log: Path) -> None:
    with connected(**options) as backend:
        assert upload(backend, log, name='pad 3.ulg').s3_key.endswith('_pad 3.ulg')


@pytest.mark.parametrize('name', [' ', 'a/b.ulg', 'flight.txt', 'flight.mcap', '.ulg', 'flight'])
def test_a_name_that_cannot_be_changes_nothing_of_what_is_stored(
        name: str, options: Options, log: Path, refused: Callable[..., None]) -> None:
    with connected(**options) as backend:
        key = upload(backend, log).s3_key
        refused(400, call=lambda: upload(backend, log, name=name))
        told = backend.info(os.fspath(log))
        assert (told['file_state'], told['file_key'], told['rejected']) == ('stored', key, 0)
        assert [entry.key for entry in backend.list('', most=None)] == [key]


def test_what_cannot_be_is_said(options: Options, log: Path, tmp_path: Path,
                                refused: Callable[..., None]) -> None:
    notes = tmp_path / 'notes.txt'
    notes.write_text('to do')
    broken = tmp_path / 'broken.ulg'
    broken.write_bytes(log.read_bytes()[:16] + b'\xff' * 2000)
    with connected(**options) as backend:
        key = upload(backend, log).s3_key
        refused(404, 'missing.ulg', call=lambda: upload(backend, tmp_path / 'missing.ulg'))
        refused(400, 'notes.txt', call=lambda: upload(backend, notes))
        refused(422, 'broken.ulg', call=lambda: upload(backend, broken))
        refused(400, 'holds no file of a rosbag2 recording',
                call=lambda: upload(backend, tmp_path / '..'))
        refused(404, 'x.ulg', call=lambda: backend.delete(
            f'flight_logs/{options["machine"]}/x.ulg'))
        refused(403, 'drone-x', call=lambda: backend.delete('flight_logs/drone-x/a.ulg'))
        refused(409, 'notes.txt', call=lambda: download(backend, key, notes))
        assert notes.read_text() == 'to do'
        download(backend, key, notes, overwrite=True)
        assert filecmp.cmp(log, notes, shallow=False)
        told = backend.info(os.fspath(broken))
    assert (told['file_state'], told['file_verdict']) == ('rejected', 'corrupt')
    assert 'broken.ulg' in str(told['file_reason'])


def test_nobody_goes_on_in_the_background(options: Options, log: Path,
                                          refused: Callable[..., None]) -> None:
    with connected(**options) as backend:
        refused(400, '--enqueue', kind=NotReachable, call=lambda: backend.upload(
            os.fspath(log), name='', enqueue_only=True, on_step=Steps(), cancel=Event()))
        assert list(backend.list('', most=None)) == []


def test_info_tells_how_it_stands(options: Options, log: Path, tmp_path: Path,
                                  refused: Callable[..., None]) -> None:
    pytest.importorskip('flightlog_bucket.srv')
    from flightlog_bucket.srv import Info
    with connected(**options) as backend:
        before = backend.info(os.fspath(log))
        assert not (tmp_path / 'state').exists(), 'nothing was uploaded yet'
        key = upload(backend, log).s3_key
        file, stored, nothing = (backend.info(t) for t in (os.fspath(log), key, ''))
        refused(404, 'missing.ulg', call=lambda: backend.info('missing.ulg'))
        refused(404, 'x.ulg', call=lambda: backend.info(f'flight_logs/{options["machine"]}/x.ulg'))
    names = set(Info.Response.get_fields_and_field_types()) - {'success', 'status', 'error'}
    for told in (before, file, stored, nothing):
        assert set(told) == names
        json.dumps(told)
    assert (before['file_state'], before['stored'], nothing['stored']) == ('unknown', 0, 1)
    assert (file['file_state'], file['file_key'], file['file_verdict']) == ('stored', key, 'valid')
    assert stored['object']['key'] == key  # type: ignore[index]
    assert stored['object_description'] == file['file_description'] != {}
    assert (nothing['object'], nothing['file_state']) == ({}, '')
    assert nothing['credential_state'] == 'valid'
    assert nothing['machine_prefix'] == f'flight_logs/{options["machine"]}/'


def test_info_says_why_there_are_no_credentials(options: Options) -> None:
    url = 'http://user:secret@127.0.0.1:9/token?key=secret'
    with connected(**{**options, 'session_token_url': url}) as backend:
        told = backend.info('')
    assert (told['credential_state'], told['session_token_url']) == (
        'failed', 'http://127.0.0.1:9/token')
    assert 'cannot reach' in str(told['credential_error'])
    assert 'secret' not in json.dumps(told)


def test_the_parameter_file_of_the_node_will_do(options: Options, log: Path,
                                                tmp_path: Path) -> None:
    config = tmp_path / 'flightlog.yaml'
    config.write_text(f"""\
/**:
  ros__parameters:
    robot_instance_id: {options['machine']}-file
    bucket_name: {options['bucket']}
    endpoint_url: {options['endpoint_url']}
    session_token_url: {options['session_token_url']}
    watch_directories: [{tmp_path}]
    state_directory: {tmp_path}/of-the-node
""")
    state = os.fspath(tmp_path / 'state')
    with connected(config=os.fspath(config), state_directory=state) as backend:
        assert upload(backend, log).s3_key.startswith(f'flight_logs/{options["machine"]}-file/')
    with connected(config=os.fspath(config), state_directory=state,
                   machine=options['machine']) as backend:
        assert upload(backend, log).s3_key.startswith(f'flight_logs/{options["machine"]}/')
        assert len(list(backend.list('', most=None))) == 1
    assert not (tmp_path / 'of-the-node').exists()


def test_it_takes_no_ros(options: Options, log: Path) -> None:
    code = ('import os, sys, threading\n'
            'sys.modules.update(dict.fromkeys(("rclpy", "rcl_interfaces", "watchdog")))\n'
            f'sys.path.append({os.fspath(Path(__file__).parents[1])!r})\n'
            'from support.direct import connected, Steps\n'
            f'with connected(**{options!r}) as backend:\n'
            f'    stored = backend.upload({os.fspath(log)!r}, name="", enqueue_only=False,\n'
            '                            on_step=Steps(), cancel=threading.Event())\n'
            '    print(stored.s3_key)\n')
    done = subprocess.run([sys.executable, '-c', code], env=package_environment(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'flight_logs/{options["machine"]}/')
    assert done.stderr == ''
