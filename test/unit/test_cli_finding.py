"""Which node is meant: names, quiet graphs, and nodes of one name."""
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Optional

from flightlog_bucket.cli import over_ros
from flightlog_bucket.cli.backend import NotReachable, Step
from flightlog_bucket.cli.over_ros.finding import Graph, INFO, QUIET_S
from flightlog_bucket.cli.over_ros.last_news import LastNews
import pytest

A, B = '/a/flightlog_bucket', '/b/flightlog_bucket'


class World:
    """A graph of nodes that come at their times."""

    def __init__(self, *nodes: tuple[float, str]) -> None:
        self.now_s = 0.0
        self._nodes = nodes

    def clock(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def graph(self) -> Graph:
        return Graph(self, clock=self.clock, wait=self.wait)

    def get_service_names_and_types(self) -> list[tuple[str, list[str]]]:
        return [(f'{name}/info', [INFO]) for name in sorted(set(self._seen()))]

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        assert topic == '/parameter_events'
        return [SimpleNamespace(
            endpoint_gid=[number], node_namespace=name.rpartition('/')[0] or '/',
            node_name=name.rpartition('/')[2]) for number, name in enumerate(self._seen())]

    def _seen(self) -> list[str]:
        return [name for at_s, name in self._nodes if self.now_s >= at_s]


def found(world: World, wanted: str = '', **more: Any) -> str:
    return world.graph().find(wanted, 10.0, ', or else', **more)


def refused(call: Callable[[], object]) -> NotReachable:
    with pytest.raises(NotReachable) as caught:
        call()
    return caught.value


@pytest.mark.parametrize('at_s', [0.0, 3.0, 9.9])
def test_the_only_node_is_found_however_late(at_s: float) -> None:
    world = World((at_s, A))
    assert found(world) == A
    assert world.now_s <= at_s + 2.5


@pytest.mark.parametrize('wanted', [A, 'a/flightlog_bucket'])
def test_a_named_one_is_not_waited_for_longer_than_needed(wanted: str) -> None:
    world = World((0, B), (1, A))
    assert found(world, wanted) == A
    assert world.now_s == pytest.approx(1, abs=0.1)


def test_none_is_told_with_what_to_do() -> None:
    error = refused(lambda: found(World((11, A))))
    assert error.status == 503
    assert 'no node flightlog_bucket within 10 s' in str(error)
    assert str(error).endswith(', or else')
    assert f'no node {A}; there is {B}' in str(refused(lambda: found(World((0, B)), A)))


@pytest.mark.parametrize('later_s', [0.0, 0.3, 0.45])
def test_several_are_told(later_s: float) -> None:
    error = refused(lambda: found(World((1, A), (1 + later_s, B))))
    assert error.status == 409
    assert f'several nodes: {A}, {B}' in str(error)
    assert 'FLIGHTLOG_NODE' in str(error)


@pytest.mark.parametrize('later_s', [0.6, 1.4, 2.0, 3.5])
def test_one_that_comes_a_little_later_is_noticed_before_a_change(later_s: float) -> None:
    world = World((0, A), (later_s, B))
    graph = world.graph()
    assert graph.find('', 10.0, '') == A
    graph.wait_until_quiet()
    assert refused(graph.check_is_only).status == 409


def test_a_graph_is_quiet_when_nothing_has_changed_for_some_time() -> None:
    world = World((0, A), (1, '/x/other'), (4, '/y/other'))
    world.graph().wait_until_quiet()
    assert world.now_s == pytest.approx(4 + QUIET_S, abs=0.2)
    busy = World((0, A), *((n / 2, f'/x{n}/other') for n in range(100)))
    busy.graph().wait_until_quiet()
    assert busy.now_s < 7


@pytest.mark.parametrize('wanted', ['', A])
def test_two_nodes_of_one_name_are_told_apart(wanted: str) -> None:
    error = refused(lambda: found(World((0, A), (0, A)), wanted))
    assert error.status == 409
    assert f'two nodes are called {A}; give them namespaces' in str(error)


def test_a_shell_gets_the_first_one_at_once() -> None:
    world = World((0, A), (0.3, B))
    assert found(world, is_hurried=True) == A
    assert world.now_s == 0


@pytest.mark.parametrize('given, words, node', [
    (None, [], ''), ('/a/n', [], '/a/n'), ('/a/n', ['--node', '/b/n'], '/b/n')])
def test_the_environment_may_name_the_node(
        monkeypatch: pytest.MonkeyPatch, given: Optional[str], words: list[str],
        node: str) -> None:
    import argparse
    monkeypatch.delenv('FLIGHTLOG_NODE', raising=False)
    if given:
        monkeypatch.setenv('FLIGHTLOG_NODE', given)
    parser = argparse.ArgumentParser()
    over_ros.add_options(parser)
    parsed = parser.parse_args(words)
    assert (parsed.node, parsed.timeout) == (node, 10.0)
    assert 'FLIGHTLOG_NODE' in parser.format_help()


def test_a_silent_upload_is_asked_for_again_and_ever_less_often() -> None:
    now_s, told, asked = 0.0, [], []
    news = LastNews(told.append, lambda: now_s)
    step = Step('uploading', 1, 2, 0.0, None)
    while now_s < 60:
        if news.is_silent():
            asked.append(now_s)
        now_s += 0.25
    assert asked == [3, 9, 21, 41]
    news.step(step)
    assert told == [step]
    assert not news.is_silent()
    now_s += 3
    assert news.is_silent()
