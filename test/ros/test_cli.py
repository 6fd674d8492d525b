"""``flightlog`` against a real node: what it tells of logs, of the queue and of the node."""
import json
import os
from pathlib import Path
import shutil
import signal
from typing import Any

from command_line import (
    begin,
    folder_of,
    objects,
    parameters_of_own,
    run,
    stored,
)
from flightlog_bucket.cli.over_ros import node_backend
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.srv import Info, Upload
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.expect import wait_until


@pytest.fixture
def parameters(parameters: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has."""
    return parameters_of_own(parameters, tmp_path)


@pytest.fixture
def folder(parameters: dict[str, Any]) -> str:
    """Return the folder of this robot in the bucket."""
    return folder_of(parameters)


def test_list_gives_each_log_a_line(node: NodeProcess, ros: RosClient, log: Path) -> None:
    key = stored(ros, log)
    code, out, err = run('list')
    assert (code, err) == (0, '')
    [line] = out.splitlines()
    assert line.split('\t')[1:] == [str(log.stat().st_size), 'valid', key]
    assert run('list', 'no-such-name') == (0, '', '')


def test_list_gives_programs_all_that_is_known(node: NodeProcess, ros: RosClient,
                                               log: Path) -> None:
    key = stored(ros, log)
    code, out, _ = run('list', '--json')
    assert code == 0
    entry = json.loads(out)
    assert {name: entry[name] for name in ('key', 'size', 'format', 'verdict', 'start')} == {
        'key': key, 'size': log.stat().st_size, 'format': 'mcap', 'verdict': 'valid',
        'start': '2025-07-27T14:30:22Z'}
    assert entry['last_modified'].endswith('Z')


def test_list_goes_through_all_pages_while_somebody_reads(
        node: NodeProcess, sandbox: Sandbox, folder: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_backend, 'MOST', 100)
    names = [f'{folder}20250727_143022_{number:04}_{"x" * 800}.ulg' for number in range(203)]
    s3 = sandbox.admin_client()
    for name in names:
        s3.put_object(Bucket=sandbox.bucket_name, Key=name, Body=b'x')
    code, out, _ = run('list')
    assert code == 0
    assert [line.split('\t')[3] for line in out.splitlines()] == names
    _, out, _ = run('list', '--most', '2')
    assert [line.split('\t')[3] for line in out.splitlines()] == names[:2]
    with begin('list') as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()  # all of it fits in no pipe
        assert command.wait() == 141
        assert command.stderr.read() == ''


def test_a_full_disk_is_told(node: NodeProcess) -> None:
    with open('/dev/full', 'w') as full:
        code, _, err = run('info', stdout=full)
    assert (code, err) == (
        2, 'flightlog: cannot write what was found: No space left on device\n')


def test_nothing_is_deleted_unasked(node: NodeProcess, ros: RosClient, log: Path,
                                    sandbox: Sandbox, folder: str) -> None:
    key = stored(ros, log)
    code, out, err = run('delete', key)
    assert (code, out) == (2, '')
    assert '--yes' in err
    assert objects(sandbox, folder) == [key]
    assert run('delete', '--yes', key) == (0, f'{key}: deleted\n', '')
    assert objects(sandbox, folder) == []
    code, _, err = run('delete', '--yes', key)
    assert code == 1
    assert 'File not found' in err


def test_info_tells_of_the_node_of_a_file_and_of_a_key(
        node: NodeProcess, ros: RosClient, log: Path, folder: str) -> None:
    key = stored(ros, log)
    code, out, _ = run('info')
    assert code == 0
    assert f'machine prefix            {folder}' in out
    assert 'file state' not in out
    _, out, _ = run('info', '--json')
    assert {'credential_state', 'queued', 'paused'} <= set(json.loads(out))
    code, out, _ = run('info', '--json', log.name, cwd=log.parent)
    about = json.loads(out)
    assert (code, about['file_state'], about['file_key']) == (0, 'stored', key)
    assert about['file_description']['start'].startswith('2025-07-27T14:30:22')
    code, out, _ = run('info', '--json', key)
    about = json.loads(out)
    assert (code, about['object']['key'], about['object']['verdict']) == (0, key, 'valid')
    assert about['object_description']['topics']
    code, out, err = run('info', f'{folder}missing.ulg')
    assert (code, out) == (1, '')
    assert 'File not found' in err


def test_pause_and_resume(node: NodeProcess, ros: RosClient) -> None:
    assert run('pause') == (0, '/flightlog_bucket: uploads are paused\n', '')
    assert ros.call(Info).paused
    assert run('resume') == (0, '/flightlog_bucket: uploads are not paused\n', '')
    assert not ros.call(Info).paused


def test_the_queue_says_why_a_log_is_not_stored(
        node: NodeProcess, ros: RosClient, log: Path, tmp_path: Path) -> None:
    bad = tmp_path / 'bad.ulg'
    bad.write_bytes(b'nothing')
    run('pause')
    assert ros.call(Upload, file_path=str(log), enqueue_only=True).status == 202
    code, out, err = run('queue')
    assert (code, err) == (0, '')
    [line] = out.splitlines()
    assert line.split('\t')[:3] == ['queued', str(log.stat().st_size), str(log)]
    assert 'paused' in line.split('\t')[3]
    _, out, _ = run('queue', '--json', tmp_path)
    told = json.loads(out)
    assert (told['state'], told['path'], told['total_bytes']) == (
        'queued', str(log), log.stat().st_size)
    assert run('queue', '--state', 'rejected') == (0, '', '')
    assert run('queue', tmp_path / 'elsewhere')[1] == ''
    run('resume')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')
    assert run('queue') == (0, '', '')
    _, out, _ = run('queue', '--all')
    assert out.startswith('stored\t')


def test_what_was_rejected_is_tried_again_when_it_is_mended(
        node: NodeProcess, ros: RosClient, log: Path, tmp_path: Path) -> None:
    good, late = log.read_bytes(), tmp_path / 'late.mcap'
    late.write_bytes(bytes(1000))
    code, _, err = run('upload', late)
    assert code == 1
    assert 'late.mcap' in err
    code, out, _ = run('queue', '--json')
    assert (json.loads(out)['state'], json.loads(out)['path']) == ('rejected', str(late))
    late.write_bytes(good)
    assert run('retry', late) == (0, '1 upload tried again\n', '')
    wait_until(lambda: ros.call(Info, file_path=str(late)).file_state == 'stored')
    assert run('retry', '--all') == (0, '0 uploads tried again\n', '')


def test_what_cannot_be_tried_again_is_told(node: NodeProcess, tmp_path: Path, log: Path) -> None:
    code, out, err = run('retry', tmp_path / 'unknown.ulg', 'nothing*.ulg')
    assert (code, out) == (1, '0 uploads tried again\n')
    assert 'unknown.ulg' in err
    assert 'nothing matches nothing*.ulg' in err
    for wrong in ((), ('--all', log)):
        assert run('retry', *wrong)[0] == 2


def test_watch_tells_what_goes_on(node: NodeProcess, ros: RosClient, log: Path) -> None:
    with begin('watch') as watching:
        assert watching.stdout is not None
        line = watching.stdout.readline()  # that of the diagnostics
        assert line
        key = stored(ros, log)
        while f'upload {log}: stored' not in line:
            line = watching.stdout.readline()
            assert line
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (130, '')
    assert key


def completed(words: str, **more: str) -> list[str]:
    """Return what the shell is offered after these words."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as answers:
        environment = {
            '_ARGCOMPLETE': '1', 'COMP_LINE': words, 'COMP_POINT': str(len(words)),
            '_ARGCOMPLETE_IFS': '\n', 'COMP_TYPE': '9', '_ARGCOMPLETE_STDOUT_FILENAME':
            f'/proc/self/fd/{write_end}', **more}
        with begin(environment=environment, pass_fds=(write_end,)) as command:
            os.close(write_end)
            command.communicate(timeout=30)
        return [one.strip() for one in answers.read().split('\n') if one]


@pytest.mark.skipif(shutil.which('bash') is None, reason='there is no bash')
def test_the_shell_completes_commands_and_keys(node: NodeProcess, ros: RosClient,
                                               log: Path, folder: str) -> None:
    assert completed('flightlog u') == ['upload']
    assert '--enqueue' in completed('flightlog upload --e')
    key = stored(ros, log)
    # A busy computer may take longer than a shell waits; then there is nothing, once.
    wait_until(lambda: completed(f'flightlog download {folder}') == [key], within_s=60)
    assert completed('flightlog download x', ROS_DOMAIN_ID='101') == []
