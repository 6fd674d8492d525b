"""The services of the node, called as any ROS 2 program calls them."""
from collections.abc import Callable
from functools import partial
import threading
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket.cli.over_ros.session import Session, wait_for
from flightlog_bucket.srv import Delete, Download, Info, List, Upload
from rclpy.qos import QoSProfile
from std_msgs.msg import String

NODE = '/flightlog_bucket'
_KINDS = {'upload': Upload, 'list': List, 'download': Download, 'delete': Delete, 'info': Info}
_POLL_S = 0.2


class NoAnswer(Exception):
    """The node did not answer, or never came up."""


class NodeClient:
    """
    A ROS 2 node that calls the services of flightlog_bucket_node.

    :param is_alive: tells whether it is worth while to wait on
    """

    def __init__(self, is_alive: Callable[[], bool]) -> None:
        self._is_alive = is_alive

    def __enter__(self) -> 'NodeClient':
        self._session = Session().__enter__()
        node = self._session.node
        self._clients = {
            name: self._session.do(partial(node.create_client, kind, f'{NODE}/{name}'))
            for name, kind in _KINDS.items()}
        self._bag_closed = self._session.do(partial(
            node.create_publisher, String, f'{NODE}/bag_closed', QoSProfile(depth=10)))
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._session.__exit__(kind, error, trace)

    def wait_for_node(self, timeout_s: float) -> None:
        """
        Wait until the node serves and listens.

        :raises NoAnswer: it does not within the time, or has ended
        """
        for name, client in self._clients.items():
            self._wait(partial(client.wait_for_service, timeout_sec=_POLL_S), timeout_s,
                       f'{NODE}/{name} is not there')
        self._wait(lambda: self._bag_closed.get_subscription_count() > 0 or _pause(),
                   timeout_s, f'nobody listens to {NODE}/bag_closed')

    def call(self, service: str, request: dict[str, Any], timeout_s: float) -> Any:
        """
        Call a service.

        :param request: the fields
        :raises NoAnswer: none came within the time
        """
        answer = self._session.ask(partial(self._clients[service].call_async,
                                           _KINDS[service].Request(**request)))
        self._wait(lambda: wait_for(answer, _POLL_S), timeout_s,
                   f'{NODE}/{service} did not answer')
        return answer.result()

    def publish_bag_closed(self, path: str) -> None:
        """Say that a recorder has closed this file."""
        self._bag_closed.publish(String(data=path))

    def _wait(self, is_done: Callable[[], bool], timeout_s: float, what: str) -> None:
        for _ in range(max(1, round(timeout_s / _POLL_S))):
            if is_done():
                return
            if not self._is_alive():
                raise NoAnswer(f'{what}: the node has ended')
        raise NoAnswer(f'{what} within {timeout_s:.0f} s')


def _pause() -> bool:
    threading.Event().wait(_POLL_S)
    return False
