"""``ros2 flightlog``: what ros2cli is given; ros2cli itself is no wheel, and stood in for."""
import argparse
import configparser
from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType
from typing import Any

import pytest
from support.logs import write_log

ROOT = Path(__file__).resolve().parents[2]
GROUP = 'ros2cli.command'


class StandIn:
    """The base class of ros2cli, as far as its contract goes."""

    NAME = None
    EXTENSION_POINT_VERSION = '0.1'


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what the entry point leads to."""
    package, module = ModuleType('ros2cli'), ModuleType('ros2cli.command')
    module.CommandExtension = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'ros2cli', package)
    monkeypatch.setitem(sys.modules, 'ros2cli.command', module)
    name, _, attribute = entry_points()['flightlog'].partition(':')
    monkeypatch.delitem(sys.modules, name, raising=False)
    found = getattr(import_module(name), attribute)()
    monkeypatch.delitem(sys.modules, name)
    return found


def entry_points() -> dict[str, str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options.entry_points'][GROUP].strip().splitlines()
    return {name.strip(): value.strip() for name, _, value in (
        line.partition('=') for line in lines)}


def parse(command: Any, *words: str) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    # As ros2cli does: subparsers of its own, in which this is one.
    parser = argparse.ArgumentParser(prog='ros2')
    mine = parser.add_subparsers(dest=' _command').add_parser('flightlog')
    command.add_arguments(mine, 'ros2 flightlog')
    return parser, parser.parse_args(['flightlog', *words])


def test_it_runs_the_subcommands(command: Any, tmp_path: Path,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path / 'flight.ulg')
    parser, arguments = parse(command, 'check', str(log), str(tmp_path / 'missing.ulg'))
    assert command.main(parser=parser, args=arguments) == 1
    said = capsys.readouterr().out
    assert f'{log}: valid' in said
    assert 'missing.ulg: unreadable' in said


def test_it_has_every_subcommand_of_flightlog(command: Any) -> None:
    from flightlog_bucket.cli.main import add_subcommands
    parser = argparse.ArgumentParser()
    add_subcommands(parser)
    mine = argparse.ArgumentParser()
    command.add_arguments(mine, 'ros2 flightlog')
    assert mine.format_help() == parser.format_help()
    assert 'upload' in mine.format_help()


def test_wrong_usage_ends_with_2(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(command, 'chekc')
    assert caught.value.code == 2
    assert 'usage: ros2 flightlog' in capsys.readouterr().err


def test_it_is_described_in_one_line(command: Any) -> None:
    # ros2cli shows the first line of the class in the list of its commands.
    assert command.__doc__.splitlines()[0].strip()


def test_colcon_installs_the_same_entry_point() -> None:
    written = (ROOT / 'CMakeLists.txt').read_text().replace('${PROJECT_NAME}', 'flightlog_bucket')
    (value,) = entry_points().values()
    assert f'{GROUP} =\n    flightlog = {value}\n' in written
