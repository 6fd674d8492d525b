"""Which node is meant, and whether it is there."""
from collections.abc import Callable
import os
import time
from typing import Any

from flightlog_bucket.cli.backend import NotReachable

INFO = 'flightlog_bucket/srv/Info'
QUIET_S = 1.5
"""For so long nothing of the graph changes before the only node is taken for the only one."""
_POLL_S = 0.05
# A second node may be found a little later than the first, and later on a busy computer.
_SETTLE_S = 0.5
_MOST_SETTLE_S = 2.0
# Some nodes are noticed two or three seconds after this process began, at once with all they have.
_LEAST_S = 4.0
_MOST_QUIET_S = 6.0
_KNOWN_S = 2.0
# Every node publishes it once, so it tells nodes of one name apart, and two lives of a node.
_EVERY_NODE_HAS = '/parameter_events'


class Graph:
    """
    What is seen of other nodes, and since when it is as it is.

    :param node: of this process
    :param clock: monotonic seconds
    :param wait: sleeps so many seconds
    """

    def __init__(self, node: Any, *, clock: Callable[[], float] = time.monotonic,
                 wait: Callable[[float], object] = time.sleep) -> None:
        self._node = node
        self._clock = clock
        self._wait = wait
        self._seen: tuple[object, ...] = ()
        self._began_s = self._since_s = clock()

    def find(self, wanted: str, timeout_s: float, or_direct: str, *,
             is_hurried: bool = False) -> str:
        """
        Return the fully qualified name of the node that is meant.

        :param wanted: its name; empty: the only one that there is
        :param or_direct: what else to do, for the error
        :param is_hurried: take the first one
        :raises NotReachable: it is not there within the time, or there are several
        """
        wanted = wanted and f'/{wanted.strip("/")}'
        began_s = self._clock()

        def is_found() -> bool:
            found = names(self._node)
            return wanted in found if wanted else bool(found)
        if not self._until(is_found, timeout_s):
            raise NotReachable(503, _none_text(names(self._node), wanted, timeout_s) + or_direct)
        if wanted:
            self.check_is_one(wanted)
            return wanted
        if not is_hurried:
            settle_s = min(max(_SETTLE_S, self._clock() - began_s), _MOST_SETTLE_S)
            self._until(lambda: self._quiet_s() >= settle_s, _MOST_SETTLE_S)
        found = self.check_is_only()
        if not found:
            raise NotReachable(503, _none_text([], wanted, timeout_s) + or_direct)
        return found

    def wait_until_quiet(self) -> None:
        """Wait until nodes neither come nor go, as far as can be waited for."""
        self._until(lambda: self._quiet_s() >= QUIET_S
                    and self._clock() - self._began_s >= _LEAST_S, _MOST_QUIET_S)

    def check_is_only(self) -> str:
        """
        Return the name of the only node of flightlog_bucket; empty: there is none.

        :raises NotReachable: there are several
        """
        found = names(self._node)
        if len(found) > 1:
            raise NotReachable(409, f'there are several nodes: {", ".join(found)}; say which'
                               ' with --node, or with FLIGHTLOG_NODE in the environment')
        for name in found:
            self.check_is_one(name)
        return ''.join(found)

    def check_is_one(self, name: str) -> None:
        """
        Check that a name is that of one node.

        :param name: fully qualified
        :raises NotReachable: several have it
        """
        count = len(lives_of(self._node, name))
        if count > 1:
            raise NotReachable(409, f'{_count_text(count)} nodes are called {name}; give them'
                               ' namespaces, and say with --node which is meant (one that was'
                               ' killed and started again counts twice for some 20 s)')

    def _quiet_s(self) -> float:
        seen = (*names(self._node), *sorted(
            bytes(found.endpoint_gid)
            for found in self._node.get_publishers_info_by_topic(_EVERY_NODE_HAS)))
        if seen != self._seen:
            self._seen, self._since_s = seen, self._clock()
        return self._clock() - self._since_s

    def _until(self, is_done: Callable[[], bool], timeout_s: float) -> bool:
        deadline_s = self._clock() + timeout_s
        while not is_done():
            if self._clock() >= deadline_s:
                return False
            self._wait(_POLL_S)
        return True


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
        self._name = name
        self._known: set[bytes] = set()

    def is_there(self) -> bool:
        """Tell whether it is there, as far as is known."""
        if not self._is_known():
            return self._name in names(self._node)
        return bool(self._known & lives_of(self._node, self._name))

    def wait_until_known(self) -> None:
        """Wait until this life of it can be told from another one, or for some time."""
        deadline_s = time.monotonic() + _KNOWN_S
        while not self._is_known() and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)

    def _is_known(self) -> bool:
        if not self._known:
            self._known = lives_of(self._node, self._name)
        return bool(self._known)


def names(node: Any) -> list[str]:
    """Return the names of all nodes of flightlog_bucket that are seen now."""
    return sorted(name.rpartition('/')[0] for name, kinds in node.get_service_names_and_types()
                  if INFO in kinds and name.endswith('/info'))


def lives_of(node: Any, name: str) -> set[bytes]:
    """
    Return what tells apart the nodes that are called so, and the lives of each.

    :param node: of this process
    :param name: fully qualified
    """
    namespace, _, base = name.rpartition('/')
    return {bytes(found.endpoint_gid)
            for found in node.get_publishers_info_by_topic(_EVERY_NODE_HAS)
            if (found.node_namespace.rstrip('/'), found.node_name) == (namespace, base)}


def _count_text(count: int) -> str:
    return 'two' if count == 2 else str(count)


def _none_text(found: list[str], wanted: str, timeout_s: float) -> str:
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    if wanted and found:
        return f'there is no node {wanted}; there is {", ".join(found)}'
    return (f'there is no node {wanted or "flightlog_bucket"} within {timeout_s:g} s'
            f' (ROS_DOMAIN_ID {domain}); start it with "ros2 launch flightlog_bucket'
            ' flightlog_bucket.launch.py"')
