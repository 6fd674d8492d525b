"""What the sandbox tells a person to type."""
from pathlib import Path
import sys

from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.sandbox.introduction import flightlog_command, introduction
from flightlog_bucket.sandbox.page_port import NO_PAGE, PagePlace
import pytest


class Served(Sandbox):
    """A sandbox that needs not run to be told of."""

    endpoint_url = 'http://127.0.0.1:1'
    session_token_url = 'http://127.0.0.1:2/session-token'


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the programs of a virtual environment that runs this, and is not activated."""
    programs = tmp_path / 'my checkout' / '.venv' / 'bin'
    programs.mkdir(parents=True)
    for name in ('python', 'flightlog'):
        (programs / name).symlink_to('/bin/true')
    monkeypatch.setattr(sys, 'executable', str(programs / 'python'))
    monkeypatch.setattr(sys, 'prefix', str(programs.parent))
    monkeypatch.setattr(sys, 'base_prefix', '/usr')
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return programs


def told(*, with_node: bool = True, page: PagePlace = NO_PAGE) -> list[str]:
    return introduction(Served(), {'bucket_name': 'b'}, with_node=with_node,
                        page=page).splitlines()


def test_the_program_of_this_environment_is_named(
        environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flightlog_command() == "'my checkout/.venv/bin/flightlog'"
    monkeypatch.chdir(environment.parents[1])
    assert flightlog_command() == '.venv/bin/flightlog'
    assert 'Then, in another terminal, in this folder:' in told()
    assert '  .venv/bin/flightlog upload /path/to/flight.ulg' in told()


def test_from_elsewhere_the_path_is_whole(
        environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = environment.parents[2] / 'elsewhere'
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert flightlog_command() == f"'{environment.resolve()}/flightlog'"
    assert 'Then, in another terminal:' in told()


def test_without_an_environment_it_is_the_one_on_the_path(
        environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'prefix', '/usr')
    assert flightlog_command().endswith(' -m flightlog_bucket.cli.main')
    monkeypatch.setenv('PATH', str(environment))
    assert flightlog_command() == 'flightlog'


@pytest.mark.parametrize(('domain', 'is_told'), [('', False), ('0', False), ('42', True)])
def test_the_other_terminal_needs_the_domain_too(
        monkeypatch: pytest.MonkeyPatch, domain: str, is_told: bool) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', domain)
    assert ('  export ROS_DOMAIN_ID=42' in told()) is is_told
    assert any('ROS_DOMAIN_ID' in line for line in told()) is is_told


def test_the_node_is_told_of_where_there_is_none() -> None:
    assert not any('ros2 run' in line for line in told())
    lines = told(with_node=False)
    assert lines.index('  ros2 run flightlog_bucket flightlog_bucket_node --ros-args \\') \
        < next(number for number, line in enumerate(lines) if ' upload ' in line)


def test_the_page_is_told_of_or_why_there_is_none() -> None:
    assert not any(line.startswith('page ') for line in told())
    assert 'page            http://127.0.0.1:8080/  (and the REST API)' in told(
        page=PagePlace(8080))
    assert 'page            none: fastapi is not installed' in told(
        page=PagePlace(0, 'fastapi is not installed'))


def test_a_missing_ros2_is_said(environment: Path) -> None:
    assert any(line.endswith('it is not installed here:') for line in told())
    (environment.parents[2] / 'ros2').symlink_to('/bin/true')
    assert not any(line.endswith('it is not installed here:') for line in told())
