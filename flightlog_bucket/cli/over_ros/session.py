"""A ROS 2 node of this process, for as long as a command takes."""
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import suppress
import os
from types import TracebackType
from typing import Any, Optional, TypeVar
import uuid

from flightlog_bucket.cli.backend import Failure, NotReachable
from flightlog_bucket.ros.spinning import Spinning
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

_DO_S = 10.0
_JOIN_S = 2.0
_T = TypeVar('_T')


class Session:
    """
    Spins a node in a thread. Its methods may be called by any other thread.

    :raises NotReachable: from ``with``: ROS 2 cannot start
    """

    def __enter__(self) -> 'Session':
        self._context = Context()
        try:
            # Without the log file that a node has: what is to be told is told here.
            self._context.init(args=[], initialize_logging=False)
            # Hidden, as the nodes of the command ros2 are.
            self.node = Node(
                f'_flightlog_{os.getpid()}_{uuid.uuid4().hex[:8]}', context=self._context,
                use_global_arguments=False, enable_rosout=False, start_parameter_services=False)
        except RuntimeError as error:  # all that rcl raises
            raise NotReachable(503, f'ROS 2 cannot start: {" ".join(str(error).split())}'
                               ) from None
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._spinning = Spinning(self._executor, on_failure=lambda: None)  # ``do`` says so
        self._spinning.begin()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        # In this order: a shutdown in the midst of a turn makes that turn raise.
        self._spinning.end(_JOIN_S)
        self._context.try_shutdown()

    def do(self, call: Callable[[], _T]) -> _T:
        """
        Let the thread that runs the callbacks do something short, and wait for it.

        What clients of ROS 2 keep is not safe from two threads in every distribution: an answer
        that comes at once would be dropped as an unknown one, and what is destroyed while the
        other thread is about to wait for it makes that one raise.

        :raises Failure: it did not come to it in time
        """
        outcome = Future[_T]()

        def run() -> None:
            try:
                outcome.set_result(call())
            except BaseException as error:
                outcome.set_exception(error)
        self._executor.create_task(run)
        if not wait_for(outcome, _DO_S):
            raise Failure(503, f'ROS 2 does not react within {_DO_S:.0f} s')
        return outcome.result()

    def ask(self, begin: Callable[[], Any],
            again: 'Optional[Future[Any]]' = None) -> 'Future[Any]':
        """
        Begin what is answered later, and return its answer to come.

        :param begin: returns the future of rclpy
        :param again: the answer of before, where this asks once more; the first one counts
        """
        answer = Future[Any]() if again is None else again
        self.do(lambda: begin().add_done_callback(lambda done: _settle(answer, done)))
        return answer


def wait_for(answer: 'Future[_T]', seconds: float) -> bool:
    """Wait for an answer for so long; return whether it is there."""
    with suppress(NotDone):
        answer.exception(seconds)
    return answer.done()


def _settle(answer: 'Future[Any]', done: Any) -> None:
    if answer.done():  # all come in the thread that spins
        return
    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    else:
        answer.set_exception(error)
