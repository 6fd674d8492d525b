"""The launch files compile everywhere, and run where launch_ros is installed."""
import ast
import json
from pathlib import Path
import signal
from xml.etree import ElementTree

from flightlog_bucket.srv import Info
import pytest

LAUNCH = Path(__file__).resolve().parents[2] / 'launch'
ARGUMENTS = {'config_file', 'namespace', 'robot_instance_id', 'log_level', 'respawn'}

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


def test_both_forms_take_the_same_arguments() -> None:
    tree = ast.parse((LAUNCH / 'flightlog_bucket.launch.py').read_text('utf-8'))
    in_python = {
        call.args[0].value for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'DeclareLaunchArgument'}
    in_xml = {arg.get('name') for arg in
              ElementTree.parse(LAUNCH / 'flightlog_bucket.launch.xml').iter('arg')}
    assert in_python == in_xml == ARGUMENTS


@pytest.mark.parametrize('name', ['flightlog_bucket.launch.py', 'flightlog_bucket.launch.xml'])
@pytest.mark.parametrize(('given', 'machine'), [('', 'from-file'), ('007', '007')])
def test_a_launch_file_starts_the_node(start_node, parameters, ros, tmp_path, name, given,
                                       machine) -> None:
    pytest.importorskip('launch_ros', reason='launch_ros is on no package index')
    config = tmp_path / 'config.yaml'
    config.write_text(json.dumps({'/**': {'ros__parameters': {
        **parameters, 'robot_instance_id': 'from-file'}}}))
    arguments = [('config_file', str(config)), ('namespace', 'robot1'),
                 ('robot_instance_id', given), ('respawn', 'false')]
    script = _RUN.format(file=str(LAUNCH / name), arguments=arguments)
    launch = start_node({}, program=('-c', script)).serving()
    info = ros.call(Info, '/robot1/flightlog_bucket/info')
    assert info.machine_prefix == f'flight_logs/{machine}/'
    launch.send(signal.SIGINT)
    assert launch.wait() == 0, launch.log
    assert 'Traceback' not in launch.log
