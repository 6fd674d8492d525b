"""
``rosbag2_interfaces``, which is on no package index: built here, and published by a process.

    python split_events.py CLOSED_FILE OPENED_FILE
"""
import os
from pathlib import Path
import shutil
import subprocess
import sys
import threading

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0

_MESSAGE = 'string closed_file\nstring opened_file\nstring node_name\n'
_CMAKE = """cmake_minimum_required(VERSION 3.20)
project(rosbag2_interfaces LANGUAGES C CXX)
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
rosidl_generate_interfaces(${PROJECT_NAME} "msg/WriteSplitEvent.msg")
ament_package()
"""
_PACKAGE = """<package format="3">
  <name>rosbag2_interfaces</name><version>0.0.0</version><description>For tests.</description>
  <maintainer email="nobody@example.com">nobody</maintainer><license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""


def build(directory: Path) -> dict[str, str]:
    """Build and install it below the directory; return the environment that finds it."""
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    prefixes.append(sys.prefix)
    if not any((Path(p) / 'share/rosidl_default_generators/package.xml').is_file()
               for p in prefixes) or shutil.which('cmake') is None:
        pytest.skip('rosbag2_interfaces cannot be built: no interface generators, or no cmake')
    source, install = directory / 'source', directory / 'install'
    (source / 'msg').mkdir(parents=True)
    (source / 'msg/WriteSplitEvent.msg').write_text(_MESSAGE)
    (source / 'CMakeLists.txt').write_text(_CMAKE)
    (source / 'package.xml').write_text(_PACKAGE)
    found = os.pathsep.join(prefixes)
    _cmake(source, directory / 'build', install, {
        **os.environ, 'AMENT_PREFIX_PATH': found, 'CMAKE_PREFIX_PATH': found,
        'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])})
    modules = next(install.glob('lib/python*/*-packages'))
    return {
        'AMENT_PREFIX_PATH': os.pathsep.join([str(install), found]),
        'LD_LIBRARY_PATH': _joined(install / 'lib', 'LD_LIBRARY_PATH'),
        'PYTHONPATH': os.pathsep.join([str(ROOT), _joined(modules, 'PYTHONPATH')]),
    }


def publish(environment: dict[str, str], closed_file: str, opened_file: str) -> None:
    """Publish one event, from a process that knows the message."""
    subprocess.run([sys.executable, __file__, closed_file, opened_file], check=True,
                   timeout=2 * WAIT_S, env={**os.environ, **environment})


def _cmake(source: Path, build_directory: Path, install: Path,
           environment: dict[str, str]) -> None:
    arguments = [f'-DCMAKE_INSTALL_PREFIX={install}', f'-DPython3_EXECUTABLE={sys.executable}',
                 '-DCMAKE_BUILD_TYPE=Release', '-DBUILD_TESTING=OFF']
    if (Path(sys.prefix) / 'share/rosidl_default_generators/package.xml').is_file():
        arguments.append(f'-DCMAKE_PROJECT_INCLUDE={ROOT}/cmake/ros_wheels.cmake')
    for command in (['cmake', '-S', str(source), '-B', str(build_directory), *arguments],
                    ['cmake', '--build', str(build_directory), '--target', 'install',
                     '--parallel', str(os.cpu_count() or 1)]):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout


def _joined(path: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, [str(path), os.environ.get(variable, '')]))


def _main(closed_file: str, opened_file: str) -> None:
    import rclpy
    from rclpy.qos import QoSProfile
    from rosbag2_interfaces.msg import WriteSplitEvent
    rclpy.init(args=[])
    node = rclpy.create_node('recorder')
    # As rosbag2's own: keep last 1, reliable, volatile.
    qos = QoSProfile(depth=1)
    publisher = node.create_publisher(WriteSplitEvent, 'events/write_split', qos)
    listening = threading.Event()
    node.create_timer(
        0.01, lambda: listening.set() if publisher.get_subscription_count() else None)
    while not listening.is_set():
        rclpy.spin_once(node, timeout_sec=WAIT_S)
    event = WriteSplitEvent(closed_file=closed_file, opened_file=opened_file)
    publisher.publish(event)
    assert publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=10))
    rclpy.shutdown()


if __name__ == '__main__':
    _main(*sys.argv[1:3])
