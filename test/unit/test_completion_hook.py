"""What bash completes once the environment of the package is sourced."""
import os
from pathlib import Path
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip('argcomplete')

ROOT = Path(__file__).resolve().parents[2]
_BOUND_S = 60.0


class Bash:
    """
    An interactive bash in a terminal of its own.

    :param programs: a folder that is first on the PATH
    """

    def __init__(self, programs: Path) -> None:
        self._master, slave = pty.openpty()
        environment = {
            'PATH': str(programs), 'HOME': str(programs), 'TERM': 'dumb',
            'PS1': '$ ', 'PYTHONPATH': str(ROOT), 'LD_LIBRARY_PATH': os.environ.get(
                'LD_LIBRARY_PATH', '')}
        self._process = subprocess.Popen(
            [str(shutil.which('bash')), '--norc', '--noprofile', '-i'], stdin=slave,
            stdout=slave, stderr=slave, env=environment, cwd=programs, start_new_session=True)
        os.close(slave)

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Type a text, with TAB and Enter as they are."""
        os.write(self._master, text.encode())

    def wait_for(self, words: str) -> str:
        """Return what the terminal showed until these words."""
        shown, until_s = '', time.monotonic() + _BOUND_S
        while words not in shown:
            left_s = max(until_s - time.monotonic(), 0.0)
            assert select.select([self._master], [], [], left_s)[0], shown
            shown += os.read(self._master, 4096).decode(errors='replace')
        return shown


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with flightlog and what argcomplete brings, as an installation has it."""
    if shutil.which('bash') is None:
        pytest.skip('bash is missing')
    folder = tmp_path / 'bin'
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name, words in (
            ('flightlog', '-m flightlog_bucket.cli.main'),
            ('register-python-argcomplete',
             '-m argcomplete.scripts.register_python_argcomplete')):
        (folder / name).write_text(f'#!/bin/sh\nexec {python} {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def test_tab_completes_subcommands_options_and_files(programs: Path) -> None:
    (programs / 'a_flight.ulg').touch()
    bash = Bash(programs)
    try:
        bash.type(f'source {shlex.quote(str(ROOT / "completion" / "flightlog.bash"))}\n')
        bash.type('flightlog che\t')
        bash.wait_for('flightlog check ')
        bash.type('--le\t')
        bash.wait_for('--level ')
        bash.type('str\t')
        bash.wait_for('structure ')
        bash.type('a_f\t')
        bash.wait_for('a_flight.ulg')
    finally:
        bash.close()


def test_files_are_completed_where_argcomplete_is_missing(programs: Path) -> None:
    (programs / 'register-python-argcomplete').unlink()
    (programs / 'a_flight.ulg').touch()
    bash = Bash(programs)
    try:
        bash.type(f'source {shlex.quote(str(ROOT / "completion" / "flightlog.bash"))}\n')
        bash.type('flightlog check a_f\t')
        assert 'not found' not in bash.wait_for('a_flight.ulg')
    finally:
        bash.close()


def test_sourcing_it_starts_nothing(programs: Path) -> None:
    done = subprocess.run(
        ['bash', '--norc', '-c', 'set -eu; PATH=/nowhere; source "$1"; complete -p flightlog',
         'x', str(ROOT / 'completion' / 'flightlog.bash')], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '_flightlog_complete' in done.stdout
