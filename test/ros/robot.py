"""A robot that is switched on and off: a state directory that outlives its nodes."""
from collections.abc import Callable, Iterable, Mapping
import itertools
from pathlib import Path
import shutil
import signal
from typing import Any

from flightlog_bucket.srv import Info
from node_process import NodeProcess
from ros_client import Answer, RosClient
from support.expect import wait_until
from support.processes import held_still

# What a killed process leaves in shared memory is of no use to the tests.
_ENVIRONMENT = {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}
_lives = itertools.count(1)
INFO_TRIES, INFO_S = 3, 10.0


class Robot:
    """
    Starts one node after the other on the same state.

    Every node has a namespace of its own, so that none is mistaken for a killed one, which the
    middleware takes for alive for some time.

    :param start_node: the fixture
    :param ros: the fixture
    :param state: the directory of the ledger
    :param parameters: of every node
    """

    def __init__(self, start_node: Callable[..., NodeProcess], ros: RosClient, state: Path,
                 parameters: Mapping[str, Any]) -> None:
        self.state = state
        self.machine_prefix = f'flight_logs/{parameters["robot_instance_id"]}/'
        self._start_node = start_node
        self._ros = ros
        self._parameters = parameters
        self._namespace = ''

    @property
    def namespace(self) -> str:
        """Of the node that runs."""
        return self._namespace

    def with_state(self, state: Path) -> 'Robot':
        """Return the same robot with another state."""
        return Robot(self._start_node, self._ros, state, self._parameters)

    def switch_on(self, **parameters: Any) -> NodeProcess:
        """
        Start a node; it does not serve yet.

        :param parameters: of this one only
        """
        self._namespace = f'/life{next(_lives)}'
        self.node = self._start_node(
            {**self._parameters, 'state_directory': str(self.state), **parameters},
            environment=_ENVIRONMENT, ros_arguments=('-r', f'__ns:={self._namespace}'))
        return self.node

    def cut_power(self) -> None:
        """Kill the node."""
        self.node.send(signal.SIGKILL)
        self.node.wait()

    def switch_off(self) -> None:
        """End the node in order."""
        self.node.send(signal.SIGTERM)
        assert self.node.wait() == 0, self.node.log

    def copy_state(self, target: Path) -> Path:
        """Copy the state as a power cut at this moment would leave it."""
        with held_still(self.node.pid):
            if self.state.exists():
                shutil.copytree(self.state, target)
        return target

    def call(self, kind: Any, name: str = '', **fields: Any) -> Any:
        """
        Call a service of the node that runs.

        :param name: where it is not that of the kind
        """
        return self._ros.call(kind, self._service(kind, name), **fields)

    def begin(self, kind: Any, name: str = '', **fields: Any) -> Answer:
        """Call a service of the node that runs; the answer comes later."""
        return self._ros.begin(kind, self._service(kind, name), **fields)

    def _service(self, kind: Any, name: str) -> str:
        return f'{self._namespace}/flightlog_bucket/{name or kind.__name__.lower()}'

    def info(self, path: Any = '') -> Any:
        """Ask the node about itself, and about a file."""
        # Of a node that was started just now, an answer can get lost.
        tries = (self.begin(Info, file_path=str(path)) for _ in range(INFO_TRIES))
        answer = next((a.get() for a in tries if a.is_there_within(INFO_S)), None)
        assert answer is not None, self.node.log
        assert answer.success, answer.error
        return answer

    def wait_until_stored(self, paths: Iterable[Path], within_s: float = 60.0) -> None:
        """Wait until the node says that all of them are stored."""
        left = list(paths)

        def are_stored() -> bool:
            while left and self.info(left[-1]).file_state == 'stored':
                left.pop()
            return not left
        try:
            wait_until(are_stored, within_s)
        except AssertionError:
            last = self.info(left[-1])
            raise AssertionError(f'{len(left)} are not stored, {left[-1]} is {last.file_state}:'
                                 f' {last.file_reason}\n{self.node.log}') from None
