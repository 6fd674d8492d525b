"""Which node is meant, and whether it is there."""
from collections.abc import Callable
import os
import threading
import time
from typing import Any

from flightlog_bucket.cli.backend import NotReachable

INFO = 'flightlog_bucket/srv/Info'
_POLL_S = 0.05
# A second node may be found a little later than the first, and later on a busy computer.
_SETTLE_S = 0.5
_KNOWN_S = 2.0
# Every node publishes it, so it tells two lives of a node apart.
_EVERY_NODE_HAS = '/parameter_events'


def find(node: Any, wanted: str, timeout_s: float, or_direct: str) -> str:
    """
    Return the fully qualified name of the node that is meant.

    :param node: of this process
    :param wanted: its name; empty: the only one that there is
    :param or_direct: what else to do, for the error
    :raises NotReachable: it is not there within the time, or there are several
    """
    wanted = wanted and f'/{wanted.strip("/")}'
    began_s = time.monotonic()
    if not _until(lambda: _is_found(node, wanted), timeout_s):
        raise NotReachable(503, _none_text(names(node), wanted, timeout_s) + or_direct)
    if wanted:
        return wanted
    took_s = time.monotonic() - began_s
    threading.Event().wait(max(took_s, _SETTLE_S - took_s))
    found = check_is_only(node)
    if not found:
        raise NotReachable(503, _none_text(found, wanted, timeout_s) + or_direct)
    return found[0]


def check_is_only(node: Any) -> list[str]:
    """
    Return the names of all nodes of flightlog_bucket, which are at most one.

    :raises NotReachable: there are several
    """
    found = names(node)
    if len(found) > 1:
        raise NotReachable(409, f'there are several nodes: {", ".join(found)}; say which with'
                           ' --node')
    return found


def names(node: Any) -> list[str]:
    """Return the names of all nodes of flightlog_bucket that are seen now."""
    return sorted(name.rpartition('/')[0] for name, kinds in node.get_service_names_and_types()
                  if INFO in kinds and name.endswith('/info'))


class Presence:
    """
    Tells whether a node still lives.

    One that is started anew under the same name is another one: it knows nothing of what the
    first was asked for.

    :param node: of this process
    :param name: fully qualified, of the other node
    """

    def __init__(self, node: Any, name: str) -> None:
        self._node = node
        self._namespace, _, self._name = name.rpartition('/')
        self._known: set[bytes] = set()

    def is_there(self) -> bool:
        """Tell whether it is there, as far as is known."""
        if not self._is_known():
            return f'{self._namespace}/{self._name}' in names(self._node)
        return bool(self._known & self._seen())

    def wait_until_known(self) -> None:
        """Wait until this life of it can be told from another one, or for some time."""
        _until(self._is_known, _KNOWN_S)

    def _is_known(self) -> bool:
        if not self._known:
            self._known = self._seen()
        return bool(self._known)

    def _seen(self) -> set[bytes]:
        return {bytes(found.endpoint_gid)
                for found in self._node.get_publishers_info_by_topic(_EVERY_NODE_HAS)
                if (found.node_namespace.rstrip('/'), found.node_name) == (
                    self._namespace, self._name)}


def _is_found(node: Any, wanted: str) -> bool:
    found = names(node)
    return wanted in found if wanted else bool(found)


def _until(is_done: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() >= deadline_s:
            return False
        threading.Event().wait(_POLL_S)
    return True


def _none_text(found: list[str], wanted: str, timeout_s: float) -> str:
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    if wanted and found:
        return f'there is no node {wanted}; there is {", ".join(found)}'
    return (f'there is no node {wanted or "flightlog_bucket"} within {timeout_s:g} s'
            f' (ROS_DOMAIN_ID {domain}); start it with "ros2 launch flightlog_bucket'
            ' flightlog_bucket.launch.py"')
