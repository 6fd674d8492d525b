"""That parameter files mean the same to ``--direct`` as to the node."""
from pathlib import Path
from typing import Any

from flightlog_bucket.parameters.yaml_file import read_parameter_file
import pytest
import rclpy
from rclpy.node import Node

FILE = """\
/**:
  ros__parameters:
    words: ["y", "on", plain]
    a_bool: On
    a_word: tRue
    an_octal: 010
    nine: 09
    a_hex: 0x1F
    negative: -12
    a_plus: +12
    a_float: 1e3
    a_dot: 5.
    a_day: 2025-07-27
    a_time: 12:30
    underscored: 1_000
    quoted: "30"
    a_version: 1.2.3
    a_null: "~"
    numbers: [1, 2, 3]
    floats: [1.5, 2.5]
    region: pattern
    group:
      inner:
        value: 3
/camera:
  ros__parameters:
    region: another
flightlog_bucket:
  ros__parameters:
    region: exact
/*:
  ros__parameters:
    one_level: true
/x/*:
  ros__parameters:
    below_x: true
"""


def given(file: Path, name: str, namespace: str) -> dict[str, Any]:
    """Return what ROS gives a node that declares nothing."""
    context = rclpy.Context()
    rclpy.init(args=['--ros-args', '--params-file', str(file)], context=context)
    try:
        node = Node(name, namespace=namespace, context=context, start_parameter_services=False,
                    enable_rosout=False)
        overrides = {key: parameter.value for key, parameter in node._parameter_overrides.items()}
        node.destroy_node()
    finally:
        context.shutdown()
    return {key: list(value) if hasattr(value, '__iter__') and not isinstance(value, str)
            else value for key, value in overrides.items()}


@pytest.mark.usefixtures('ros')
@pytest.mark.parametrize(('namespace', 'name'), [
    ('/', 'flightlog_bucket'), ('/', 'another'), ('/x', 'flightlog_bucket'), ('/y/z', 'camera')])
def test_they_mean_the_same(namespace: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / 'parameters.yaml'
    file.write_text(FILE)
    expected = given(file, name, namespace)
    node = f'{namespace.rstrip("/")}/{name}'
    found = read_parameter_file(file, node)
    assert found == expected
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in expected.items()}
