"""The parameters of the node in ROS: declared, with what they take."""
from collections.abc import Mapping
import math

from flightlog_bucket.parameters.node_settings import checked_values, NodeSettings, settings_of
from flightlog_bucket.parameters.row import Row
from flightlog_bucket.parameters.table import TABLE
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node


def declare(node: Node, environment: Mapping[str, str]) -> NodeSettings:
    """
    Declare every parameter, and return the settings that they amount to.

    :param environment: gives ROBOT_INSTANCE_ID, ROS_HOME and HOME
    :raises ConfigurationError: a parameter is missing, unknown, of a wrong type or out of range
    """
    # rclpy has no public way to ask which parameters were given that nobody declared.
    given = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
    values = checked_values(given, environment)
    for row in TABLE:
        node.declare_parameter(row.name, values[row.name], _descriptor(row), ignore_override=True)
    return settings_of(values, environment)


def _descriptor(row: Row) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(name=row.name, description=row.description,
                                     read_only=not row.is_live, additional_constraints=row.takes)
    if math.isinf(row.low):
        return descriptor
    if isinstance(row.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(row.low), to_value=float(row.high), step=0.0)]
    elif isinstance(row.default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(row.low), to_value=int(row.high), step=1)]
    return descriptor
