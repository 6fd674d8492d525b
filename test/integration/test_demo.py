"""``make demo``, less the building: a process that shows the main job and says the truth."""
from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import re
import select
import signal
import socket
import subprocess
import sys
from typing import Optional

from flightlog_bucket.sandbox.domain import DOMAINS, own_domain
from flightlog_bucket.sandbox.process import package_environment
import pytest
from support.logs import write_log

pytest.importorskip('rclpy')
pytest.importorskip('flightlog_bucket.srv')

_BOUND_S = 90
# What a terminal has in which the ROS 2 installation under this environment is sourced.
_SOURCED = ('AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'ROS_DISTRO', 'RMW_IMPLEMENTATION')


def environment(directory: Path, **more: str) -> dict[str, str]:
    return {**package_environment(), 'TMPDIR': str(directory), 'PYTHONIOENCODING': 'utf-8', **more}


def demo(directory: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration with all its temporary files in an empty directory."""
    temporary = directory / 'tmp'
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, '-m', 'flightlog_bucket.demo', *arguments],
        env=environment(temporary, **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding='utf-8', timeout=_BOUND_S)
    assert list(temporary.iterdir()) == [], 'temporary files are left'
    return done


@contextmanager
def halted_demo(env: dict[str, str]) -> Iterator[tuple['subprocess.Popen[bytes]', socket.socket]]:
    """Run the demonstration until a log is stored; it goes on when somebody reads what it says."""
    output, its_output = socket.socketpair()
    output.settimeout(_BOUND_S)
    its_output.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # for as few lines as can be
    with output, its_output, subprocess.Popen(
            [sys.executable, '-u', '-m', 'flightlog_bucket.demo'], env=env, stdout=its_output,
            stderr=its_output, start_new_session=True) as process:
        its_output.close()
        try:
            said = b''
            while not said.endswith(b'is stored\n'):
                byte = output.recv(1)
                assert byte, said
                said += byte
            yield process, output
        finally:
            process.kill()


def end_of(process: 'subprocess.Popen[bytes]', output: socket.socket, number: int) -> int:
    """Send a signal, read what is said until the end, and return the exit code."""
    process.send_signal(number)
    while output.recv(4096):
        pass
    return process.wait(_BOUND_S)


def children(pid: int) -> list[int]:
    return [*map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split())]


def test_it_does_the_main_job_on_logs_of_its_own(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout
    for service in ('upload', 'list', 'info', 'download', 'delete'):
        assert (f'$ ros2 service call /flightlog_bucket/{service} '
                f'flightlog_bucket/srv/{service.capitalize()}') in done.stdout
    assert '$ flightlog upload ./flight.ulg' in done.stdout
    assert done.stdout.count('byte for byte the same') == 4
    assert '✗' not in done.stdout
    assert '\033' not in done.stdout
    assert len(done.stdout.splitlines()) < 80


def test_it_takes_a_log_of_the_user(tmp_path: Path) -> None:
    log = write_log(tmp_path / "it's my $HOME flight é.mcap")
    before = log.read_bytes()
    done = demo(tmp_path, '--log', str(log))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('byte for byte the same') == 1
    assert log.read_bytes() == before


def test_a_file_that_is_no_log_fails_at_its_step(tmp_path: Path) -> None:
    log = tmp_path / 'notes.ulg'
    log.write_text('to do')
    done = demo(tmp_path, '--log', str(log))
    assert done.returncode == 1
    assert '✗ notes.ulg is stored: ' in done.stdout
    assert 'File validation failed' in done.stdout
    assert 'The node said:' in done.stdout
    assert 'Traceback' not in done.stdout


def test_a_node_that_does_not_start_is_shown(tmp_path: Path) -> None:
    # The node is a child of the demonstration, and gets this from it.
    overlay = tmp_path / 'overlay'
    overlay.mkdir()
    (overlay / 'sitecustomize.py').write_text(
        'import sys\n'
        'if sys.argv[0] == "-c":\n'
        '    sys.exit("a broken installation")\n')
    done = demo(tmp_path, PYTHONPATH=f'{overlay}{os.pathsep}{os.environ.get("PYTHONPATH", "")}')
    assert done.returncode == 1
    assert 'a broken installation' in done.stdout


def test_a_missing_file_is_said_before_anything_is_done(tmp_path: Path) -> None:
    done = demo(tmp_path, '--log', str(tmp_path / 'missing.ulg'))
    assert done.returncode == 2
    assert 'there is no file' in done.stdout


@pytest.mark.parametrize(('number', 'code'), [
    (signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_whenever_it_ends_nothing_is_left(tmp_path: Path, number: int,
                                          code: Optional[int]) -> None:
    with halted_demo(environment(tmp_path)) as (process, output):
        ends = [os.pidfd_open(pid) for pid in children(process.pid)]
        assert len(ends) == 2
        assert end_of(process, output, number) == code
        for end in ends:
            assert select.select([end], [], [], 30)[0], 'a child is left'
            os.close(end)


def test_what_the_sandbox_says_can_be_typed(tmp_path: Path) -> None:
    log = write_log(tmp_path / 'flight.bag')
    output = tmp_path / 'output'
    with own_domain() as domain, open(output, 'wb') as stream:
        ros = environment(tmp_path, ROS_LOG_DIR=str(tmp_path / 'log'))
        sandbox = subprocess.Popen(
            [sys.executable, '-m', 'flightlog_bucket.sandbox', '--with-node'],
            env=ros, stdout=stream, stderr=stream, start_new_session=True)
        # Another terminal: nothing of this environment is activated there.
        elsewhere = {'HOME': str(tmp_path), 'PATH': '/usr/bin:/bin',
                     'PYTHONPATH': ros['PYTHONPATH'], 'LANG': 'C.UTF-8',
                     **{name: os.environ[name] for name in _SOURCED if name in os.environ}}

        def typed(line: str) -> 'subprocess.CompletedProcess[str]':
            return subprocess.run(['/bin/sh', '-c', f'export ROS_DOMAIN_ID={domain}; {line}'],
                                  env=elsewhere, capture_output=True, text=True,
                                  timeout=_BOUND_S)
        try:
            while 'serving: ' not in output.read_text():
                assert sandbox.poll() is None, output.read_text()
                select.select([], [], [], 0.1)
            said = output.read_text().splitlines()
            assert f'  export ROS_DOMAIN_ID={domain}' in said
            (upload,) = (line for line in said if line.endswith(' upload /path/to/flight.ulg'))
            stored = typed(upload.replace('/path/to/flight.ulg', f"--name 'a b.bag' {log}"))
            assert stored.returncode == 0, stored.stderr
            (listing,) = (line for line in said if line.endswith(' list'))
            assert '20250727_143022_a b.bag' in typed(listing).stdout
            (page,) = (line.split()[1] for line in said if line.startswith('page '))
            # It is served a little later than the services are.
            assert '<title>' in typed(f'curl -s --retry 9 --retry-connrefused {page}').stdout
            (queue,) = (line for line in said if line.endswith(' queue'))
            assert typed(queue).returncode == 0
            sandbox.send_signal(signal.SIGINT)
            assert sandbox.wait(_BOUND_S) == 0
        finally:
            sandbox.kill()
            sandbox.wait()
    assert 'Traceback' not in output.read_text()


def test_the_domain_of_the_person_is_not_used(tmp_path: Path) -> None:
    # Nothing that is in it can be met: the node of a robot, above all.
    with halted_demo(environment(tmp_path, ROS_DOMAIN_ID='7')) as (process, output):
        domains = [domain for pid in children(process.pid) for domain in re.findall(
            r'(?:^|\0)ROS_DOMAIN_ID=(\d+)', Path(f'/proc/{pid}/environ').read_text())]
        assert len(domains) == 2
        assert all(int(domain) in DOMAINS for domain in domains)
        end_of(process, output, signal.SIGINT)


def test_on_a_terminal_it_draws_how_far_the_uploads_are(tmp_path: Path) -> None:
    pytest.importorskip('pyte')
    from tools.pictures.terminal import Terminal
    with Terminal([sys.executable, '-m', 'flightlog_bucket.demo'], columns=100, rows=40,
                  environment=environment(tmp_path), directory=os.fspath(tmp_path)) as running:
        running.wait_for(r'camera\.mcap +━.* [1-9]\d? % of 16\.8 MB', _BOUND_S)
        running.wait_for('Every step gave what it must', _BOUND_S)
