"""``flightlog ... --direct`` as a person types it, without ROS."""
import filecmp
import json
import os
from pathlib import Path
import re
import select
import signal
import subprocess
import sys
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.process import package_environment
from flightlog_bucket.settings import MIB
import pytest
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.logs import write_dated_log
from support.uploading import Held

_BOUND_S = 90
_MAIN = ('import sys; sys.modules["rclpy"] = None\n'
         'from flightlog_bucket.cli.main import main; sys.exit(main())')


@pytest.fixture
def environment(sandbox: Sandbox, machine: str, tmp_path: Path) -> dict[str, str]:
    """Give what the options do not say."""
    (tmp_path / 'flightlog.yaml').write_text(f"""\
/**:
  ros__parameters:
    bucket_name: {sandbox.bucket_name}
    endpoint_url: {sandbox.endpoint_url}
    session_token_url: {sandbox.session_token_url}
    part_size: {5 * MIB}
    max_concurrent_parts: 1
""")
    return {**package_environment(), 'ROBOT_INSTANCE_ID': machine,
            'XDG_STATE_HOME': os.fspath(tmp_path / 'state')}


def flightlog(directory: Path, environment: dict[str, str],
              *words: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([sys.executable, '-c', _MAIN, *words], cwd=directory, env=environment,
                          capture_output=True, text=True, timeout=_BOUND_S)


DIRECT = ('--direct', '--config', 'flightlog.yaml')


def test_every_subcommand_that_can_do_without_a_node(
        environment: dict[str, str], tmp_path: Path) -> None:
    logs = [write_dated_log(tmp_path / name) for name in ('a.ulg', 'b.ulg')]

    def run(*words: str) -> Any:
        done = flightlog(tmp_path, environment, *words)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ''
        return done.stdout

    stored = [json.loads(line) for line in run(
        'upload', '--json', '*.ulg', *DIRECT).splitlines()]
    keys = sorted(one['s3_key'] for one in stored)
    assert [one['success'] for one in stored] == [True, True]
    listed = [json.loads(line) for line in run('list', '--json', *DIRECT).splitlines()]
    assert [one['key'] for one in listed] == keys
    assert all(key in run('list', *DIRECT) for key in keys)
    assert [one['verdict'] for one in listed] == ['valid', 'valid']
    run('download', keys[0], '-o', 'back.ulg', *DIRECT)
    assert filecmp.cmp(logs[0], tmp_path / 'back.ulg', shallow=False)
    told = json.loads(run('info', '--json', 'a.ulg', *DIRECT))
    assert (told['file_state'], told['file_key']) == ('stored', keys[0])
    assert json.loads(run('info', '--json', keys[1], *DIRECT))['object']['key'] == keys[1]
    run('delete', '--yes', *keys, *DIRECT)
    assert run('list', '--json', *DIRECT) == ''


@pytest.mark.parametrize(('words', 'code', 'said'), [
    (('upload', 'a.ulg', '--direct'), 2, '--bucket, or --config with bucket_name'),
    (('upload', 'a.ulg', '--bucket', 'x'), 2, '--bucket'),
    (('upload', 'a.ulg', '--direct', '--config', 'none.yaml'), 2, 'cannot read'),
    (('upload', '--enqueue', 'a.ulg', *DIRECT), 2, '--enqueue'),
    (('upload', 'none.ulg', *DIRECT), 1, 'none.ulg'),
    (('upload', '', *DIRECT), 1, 'an empty name is the name of no file'),
    (('info', 'none.ulg', *DIRECT), 1, 'or a key that begins with flight_logs/'),
    (('upload', 'a.ulg', '--name', '', *DIRECT), 2, '--name is empty'),
    (('download', 'flight_logs/x/y.ulg', *DIRECT), 1, 'Access denied'),
    (('list', *DIRECT, '--region', 'X Y'), 2, 'region')])
def test_what_is_wrong_is_said_and_ends_with_its_code(
        words: tuple[str, ...], code: int, said: str, environment: dict[str, str],
        tmp_path: Path) -> None:
    write_dated_log(tmp_path / 'a.ulg')
    done = flightlog(tmp_path, environment, *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert 'Traceback' not in done.stderr


def test_ctrl_c_stops_it_and_the_same_command_goes_on(
        environment: dict[str, str], proxy: FaultProxy, big_log: Path, tmp_path: Path,
        machine: str, admin: Any) -> None:
    words = ('upload', os.fspath(big_log), *DIRECT, '--endpoint-url', proxy.url)
    held = Held(MIB)
    proxy.fail(Tap(), method='PUT', kind='uploadId')  # the first part passes
    proxy.fail(held.fault, None, method='PUT', kind='uploadId')
    first = subprocess.Popen([sys.executable, '-c', _MAIN, *words], cwd=tmp_path,
                             env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True)
    with first:
        assert first.stderr is not None
        try:
            assert held.is_held.wait(_BOUND_S)
            first.send_signal(signal.SIGINT)
            assert select.select([first.stderr], [], [], _BOUND_S)[0]
            said = first.stderr.readline()
            assert 'cancelling' in said
            held.let_go()
            said += first.stderr.read()
            assert first.wait(_BOUND_S) == 130, said
        finally:
            first.kill()
    assert re.search(r'stopped; (5\.2|10\.5) MB of 19\.9 MB are up, and the same command'
                     ' sends the rest', said), said
    found = admin.list_objects_v2(Bucket='flight-logs', Prefix=f'flight_logs/{machine}/')
    assert found['KeyCount'] == 0
    before = proxy.count('PUT', 'uploadId')
    done = flightlog(tmp_path, environment, *words)
    assert done.returncode == 0, done.stderr
    assert proxy.count('PUT', 'uploadId') - before <= 3


def test_a_name_that_is_empty_keeps_no_other_file_away(
        environment: dict[str, str], tmp_path: Path) -> None:
    write_dated_log(tmp_path / 'a.ulg')
    done = flightlog(tmp_path, environment, 'upload', '--json', '', 'a.ulg', *DIRECT)
    assert (done.returncode, done.stderr) == (1, '')
    told = {one['path']: one for one in map(json.loads, done.stdout.splitlines())}
    assert (told['']['success'], told['']['status']) == (False, 400)
    assert told[os.fspath(tmp_path / 'a.ulg')]['success']


def test_where_nobody_can_be_told_what_is_stored_is_said_on_stderr(
        environment: dict[str, str], tmp_path: Path) -> None:
    logs = [write_dated_log(tmp_path / 'a.ulg')]
    with open('/dev/full', 'w') as full:
        done = subprocess.run(
            [sys.executable, '-c', _MAIN, 'upload', '--json', *map(os.fspath, logs), *DIRECT],
            cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=_BOUND_S)
    assert done.returncode == 2
    assert done.stderr == ('flightlog: cannot write what was found: No space left on device; 1 of'
                           ' 1 is stored\n')
    listed = flightlog(tmp_path, environment, 'list', '--json', *DIRECT)
    assert len(listed.stdout.splitlines()) == 1
