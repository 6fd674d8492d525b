"""What talks to the node in the tests: one rclpy node, spun by a thread."""
from collections.abc import Callable
from functools import partial
import threading
import time
from types import TracebackType
from typing import Any, Optional, TypeVar

from flightlog_bucket.cli.over_ros.session import Session
from rcl_interfaces.srv import GetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from support.expect import wait_until

WAIT_S = 30.0
LOST_S = 20.0  # after it, an answer is not on its way any more
MEET_S = 0.5
ANSWERS = 1000  # that may come at once; with the default of 10, the others are lost
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)
_T = TypeVar('_T')


class RosClient:
    """
    Calls services and publishes.

    ``spin_until_future_complete`` again and again leaks tasks in some distributions: a thread
    spins, and futures tell. What is made and destroyed is so by that thread, see ``do``.
    """

    def __init__(self) -> None:
        self._session = Session().__enter__()
        self.node = self._session.node
        self._clients: dict[str, Any] = {}
        self._greeters: list[Any] = []
        self._publishers: dict[str, Any] = {}

    def __enter__(self) -> 'RosClient':
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._session.__exit__(kind, error, trace)

    def do(self, call: Callable[[], _T]) -> _T:
        """Let the thread that spins do something short, and wait for it."""
        return self._session.do(call)

    def begin(self, kind: Any, name: str = '', **fields: Any) -> 'Answer':
        """Call a service of the node; the answer comes later."""
        name = name or f'/flightlog_bucket/{kind.__name__.lower()}'
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.do(partial(
                self.node.create_client, kind, name, qos_profile=QoSProfile(depth=ANSWERS)))
            self.meet(name.rpartition('/')[0])
        assert client.wait_for_service(timeout_sec=WAIT_S), name
        request = kind.Request(**fields)
        return self.do(lambda: Answer(client.call_async(request)))

    def call(self, kind: Any, name: str = '', **fields: Any) -> Any:
        """Call a service of the node and wait for the answer."""
        answers = [self.begin(kind, name, **fields)]
        if not answers[0].is_there_within(LOST_S):
            # That to a client which the node has not met yet gets lost in DDS at times, e.g. of a
            # node that was started again.
            answers.append(self.begin(kind, name, **fields))
            assert any(a.is_there_within(WAIT_S / 2) for a in reversed(answers)), 'no answer'
        return next(answer for answer in answers if answer.is_there()).get()

    def meet(self, node: str) -> None:
        """
        Wait until a node has heard of all that was made here, so that no answer of it gets lost.

        It hears of that in the order in which it was made, and has when it answers what was made
        last. A killed node, which the middleware takes for alive for some time, does not answer.

        :param node: its whole name
        """
        greeter = self.do(partial(
            self.node.create_client, GetParameters, f'{node}/get_parameters'))
        self._greeters.append(greeter)
        assert greeter.wait_for_service(timeout_sec=WAIT_S), node
        arrived, deadline_s = threading.Event(), time.monotonic() + WAIT_S
        while not arrived.is_set():
            assert time.monotonic() < deadline_s, f'no answer of {node}'
            self.do(lambda: greeter.call_async(GetParameters.Request()).add_done_callback(
                lambda _: arrived.set()))
            arrived.wait(MEET_S)

    def publish(self, kind: Any, topic: str, **fields: Any) -> None:
        """Publish, as soon as somebody listens."""
        publisher = self._publishers.get(topic)
        if publisher is None:
            publisher = self._publishers[topic] = self.do(partial(
                self.node.create_publisher, kind, topic, RELIABLE))
            self.meet(topic.rpartition('/')[0])
        wait_until(publisher.get_subscription_count, WAIT_S)
        publisher.publish(kind(**fields))

    def forget(self) -> None:
        """Destroy all clients, so that the next node is not mistaken for the one before."""
        def destroy() -> None:
            for client in (*self._clients.values(), *self._greeters):
                self.node.destroy_client(client)
            for publisher in self._publishers.values():
                self.node.destroy_publisher(publisher)
        self.do(destroy)
        self._clients.clear()
        self._greeters.clear()
        self._publishers.clear()


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
