"""The launch files: what they take everywhere, what they start where launch_ros is installed."""
import ast
from pathlib import Path
from xml.etree import ElementTree

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / 'launch'
PARAMETERS = """
/**:
  ros__parameters:
    bucket_name: flight-logs
    session_token_url: http://127.0.0.1:9/session-token
    robot_instance_id: from-file
"""
NAMES = {'config_file', 'namespace', 'robot_instance_id', 'log_level', 'respawn'}


@pytest.mark.parametrize('path', sorted(LAUNCH.glob('*.py')), ids=lambda path: path.name)
def test_it_compiles(path) -> None:
    compile(path.read_text('utf-8'), path, 'exec')


def test_both_forms_take_the_same_arguments() -> None:
    tree = ast.parse((LAUNCH / 'flightlog_bucket.launch.py').read_text('utf-8'))
    in_python = {
        call.args[0].value for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'DeclareLaunchArgument'}
    in_xml = {arg.get('name') for arg in
              ElementTree.parse(LAUNCH / 'flightlog_bucket.launch.xml').iter('arg')}
    assert in_python == in_xml == NAMES


@pytest.mark.parametrize('form', ['py', 'xml'])
@pytest.mark.parametrize(('given', 'machine'), [('', 'from-file'), ('007', '007')])
def test_the_machine_is_set_only_where_it_is_given(form, given, machine, tmp_path) -> None:
    pytest.importorskip('launch_ros', reason='launch_ros is not on PyPI')
    import launch
    from launch.event_handlers import OnProcessIO

    config_file = tmp_path / 'parameters.yaml'
    config_file.write_text(PARAMETERS)
    said = bytearray()

    def end_when_it_serves(event):
        said.extend(event.text)
        return launch.actions.Shutdown() if b'serving' in said else None

    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(launch.LaunchDescription([
        launch.actions.RegisterEventHandler(OnProcessIO(
            on_stdout=end_when_it_serves, on_stderr=end_when_it_serves)),
        launch.actions.IncludeLaunchDescription(
            launch.launch_description_sources.AnyLaunchDescriptionSource(
                str(LAUNCH / f'flightlog_bucket.launch.{form}')),
            launch_arguments={'config_file': str(config_file), 'robot_instance_id': given,
                              'respawn': 'false'}.items()),
        launch.actions.TimerAction(period=30.0, actions=[launch.actions.Shutdown()]),
    ]))
    assert service.run() == 0
    assert f'flight_logs/{machine}/' in said.decode()
