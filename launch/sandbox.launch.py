"""Start sandbox and node: ``ros2 launch flightlog_bucket sandbox.launch.py``."""
import os
import tempfile

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue


def generate_launch_description():
    port = LaunchConfiguration('port')
    session_token_port = LaunchConfiguration('session_token_port')
    robot_instance_id = LaunchConfiguration('robot_instance_id')
    return LaunchDescription([
        DeclareLaunchArgument('port', default_value='14566', description='of S3'),
        DeclareLaunchArgument('session_token_port', default_value='14567',
                              description='of the session-token service'),
        DeclareLaunchArgument('robot_instance_id', default_value='drone-001',
                              description='this machine'),
        # What the sandbox stores is in memory: the ledger is of one run as well.
        DeclareLaunchArgument(
            'state_directory',
            default_value=os.path.join(tempfile.gettempdir(),
                                       f'flightlog_bucket_sandbox_{os.getpid()}'),
            description='of the ledger'),
        Node(
            package='flightlog_bucket',
            executable='sandbox',
            arguments=['--port', port, '--session-token-port', session_token_port,
                       '--robot-instance-id', robot_instance_id],
            output='screen',
        ),
        Node(
            package='flightlog_bucket',
            executable='flightlog_bucket_node',
            name='flightlog_bucket',
            parameters=[{
                'endpoint_url': ['http://127.0.0.1:', port],
                'session_token_url': ['http://127.0.0.1:', session_token_port,
                                      '/session-token'],
                'bucket_name': 'flight-logs',
                'state_directory': ParameterValue(LaunchConfiguration('state_directory'),
                                                  value_type=str),
                # "007" is a name, not the number 7
                'robot_instance_id': ParameterValue(robot_instance_id, value_type=str),
            }],
            output='screen',
        ),
    ])
