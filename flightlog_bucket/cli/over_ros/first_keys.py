"""The first keys of a listing, for a shell that waits."""
from collections.abc import Sequence
from concurrent.futures import Future
import time
from typing import Any

from flightlog_bucket.cli.over_ros.finding import Graph
from flightlog_bucket.cli.over_ros.session import Session, wait_for
from flightlog_bucket.srv import List

_MOST_KEYS = 200
_ASK_AGAIN_S = 0.15


def ask(wanted: str, within_s: float) -> Sequence[str]:
    """
    Return the first keys; empty: they did not come.

    :param wanted: the name of the node; empty: the first one that is seen
    :param within_s: seconds
    :raises NotReachable: there is no node, or several
    """
    deadline_s = time.monotonic() + within_s
    with Session() as session:
        name = Graph(session.node).find(wanted, within_s, '', is_hurried=True)
        client = session.do(lambda: session.node.create_client(List, f'{name}/list'))
        answers: list[Future[Any]] = []
        # What a node has not noticed yet, it answers into the void.
        while time.monotonic() < deadline_s:
            answers.append(session.ask(
                lambda: client.call_async(List.Request(max_keys=_MOST_KEYS))))
            wait_for(answers[-1], _ASK_AGAIN_S)
            for answer in answers:
                if answer.done():
                    return [file.key for file in answer.result().files]
    return ()
