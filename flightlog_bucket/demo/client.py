"""The services of the node, called as any ROS 2 program calls them."""
from collections.abc import Callable
from contextlib import suppress
from functools import partial
import threading
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket.srv import Delete, Download, Info, List, Upload
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

NODE = '/flightlog_bucket'
_KINDS = {'upload': Upload, 'list': List, 'download': Download, 'delete': Delete, 'info': Info}
_POLL_S = 0.2
_JOIN_TIMEOUT_S = 5.0


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
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('flightlog_bucket_demo')
        self._clients = {name: self._node.create_client(kind, f'{NODE}/{name}')
                         for name, kind in _KINDS.items()}
        self._bag_closed = self._node.create_publisher(
            String, f'{NODE}/bag_closed', QoSProfile(depth=10))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._spinning = threading.Thread(target=self._spin, name='spin', daemon=True)
        self._spinning.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._executor.shutdown(timeout_sec=_JOIN_TIMEOUT_S)
        rclpy.try_shutdown()
        self._spinning.join(_JOIN_TIMEOUT_S)

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
        future = self._clients[service].call_async(_KINDS[service].Request(**request))
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        self._wait(lambda: done.wait(_POLL_S), timeout_s, f'{NODE}/{service} did not answer')
        return future.result()

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

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):  # how __exit__ ends it
            self._executor.spin()


def _pause() -> bool:
    threading.Event().wait(_POLL_S)
    return False
