"""``flightlog``: its help, wrong usage, and what it loads."""
import argparse
import subprocess
import sys

from flightlog_bucket.cli.backend import Failure, NotReachable
from flightlog_bucket.cli.main import add_subcommands, execute, main
from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.sandbox.process import package_environment
import pytest

COMMANDS = ('upload', 'list', 'download', 'delete', 'info', 'queue', 'retry', 'pause', 'resume',
            'watch', 'check')
PROGRAM = 'import sys; from flightlog_bucket.cli.main import main; sys.exit(main())'


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_examples_and_exit_codes(
        command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f'  flightlog {command}' in out[out.index('examples:'):]
    codes = out[out.index('exit code:'):]
    assert all(f'\n  {code} ' in codes for code in (0, 1, 2, 130, 141))
    assert ('--direct' in out) == (
        command in ('upload', 'list', 'download', 'delete', 'info'))
    assert ('--node' in out) == (command != 'check')
    lines = out[:out.index('examples:')].splitlines()
    assert command == 'check' or all(len(line) <= 100 for line in lines)


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--help'])
    out = capsys.readouterr().out
    assert all(f'    {command} ' in out for command in COMMANDS)


@pytest.mark.parametrize('arguments', [
    ['upload'], ['download'], ['delete'], ['queue', '--state', 'lost'],
    ['queue', '--all', '--state', 'stored'], ['list', '--most', '0'], ['list', '--most', 'x'],
    ['list', '--most', '1.5'], ['nothing\x1b[2J'],
    ['info', '--timeout', '0'], ['info', '--timeout', 'nan'], ['info', '--timeout', 'inf'],
    ['pause', 'now'], ['queue', '--direct']])
def test_what_cannot_be_meant_is_2(arguments: list[str],
                                   capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith('usage: flightlog')
    assert '_count' not in err
    assert '\x1b' not in err


@pytest.mark.parametrize('arguments, words', [
    (['upload', 'a.ulg', 'b.ulg', '--name', 'c.ulg'], '--name is for one file'),
    (['upload', '--direct', '--enqueue', 'a.ulg'], '--enqueue takes a node'),
    (['download', 'a/1.ulg', 'a/2.ulg', '-o', '/no/such'], 'is no directory'),
    (['download', 'a/1.ulg', '-o', '/no/such/'], 'is no directory here; make it first'),
    (['download', 'a/1.ulg', '-o', ''], '-o is empty'),
    (['upload', '--name', '', 'a.ulg'], '--name is empty'),
    (['upload', '--name', ' ', 'a.ulg'], '--name is empty'),
    (['delete', 'a'], 'give --yes'), (['retry'], 'give files, or --all'),
    (['retry', '--all', 'a.ulg'], 'give files, or --all')])
def test_what_contradicts_itself_is_2(arguments: list[str], words: str,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    [line] = err.splitlines()
    assert (out, line.startswith(f'flightlog {arguments[0]}: ')) == ('', True)
    assert words in line
    assert f'flightlog {arguments[0]} --help' in line


@pytest.mark.parametrize('error, code', [
    (Failure(404, 'gone\x1b[2J'), 1), (NotReachable(503, 'nobody\x1b[2J'), 2),
    (ConfigurationError('wrong\x1b[2J'), 2), (KeyboardInterrupt(), 130)])
def test_every_end_has_its_code(error: BaseException, code: int,
                                capsys: pytest.CaptureFixture[str]) -> None:
    def run(arguments: argparse.Namespace) -> int:
        raise error
    assert execute(argparse.Namespace(run=run)) == code
    err = capsys.readouterr().err
    assert '\x1b' not in err
    assert bool(err) == (code != 130)


def test_another_program_can_take_the_commands() -> None:
    parser = argparse.ArgumentParser(prog='ros2 flightlog')
    add_subcommands(parser)
    arguments = parser.parse_args(['list', '20250727', '-n', '3'])
    assert (arguments.prefix, arguments.most, arguments.command_name) == (
        '20250727', 3, 'ros2 flightlog list')


@pytest.mark.parametrize('arguments', [['--help'], ['upload', '--help'], ['retry']])
def test_what_needs_no_node_loads_nothing_heavy(arguments: list[str]) -> None:
    code = ('import atexit, sys\natexit.register(lambda: print([n for n in ("rclpy", "rich",'
            ' "boto3", "requests", "argcomplete", "yaml") if n in sys.modules],'
            f' file=sys.stderr))\n{PROGRAM}')
    ran = subprocess.run([sys.executable, '-c', code, *arguments], env=package_environment(),
                         capture_output=True, text=True)
    assert ran.stderr.splitlines()[-1] == '[]'
