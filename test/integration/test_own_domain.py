"""A ROS domain of one's own, and nodes that are there already."""
import os
from pathlib import Path
import select
import signal
import socket
import subprocess
import sys

from flightlog_bucket.sandbox import SandboxError
from flightlog_bucket.sandbox.domain import DOMAINS, free_domain, own_domain
from flightlog_bucket.sandbox.neighbours import Neighbours
from flightlog_bucket.sandbox.process import package_environment
import pytest

_BOUND_S = 90
# Tests that run beside these begin at the other end, and would take what is free for a moment.
_FROM_THE_LAST = DOMAINS[::-1]


def first_port(domain: int) -> int:
    return 7400 + 250 * domain


def test_nobody_gets_a_domain_twice() -> None:
    with own_domain(_FROM_THE_LAST) as number:
        assert number in DOMAINS
        assert os.environ['ROS_DOMAIN_ID'] == str(number)
        with pytest.raises(SandboxError, match='programs in it already'):
            free_domain([number])
        other, claim = free_domain(_FROM_THE_LAST)
        claim.close()
        assert other != number
        # Nor does another process, whoever runs it.
        code = f'from flightlog_bucket.sandbox.domain import *; print(free_domain([{number}]))'
        process = subprocess.run([sys.executable, '-c', code], env=package_environment(),
                                 capture_output=True, text=True, timeout=_BOUND_S)
        assert 'programs in it already' in process.stderr
        assert process.returncode == 1
    again, claim = free_domain([number])
    claim.close()
    assert again == number


def test_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '7')
    monkeypatch.delenv('ROS_STATIC_PEERS', raising=False)
    before = dict(os.environ)
    with own_domain():
        assert os.environ != before
    assert os.environ == before


@pytest.mark.parametrize('offset', [0, 10, 11, 57])
def test_a_domain_with_a_program_in_it_is_left_out(offset: int) -> None:
    number, claim = free_domain(_FROM_THE_LAST)
    claim.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        # As DDS has it: for all who ask for it in the same way.
        participant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        participant.bind(('', first_port(number) + offset))
        with pytest.raises(SandboxError):
            free_domain([number])


def test_a_node_of_ros_makes_its_domain_taken() -> None:
    pytest.importorskip('rclpy')
    code = ('import sys\nfrom flightlog_bucket.cli.over_ros.session import Session\n'
            'with Session():\n    print("up", flush=True)\n    sys.stdin.read()\n')
    with own_domain(_FROM_THE_LAST) as number:
        environment = package_environment()
    with subprocess.Popen([sys.executable, '-c', code], env=environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], _BOUND_S)[0]
            assert process.stdout.readline() == 'up\n'
            with pytest.raises(SandboxError):
                free_domain([number])
        finally:
            process.kill()


def test_without_ros_it_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch,
                                            tmp_path: Path) -> None:
    (tmp_path / 'rclpy.py').write_text('raise ImportError("No module named rclpy")\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    with Neighbours() as neighbours, pytest.raises(
            SandboxError, match=r'^ROS 2 does not start: .*No module named rclpy$'):
        neighbours.names()


def test_a_sandbox_does_not_start_a_node_beside_another(tmp_path: Path) -> None:
    pytest.importorskip('rclpy')
    pytest.importorskip('flightlog_bucket.srv')
    # Two sandboxes that begin at one time may both find the usual port of the page free.
    command = [sys.executable, '-m', 'flightlog_bucket.sandbox', '--with-node', '--http-port', '0']
    with own_domain() as number:
        environment = {**package_environment(), 'ROS_LOG_DIR': str(tmp_path)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as first:
            try:
                assert first.stdout is not None
                assert any('serving: ' in line for line in first.stdout)
                second = subprocess.run(command, env=environment, capture_output=True, text=True,
                                        timeout=_BOUND_S)
                first.send_signal(signal.SIGINT)
                assert first.wait(_BOUND_S) == 0
            finally:
                first.kill()
    assert second.returncode == 1
    assert second.stdout == ''
    assert 'there is a node /flightlog_bucket already' in second.stderr
    assert f'({number})' in second.stderr
    assert 'export ROS_DOMAIN_ID=' in second.stderr
    assert len(second.stderr.splitlines()) == 1
