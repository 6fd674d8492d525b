"""Start the node: ``ros2 launch flightlog_bucket flightlog_bucket.launch.py``."""
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    DeclareLaunchArgument(
        'config_file',
        default_value=PathJoinSubstitution(
            [FindPackageShare('flightlog_bucket'), 'config', 'flightlog_bucket.yaml']),
        description='The parameters, a copy of config/flightlog_bucket.yaml that was filled in'),
    DeclareLaunchArgument(
        'namespace', default_value='', description='The namespace of the node'),
    DeclareLaunchArgument(
        'robot_instance_id', default_value='',
        description='This machine. Empty: as in config_file, else the environment variable '
                    'ROBOT_INSTANCE_ID'),
    DeclareLaunchArgument(
        'log_level', default_value='info',
        description='debug, info, warn, error or fatal, of all of ROS 2 in this process; of the'
                    ' node alone: its parameter log_level'),
    DeclareLaunchArgument(
        'respawn', default_value='true', description='Start the node again 2 s after it ended'),
)


def node(context: LaunchContext) -> list[Node]:
    """Return the node; an argument that is empty leaves the parameter to the config file."""
    machine = LaunchConfiguration('robot_instance_id')
    given = machine.perform(context)
    return [Node(
        package='flightlog_bucket',
        executable='flightlog_bucket_node',
        name='flightlog_bucket',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('config_file'),
            *([{'robot_instance_id': ParameterValue(machine, value_type=str)}] if given else []),
        ],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        respawn=LaunchConfiguration('respawn'),
        respawn_delay=2.0,
        output='screen',
    )]


def generate_launch_description() -> LaunchDescription:
    """Return what ``ros2 launch`` starts."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=node)])
