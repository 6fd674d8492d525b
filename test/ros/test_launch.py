"""The launch files compile everywhere, and run where launch_ros is installed."""
import json
from pathlib import Path
import signal
from xml.etree import ElementTree

from flightlog_bucket.srv import Info
import pytest

LAUNCH = Path(__file__).resolve().parents[2] / 'launch'

_RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    AnyLaunchDescriptionSource({file!r}), launch_arguments={arguments!r})]))
sys.exit(service.run())
"""


@pytest.mark.parametrize('path', sorted(LAUNCH.glob('*.py')), ids=lambda path: path.name)
def test_a_launch_file_compiles(path: Path) -> None:
    names = compile(path.read_text(), str(path), 'exec').co_names
    assert 'generate_launch_description' in names


@pytest.mark.parametrize('path', sorted(LAUNCH.glob('*.xml')), ids=lambda path: path.name)
def test_a_launch_file_is_xml_with_one_node(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.tag == 'launch'
    assert {node.get('exec') for node in root.iter('node')} == {'flightlog_bucket_node'}


@pytest.mark.parametrize('name', ['flightlog_bucket.launch.py', 'flightlog_bucket.launch.xml'])
def test_a_launch_file_starts_the_node(start_node, parameters, ros, tmp_path, name) -> None:
    pytest.importorskip('launch_ros', reason='launch_ros is on no package index')
    config = tmp_path / 'config.yaml'
    config.write_text(json.dumps({'/**': {'ros__parameters': parameters}}))
    arguments = [('config_file', str(config)), ('namespace', 'robot1'),
                 ('robot_instance_id', 'drone-009'), ('respawn', 'false')]
    script = _RUN.format(file=str(LAUNCH / name), arguments=arguments)
    launch = start_node({}, program=('-c', script)).serving()
    info = ros.call(Info, '/robot1/flightlog_bucket/info')
    assert info.machine_prefix == 'flight_logs/drone-009/'
    launch.send(signal.SIGINT)
    assert launch.wait() == 0, launch.log
    assert 'Traceback' not in launch.log
