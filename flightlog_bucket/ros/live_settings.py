"""The parameters that can be changed while the node runs."""
from collections.abc import Callable, Mapping, Sequence
from functools import partial
import logging

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.operations.texts import explanation, printable
from flightlog_bucket.parameters.node_settings import NodeSettings, settings_of
from flightlog_bucket.parameters.row import Value
from flightlog_bucket.parameters.table import TABLE
from flightlog_bucket.transfers.survival import survive
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

_ROWS = {row.name: row for row in TABLE}

_log = logging.getLogger(__name__)


class LiveSettings:
    """
    Takes changes of parameters: all of one call, or none of them.

    What would result is checked as it is at the start of the node. A restart forgets the changes.

    :param node: has all parameters declared
    :param environment: gives ROS_HOME and HOME
    :param apply: puts the settings to use, without waiting for anything; may refuse them, with a
        ``FlightlogError``, as long as it has changed nothing
    """

    def __init__(self, node: Node, environment: Mapping[str, str],
                 apply: Callable[[NodeSettings], None]) -> None:
        self._environment = environment
        self._apply = apply
        self._values: dict[str, Value] = {
            row.name: row.checked(node.get_parameter(row.name).value) for row in TABLE}
        if hasattr(node, 'add_pre_set_parameters_callback'):  # not in Humble
            node.add_pre_set_parameters_callback(_as_meant)
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, changes: Sequence[Parameter]) -> SetParametersResult:
        surprise = SetParametersResult(successful=False, reason='internal error, see the log')
        return survive(partial(self._set, changes), surprise)

    def _set(self, changes: Sequence[Parameter]) -> SetParametersResult:
        values = dict(self._values)
        try:
            for change in changes:
                if change.name in _ROWS:  # rclpy has some of its own
                    values[change.name] = _ROWS[change.name].checked(change.value)
            self._apply(settings_of(values, self._environment))
        except FlightlogError as error:
            return SetParametersResult(successful=False, reason=explanation(printable(error)))
        before, self._values = self._values, values
        for name, value in values.items():
            if value != before[name]:
                _log.info('%s is %r now; before: %r', name, value, before[name])
        return SetParametersResult(successful=True)


def _as_meant(changes: Sequence[Parameter]) -> list[Parameter]:
    """Return the changes with "30" for what is "30.0", as in a file of parameters."""
    return [Parameter(change.name, value=_ROWS[change.name].converted(change.value))
            if _is_whole_number(change) else change for change in changes]


def _is_whole_number(change: Parameter) -> bool:
    return (change.name in _ROWS and change.type_ == Parameter.Type.INTEGER
            and isinstance(_ROWS[change.name].default, float))
