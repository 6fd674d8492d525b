"""How ``flightlog`` ends where its streams, its directory or its files are not as they should."""
import argparse
import errno
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

from flightlog_bucket.cli.main import execute
from flightlog_bucket.sandbox.process import package_environment
import pytest

# An empty entry is the current directory, in which no installed command looks for modules.
PROGRAM = ('import sys; sys.path = [path for path in sys.path if path]\n'
           'from flightlog_bucket.cli.main import main; sys.exit(main())')
LOST = 'flightlog: cannot write what was found: '
DIRECT = ('--direct', '--bucket', 'logs', '--machine', 'drone-001', '--session-token-url',
          'http://127.0.0.1:9/')


def flightlog(*words: str, shell: str = '', **options: Any) -> 'subprocess.CompletedProcess[str]':
    """Run the command; ``shell`` is what a shell is told of its streams."""
    command = ['sh', '-c', f'"$@" {shell}', 'sh', sys.executable, '-c', PROGRAM, *words]
    return subprocess.run(command, env=package_environment(), capture_output=True, text=True,
                          **options)


@pytest.mark.parametrize('words', [['--help'], ['list', *DIRECT], ['check', '/no/such.ulg'],
                                   ['upload', '/no/such.ulg', *DIRECT]])
def test_a_closed_stdout_is_told_before_anything_is_done(words: list[str]) -> None:
    ran = flightlog(*words, shell='>&-')
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, '', f'{LOST}stdout is closed\n')


def test_help_into_a_full_disk_is_told() -> None:
    ran = flightlog('--help', shell='> /dev/full')
    assert (ran.returncode, ran.stderr) == (2, f'{LOST}No space left on device\n')


@pytest.mark.parametrize('stderr', ['2>&-', '2> /dev/full'])
@pytest.mark.parametrize('words, code', [
    (['retry'], 2), (['list', '--most', 'x'], 2), (['retry', ''], 1), (['list', *DIRECT], 1)])
def test_without_stderr_the_exit_code_is_the_same(stderr: str, words: list[str],
                                                  code: int) -> None:
    ran = flightlog(*words, shell=stderr, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, '', '')


def test_without_stdin_nobody_can_be_asked() -> None:
    ran = flightlog('delete', 'a', shell='<&-')
    assert ran.returncode == 2
    assert 'nobody can be asked here' in ran.stderr


def test_what_is_closed_gives_its_number_to_no_file(tmp_path: Path) -> None:
    program = ('import os\nfrom flightlog_bucket.cli.streams import own_streams\n'
               'with own_streams():\n'
               f'    fd = os.open({os.fspath(tmp_path / "ledger")!r}, os.O_CREAT | os.O_RDWR)\n'
               'os._exit(fd)')
    ran = subprocess.run(['sh', '-c', '"$@" <&- >&- 2>&-', 'sh', sys.executable, '-c', program],
                         env=package_environment())
    assert ran.returncode >= 3


def test_a_directory_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    gone = tmp_path / 'gone'
    gone.mkdir()
    program = f'import os; os.rmdir({os.fspath(gone)!r})\n{PROGRAM}'
    ran = subprocess.run([sys.executable, '-c', program, 'upload', 'flight.ulg', *DIRECT],
                         env=package_environment(), capture_output=True, text=True, cwd=gone)
    assert ran.returncode == 2
    assert ran.stderr == ('flightlog: the current directory is gone; change to one that is there,'
                          ' or give paths that begin with /\n')


def test_from_a_directory_that_is_gone_whole_paths_will_do(tmp_path: Path) -> None:
    gone = tmp_path / 'gone'
    gone.mkdir()
    program = f'import os; os.rmdir({os.fspath(gone)!r})\n{PROGRAM}'
    ran = subprocess.run(
        [sys.executable, '-c', program, 'upload', '/no/such.ulg', *DIRECT, '--state-directory',
         os.fspath(tmp_path / 'state')],
        env=package_environment(), capture_output=True, text=True, cwd=gone)
    assert ran.returncode == 1
    assert ran.stderr == "flightlog: File not found: there is no '/no/such.ulg'\n"


@pytest.mark.parametrize('error, said', [
    (PermissionError(errno.EACCES, 'Permission denied', '/data/\x1b[2J'),
     '/data/\\x1b[2J: Permission denied'),
    (OSError(errno.EIO, 'Input/output error'), 'Input/output error')])
def test_an_error_of_a_file_is_not_one_of_the_output(
        error: OSError, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run(arguments: argparse.Namespace) -> int:
        raise error
    assert execute(argparse.Namespace(run=run)) == 2
    assert capsys.readouterr().err == f'flightlog: {said}\n'


def test_ctrl_c_has_its_exit_code_while_modules_are_loaded() -> None:
    program = ('import sys\n'
               'class Pressed:\n'
               '    def find_spec(self, name, path, target=None):\n'
               '        if name == "argparse" or name.startswith("flightlog_bucket.cli.e"):\n'
               '            raise KeyboardInterrupt\n'
               'from flightlog_bucket.cli.main import main\n'
               'sys.meta_path.insert(0, Pressed())\n'
               'sys.exit(main(["list"]))')
    ran = subprocess.run([sys.executable, '-c', program], env=package_environment(),
                         capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, '')
