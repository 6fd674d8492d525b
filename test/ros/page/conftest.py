"""The fixtures of the tests of the page for the field."""
from collections.abc import Callable, Iterator
from typing import Any

from flightlog_bucket.sandbox import Sandbox
from page_visit import Visit
import pytest
from robot import Robot
from support.browser import browser, Visitor
from support.fault_proxy import FaultProxy
from support.http_client import HttpClient
from support.objects import digests


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    """Return a browser."""
    with browser() as running:
        yield running


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: FaultProxy, port: int) -> dict[str, Any]:
    """Return those of a node with a page, whose way to S3 can be broken."""
    return {**parameters, 'endpoint_url': proxy.url, 'http_port': port, 'request_timeout': 8}


@pytest.fixture
def http(robot: Robot, port: int) -> HttpClient:
    """Return a client of a node that serves the page."""
    robot.switch_on().serving()
    return HttpClient(port).serving()


@pytest.fixture
def visitor(chromium: Any, port: int) -> Iterator[Visitor]:
    """Return somebody with a browser."""
    with Visitor(chromium, port) as one:
        yield one


@pytest.fixture
def visit(http: HttpClient, visitor: Visitor) -> Visit:
    """Return the page of a node, which is live."""
    return Visit(visitor.open_live())


@pytest.fixture
def objects(sandbox: Sandbox, robot: Robot) -> Callable[[], dict[str, str]]:
    """Return what tells the digests of the objects of the robot, by key."""
    return lambda: digests(sandbox.admin_client(), sandbox.bucket_name, robot.machine_prefix)

