"""Each mistake in the parameters is one clear line, and exit code 2."""
from pathlib import Path
import signal

from flightlog_bucket.parameters.table import TABLE
from flightlog_bucket.srv import Info
import pytest
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.parameter import Parameter
import yaml

RIGHT = {'bucket_name': 'flight-logs', 'session_token_url': 'http://127.0.0.1:9/session-token',
         'robot_instance_id': 'drone-001'}
LIVE = {row.name for row in TABLE if row.is_live}
CONFIG = Path(__file__).resolve().parents[2] / 'config/flightlog_bucket.yaml'


@pytest.mark.parametrize(('wrong', 'words'), [
    ({'bucket_name': None}, 'parameter bucket_name is not set'),
    ({'bucket_name': ''}, 'parameter bucket_name is empty'),
    ({'bucket_name': 'a/b'}, "bucket_name is 'a/b'"),
    ({'bucket_name': 7}, 'parameter bucket_name is 7; give a string'),
    ({'session_token_url': None}, 'parameter session_token_url is not set'),
    ({'session_token_url': 'localhost:3000'}, 'session_token_url is not a URL'),
    ({'robot_instance_id': None}, 'ROBOT_INSTANCE_ID'),
    ({'robot_instance_id': '../drone'}, "robot_instance_id is '../drone'"),
    ({'robot_instance_id': 42}, 'parameter robot_instance_id is 42; give a string'),
    ({'buket_name': 'x'}, "no parameter 'buket_name'; is 'bucket_name' meant?"),
    ({'aws_secret_access_key': 'x'}, "no parameter 'aws_secret_access_key'"),
    ({'request_timeout': 'soon'}, "request_timeout is 'soon'; give a number from 1 to 3600"),
    ({'request_timeout': 0}, 'request_timeout is 0.0; give a number from 1 to 3600'),
    ({'request_timeout': float('nan')}, 'request_timeout is nan'),
    ({'max_concurrent_transfers': 2.5}, 'max_concurrent_transfers is 2.5; give an integer'),
    ({'max_concurrent_transfers': True}, 'max_concurrent_transfers is True; give an integer'),
    ({'max_concurrent_transfers': 33}, 'max_concurrent_transfers is 33; give an integer from 1'),
    ({'part_size': 1}, 'part_size is 1; give an integer from'),
    ({'allowed_extensions': '.ulg'}, "allowed_extensions is '.ulg'; give a list of strings"),
    ({'allowed_extensions': ['.exe']}, "allowed_extensions is ['.exe']; give a list of strings"),
    ({'allowed_extensions': []}, 'allowed_extensions'),
    ({'addressing_style': 'dns'}, "addressing_style is 'dns'; give a string, one of 'auto'"),
    ({'server_side_encryption': 'rot13'}, "server_side_encryption is 'rot13'"),
    ({'sse_kms_key_id': 'x'}, 'sse_kms_key_id is given'),
    ({'upload_prefix': 'a/../b'}, "upload_prefix is 'a/../b'"),
    ({'log_level': 'loud'}, "log_level is 'loud'; give a string, one of ''"),
    ({'diagnostics_queue_warn': 2000}, 'diagnostics_queue_warn is 2000, above'
                                       ' diagnostics_queue_error, which is 1000'),
])
def test_a_wrong_parameter(start_node, wrong, words) -> None:
    given = {name: value for name, value in {**RIGHT, **wrong}.items() if value is not None}
    node = start_node(given)
    assert node.wait() == 2, node.log
    assert words in node.log
    assert len(node.log.splitlines()) == 1
    assert 'FATAL' in node.log


@pytest.mark.parametrize(('arguments', 'words'), [
    (('--ros-args', '--nonsense'), '--nonsense'),
    (('--ros-args', '-p', 'nonsense'), 'nonsense'),
    (('--ros-args', '--params-file', '/nowhere.yaml'), '/nowhere.yaml'),
    (('nonsense',), "unknown argument 'nonsense'"),
])
def test_a_wrong_command_line(start_node, arguments, words) -> None:
    node = start_node(RIGHT, arguments=arguments)
    assert node.wait() == 2
    assert words in node.log
    assert 'Traceback' not in node.log
    assert sum(line.startswith('flightlog_bucket: ') for line in node.log.splitlines()) == 1


def test_help(start_node) -> None:
    node = start_node({}, arguments=('--help',))
    assert node.wait() == 0
    assert node.log.startswith('usage: flightlog_bucket_node')


def test_no_place_for_log_files(start_node) -> None:
    node = start_node(RIGHT, environment={'HOME': None})
    assert node.wait() == 2
    # Some distributions print an inner error of theirs above it.
    assert node.log.splitlines()[-1].startswith('flightlog_bucket: ROS 2 cannot start: ')
    assert 'set HOME or ROS_LOG_DIR' in node.log
    assert 'Traceback' not in node.log


def test_the_machine_comes_from_the_environment(start_node, ros) -> None:
    given = {**RIGHT, 'robot_instance_id': ''}
    start_node(given, environment={'ROBOT_INSTANCE_ID': 'drone-007'}).serving()
    assert ros.call(Info).machine_prefix == 'flight_logs/drone-007/'


def test_every_parameter_is_declared_and_described_and_says_what_can_change(start_node,
                                                                            ros) -> None:
    start_node(RIGHT).serving()
    names = sorted(_config())
    described = ros.call(DescribeParameters, '/flightlog_bucket/describe_parameters', names=names)
    for descriptor in described.descriptors:
        assert descriptor.description
        assert descriptor.read_only == (descriptor.name not in LIVE)
        assert descriptor.additional_constraints
    answer = ros.call(SetParameters, '/flightlog_bucket/set_parameters',
                      parameters=[_parameter('region', 'eu-west-1')])
    assert not answer.results[0].successful


def test_no_folders_can_be_said_in_two_ways(start_node, ros) -> None:
    for given in ([], ['']):
        node = start_node({**RIGHT, 'watch_directories': given}).serving()
        answer = ros.call(GetParameters, '/flightlog_bucket/get_parameters',
                          names=['watch_directories'])
        assert answer.values[0].string_array_value == ['']
        node.stop()  # it would answer for the next one
        ros.forget()


def test_the_config_file_holds_every_parameter_with_its_default(start_node, ros) -> None:
    assert _config() == {row.name: row.default for row in TABLE}
    changes = [a for name, value in RIGHT.items() for a in ('-p', f'{name}:={value}')]
    start_node({}, ros_arguments=('--params-file', str(CONFIG), *changes,
                                  '-r', '__ns:=/robot1')).serving()
    assert ros.call(Info, '/robot1/flightlog_bucket/info').robot_instance_id == 'drone-001'


def test_secrets_in_a_url_are_not_shown(start_node, ros) -> None:
    node = start_node({**RIGHT, 'session_token_url': 'http://me:hush@127.0.0.1:9/t?key=hush'})
    node.serving()
    node.wait_for('no session token yet')
    info = ros.call(Info)
    assert info.session_token_url == 'http://127.0.0.1:9/t'
    assert 'hush' not in repr(info)
    node.send(signal.SIGINT)
    assert node.wait() == 0
    assert 'hush' not in node.log


def _config() -> dict:
    return yaml.safe_load(CONFIG.read_text())['/**/flightlog_bucket']['ros__parameters']


def _parameter(name, value):
    return Parameter(name, value=value).to_parameter_msg()
