"""Requests that no client library makes, to the services that rclpy puts into every node."""
from pathlib import Path
from typing import Any

from flightlog_bucket.srv import Info, Upload
from node_process import NodeProcess
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from ros_client import RosClient
from support.expect import wait_until

NODE = '/flightlog_bucket/'
NO_TYPE = 200


def _bandwidth(kind: int, value: int = 0) -> Any:
    return Parameter(name='max_bandwidth',
                     value=ParameterValue(type=kind, integer_value=value))


def test_the_node_outlives_parameters_of_no_type(node: NodeProcess, ros: RosClient,
                                                 log: Path) -> None:
    for _ in range(5):
        for kind, name in ((SetParameters, 'set_parameters'),
                           (SetParametersAtomically, 'set_parameters_atomically')):
            ros.begin(kind, NODE + name, parameters=[_bandwidth(NO_TYPE)])
    wait_until(lambda: 'ValueError: 200' in node.log, 20.0)
    assert ros.call(Info).success
    assert ros.call(Upload, file_path=str(log)).success
    results = ros.call(SetParameters, NODE + 'set_parameters',
                       parameters=[_bandwidth(2, 7000)]).results
    assert results[0].successful
    assert ros.call(Info).max_bandwidth == 7000
    assert node.is_running()
    assert node.log.count('ValueError: 200') <= 2  # one for each of the services
