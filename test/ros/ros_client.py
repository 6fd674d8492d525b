"""What talks to the node in the tests: one rclpy node, spun by a thread."""
from contextlib import suppress
import threading
from types import TracebackType
from typing import Any, Optional

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

WAIT_S = 30.0
ANSWERS = 1000  # that may come at once; with the default of 10, the others are lost
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)


class RosClient:
    """
    Calls services and publishes.

    ``spin_until_future_complete`` again and again leaks tasks in some distributions: a thread
    spins, and futures tell.
    """

    def __init__(self) -> None:
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self.node = Node('test_client', context=self._context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        self._publishers: dict[str, Any] = {}
        self._spinner = threading.Thread(target=self._spin, daemon=True)
        self._spinner.start()

    def __enter__(self) -> 'RosClient':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        rclpy.shutdown(context=self._context)
        self._spinner.join(WAIT_S)

    def begin(self, kind: Any, name: str = '', **fields: Any) -> 'Answer':
        """Call a service of the node; the answer comes later."""
        name = name or f'/flightlog_bucket/{kind.__name__.lower()}'
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(
                kind, name, qos_profile=QoSProfile(depth=ANSWERS))
        assert client.wait_for_service(timeout_sec=WAIT_S), name
        return Answer(client.call_async(kind.Request(**fields)))

    def call(self, kind: Any, name: str = '', **fields: Any) -> Any:
        """Call a service of the node and wait for the answer."""
        return self.begin(kind, name, **fields).get()

    def publish(self, kind: Any, topic: str, **fields: Any) -> None:
        """Publish, as soon as somebody listens."""
        publisher = self._publishers.get(topic)
        if publisher is None:
            publisher = self.node.create_publisher(kind, topic, RELIABLE)
            self._publishers[topic] = publisher
        matched = threading.Event()
        timer = self.node.create_timer(
            0.01, lambda: matched.set() if publisher.get_subscription_count() else None)
        try:
            assert matched.wait(WAIT_S), topic
        finally:
            self.node.destroy_timer(timer)
        publisher.publish(kind(**fields))

    def forget(self) -> None:
        """Destroy all clients, so that the next node is not mistaken for the one before."""
        for client in self._clients.values():
            self.node.destroy_client(client)
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._clients.clear()
        self._publishers.clear()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()


class Answer:
    """An answer that is on its way."""

    def __init__(self, future: Any) -> None:
        self._future = future
        self._arrived = threading.Event()
        future.add_done_callback(lambda _: self._arrived.set())

    def is_there(self) -> bool:
        """Tell whether it has come."""
        return self._arrived.is_set()

    def is_there_within(self, timeout_s: float) -> bool:
        """Wait for it; tell whether it has come."""
        return self._arrived.wait(timeout_s)

    def get(self, timeout_s: float = WAIT_S) -> Any:
        """Wait for it."""
        assert self._arrived.wait(timeout_s), 'no answer'
        return self._future.result()
