"""``flightlog upload`` and ``download`` against a real node, without a terminal."""
import json
import os
from pathlib import Path
from typing import Any

from command_line import (
    folder_of,
    objects,
    parameters_of_own,
    PREFIX,
    run,
    stored,
)
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.srv import Info
from node_process import NodeProcess
import pytest
from ros_client import RosClient
from support.expect import wait_until
from support.logs import write_log


@pytest.fixture
def parameters(parameters: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the parameters of a robot that no other test has."""
    return parameters_of_own(parameters, tmp_path)


@pytest.fixture
def folder(parameters: dict[str, Any]) -> str:
    """Return the folder of this robot in the bucket."""
    return folder_of(parameters)


def test_a_log_comes_back_as_it_was(node: NodeProcess, ros: RosClient, log: Path,
                                    tmp_path: Path) -> None:
    key = stored(ros, log)
    code, out, err = run('download', key, cwd=tmp_path)
    target = tmp_path / key.rpartition('/')[2]
    assert (code, err) == (0, '')
    assert out.splitlines()[-1].startswith(f'{key}: now in {target}, ')
    assert target.read_bytes() == log.read_bytes()
    target.write_bytes(b'mine')
    code, _, err = run('download', key, '-o', target)
    assert (code, target.read_bytes()) == (1, b'mine')
    assert 'already' in err
    assert run('download', key, '--overwrite', '-o', target)[0] == 0
    assert target.read_bytes() == log.read_bytes()


def test_what_cannot_be_downloaded_does_not_hide_the_rest(
        node: NodeProcess, ros: RosClient, log: Path, tmp_path: Path, folder: str) -> None:
    key = stored(ros, log)
    code, out, err = run('download', '--json', '-o', tmp_path, f'{folder}missing.ulg',
                         f'{PREFIX}other/a.ulg', key)
    found = {told['key']: told for told in map(json.loads, out.splitlines())}
    assert (code, err) == (1, '')
    assert {name: told['status'] for name, told in found.items()} == {
        f'{folder}missing.ulg': 404, f'{PREFIX}other/a.ulg': 403, key: 200}
    assert Path(found[key]['local_path']).read_bytes() == log.read_bytes()


def test_several_logs_do_not_go_into_one_file(node: NodeProcess, tmp_path: Path) -> None:
    code, _, err = run('download', 'a/1.ulg', 'a/2.ulg', '-o', tmp_path / 'new')
    assert code == 2
    assert 'is no directory' in err
    code, _, err = run('download', 'a/1.ulg', 'b/1.ulg', '-o', tmp_path)
    assert code == 2
    assert 'same name' in err


def test_an_upload_says_where_the_log_is(node: NodeProcess, log: Path, sandbox: Sandbox,
                                         folder: str) -> None:
    code, out, err = run('upload', log.name, cwd=log.parent)
    [key] = objects(sandbox, folder)
    assert (code, err) == (0, '')
    assert out.splitlines()[-1].startswith(f'{log.name}: stored as {key}, ')
    _, out, _ = run('upload', log)
    assert f'was stored already as {key}' in out
    assert objects(sandbox, folder) == [key]


def test_an_upload_gives_programs_the_result(node: NodeProcess, log: Path) -> None:
    missing = log.parent / 'missing.ulg'
    code, out, err = run('upload', '--json', '--name', 'mine.mcap', log)
    assert (code, err) == (0, '')
    told = json.loads(out)
    assert told['s3_key'].endswith('_mine.mcap')
    assert {name: told[name] for name in ('path', 'success', 'status', 'error', 'verdict')} == {
        'path': str(log), 'success': True, 'status': 200, 'error': '', 'verdict': 'valid'}
    code, out, _ = run('upload', '--json', missing)
    told = json.loads(out)
    assert (code, told['success'], told['status']) == (1, False, 404)
    assert str(missing) in told['error']


def test_quoted_patterns_are_expanded(node: NodeProcess, tmp_path: Path, sandbox: Sandbox,
                                      folder: str) -> None:
    for number in range(12):
        write_log(tmp_path / f'{tmp_path.name}{number}.ulg', start_ns=(1_753_626_622 + number)
                  * 10**9)
    code, out, err = run('upload', '*.ulg', 'nothing*.bag', cwd=tmp_path)
    assert code == 1
    assert err == 'flightlog: nothing matches nothing*.bag\n'
    assert len(objects(sandbox, folder)) == 12
    assert sum(': stored as ' in line for line in out.splitlines()) == 12
    code, _, err = run('upload', '--name', 'x.ulg', '*.ulg', cwd=tmp_path)
    assert code == 2
    assert '--name is for one file' in err


def test_enqueue_does_not_wait(node: NodeProcess, ros: RosClient, log: Path) -> None:
    run('pause')
    code, out, _ = run('upload', '--enqueue', log)
    assert code == 0
    assert out.startswith(f'{os.path.relpath(log)}: accepted; ' if Path.cwd() in log.parents
                          else f'{log}: accepted; ')
    assert ros.call(Info, file_path=str(log)).file_state == 'queued'
    run('resume')
    wait_until(lambda: ros.call(Info, file_path=str(log)).file_state == 'stored')


def test_a_bag_goes_as_a_whole(node: NodeProcess, tmp_path: Path, sandbox: Sandbox,
                               folder: str) -> None:
    from flightlog_bucket.demo.recordings import write_rosbag2
    from rosbags.rosbag2 import StoragePlugin
    write_rosbag2(tmp_path / 'run1', 1_753_626_622 * 10**9, 2.0, StoragePlugin.MCAP)
    code, out, err = run('upload', 'run1/', cwd=tmp_path)
    assert (code, err) == (0, '')
    assert len(objects(sandbox, folder)) == len(list((tmp_path / 'run1').iterdir()))
    assert out.splitlines()[-1].startswith(f'run1: stored as {folder}')


def test_hostile_names_stay_in_their_line(node: NodeProcess, tmp_path: Path) -> None:
    evil = write_log(tmp_path / 'a\n\x1b[2J[red]\x9b\u202eü.ulg')
    for command in (('upload', evil), ('upload', tmp_path / 'b\n\x1b[2J.ulg'),
                    ('queue', '--all'), ('info', evil), ('list',),
                    ('delete', '--yes', 'a\n\x1b[2J'),
                    ('download', 'a\n\x1b[2J', '-o', tmp_path / 'x')):
        _, out, err = run(*command)
        assert all(c == '\n' or c == '\t' or ' ' <= c <= '~' for c in out + err), command
        assert out + err
    _, out, _ = run('queue', '--all', '--json')
    assert json.loads(out)['path'] == str(evil)


def test_a_name_that_is_not_utf8_is_refused_in_words(node: NodeProcess, tmp_path: Path) -> None:
    odd = write_log(tmp_path / os.fsdecode(b'fl\xfcg.ulg'))
    code, _, err = run('upload', odd)
    assert code == 1
    assert 'fl\\xfcg.ulg is not UTF-8' in err
    assert len(err.splitlines()) == 1
