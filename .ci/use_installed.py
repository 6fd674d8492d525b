"""Use the package out of the install space that is given: import it, and call its node."""
from importlib.metadata import entry_points
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import threading

import flightlog_bucket
from flightlog_bucket import S3BucketProxy
from flightlog_bucket.srv import Info, Upload
from flightlog_bucket.web import page
import rclpy
from rclpy.executors import SingleThreadedExecutor

PARAMETERS = {
    'bucket_name': 'flight-logs',
    'session_token_url': 'http://127.0.0.1:9/session-token',
    'robot_instance_id': 'drone-001',
}
WAIT_S = 30.0


def call_info() -> Info.Response:
    """Call ``~/info`` of the node that runs."""
    rclpy.init()
    node = rclpy.create_node('use_installed')
    client = node.create_client(Info, '/flightlog_bucket/info')
    if not client.wait_for_service(WAIT_S):
        raise SystemExit('the node offers no ~/info')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    answered = threading.Event()
    future = client.call_async(Info.Request())
    future.add_done_callback(lambda _: answered.set())
    threading.Thread(target=executor.spin, daemon=True).start()
    if not answered.wait(WAIT_S):
        raise SystemExit('~/info does not answer')
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()
    return future.result()


def check_commands(prefix: Path) -> None:
    """Fail unless ``flightlog`` is on the PATH, completes, and is known to ros2cli."""
    assert shutil.which('flightlog') == str(prefix / 'bin/flightlog')
    subprocess.run(['flightlog', 'check', '--help'], check=True, stdout=subprocess.DEVNULL)
    hooked = subprocess.run(
        ['bash', '-c', 'source "$1" && complete -p flightlog', 'bash',
         prefix.parent / 'setup.bash'], capture_output=True, text=True, check=True)
    assert '_flightlog_complete' in hooked.stdout
    (command,) = entry_points(group='ros2cli.command', name='flightlog')
    assert command.value == 'flightlog_bucket.cli.ros2_command:FlightlogCommand'


def check_without_http(node: Path) -> None:
    """Fail unless the node says what ``http_port`` takes; it is not installed here."""
    assert page.load().content.startswith(b'<!doctype html>')
    refused = subprocess.run([node, *arguments({**PARAMETERS, 'http_port': 8080})],
                             capture_output=True, text=True, timeout=WAIT_S, check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 2, said
    assert 'http_port' in said, said
    assert 'fastapi' in said, said


def arguments(parameters: dict[str, object]) -> list[str]:
    """Return the arguments that set the parameters of a node."""
    return ['--ros-args', *(word for name, value in parameters.items()
                            for word in ('-p', f'{name}:={value}'))]


def main(install_space: Path) -> None:
    """Fail unless everything comes from ``install_space`` and the node answers and ends well."""
    prefix = install_space / 'flightlog_bucket'
    for path in flightlog_bucket.__path__:
        assert Path(path).is_relative_to(prefix), path
    assert S3BucketProxy.__name__ == 'S3BucketProxy'
    assert Upload.Request(file_path='a.ulg').file_path == 'a.ulg'
    for installed in ('launch/flightlog_bucket.launch.py', 'launch/flightlog_bucket.launch.xml',
                      'launch/sandbox.launch.py', 'config/flightlog_bucket.yaml'):
        assert (prefix / 'share/flightlog_bucket' / installed).is_file(), installed
    assert os.access(prefix / 'lib/flightlog_bucket/sandbox', os.X_OK)
    check_commands(prefix)

    program = prefix / 'lib/flightlog_bucket/flightlog_bucket_node'
    check_without_http(program)
    node = subprocess.Popen([program, *arguments(PARAMETERS)])
    try:
        answer = call_info()
    finally:
        node.send_signal(signal.SIGINT)
        code = node.wait(WAIT_S)
    assert answer.success, answer.error
    assert answer.version == flightlog_bucket.__version__
    assert answer.machine_prefix == 'flight_logs/drone-001/'
    assert code == 0, f'the node ended with {code}'
    print(f'the node in {prefix} answered and ended well')


if __name__ == '__main__':
    main(Path(sys.argv[1]))
