"""Where the pictures are taken: a folder with logs, and the commands that are typed in it."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
import re
import shlex
import subprocess
import sys

from rich.style import Style
from rich.text import Text
from tools.pictures.terminal import Terminal

COLUMNS, ROWS = 96, 30
# A folder of a robot, as long as the temporary one that stands for it here.
SHOWN_DIRECTORY = '/data/flights'
TIMEOUT_S = 60.0
_PROMPT = Style(bold=True)
_COMMAND = (sys.executable, '-m', 'flightlog_bucket.cli.main')
_PATH = re.compile(r'(?<![\w.~-])/[^\s\'",;()]*')
_SHOWN = re.compile(rf'{SHOWN_DIRECTORY}(?![^/])')
# The node, and what is in the logs; they are no files.
_ROS_NAMES = ('/flightlog_bucket', '/mavros/')


class NotAsExpected(Exception):
    """A command did not do what is to be shown; its message says what it did."""


class Desk:
    """
    A folder with logs, in which commands are run.

    :param directory: the folder
    :param environment: of the programs
    :param page_url: of the page for the field, if there is one
    """

    def __init__(self, directory: Path, environment: Mapping[str, str],
                 page_url: str = '') -> None:
        self.directory = directory
        self.page_url = page_url
        self._environment = environment

    def run(self, *words: str, code: int = 0) -> None:
        """
        Run a subcommand that nobody sees.

        :param code: the exit code that it must end with
        :raises NotAsExpected: it ends with another one
        """
        with self.background(*words, code=code):
            pass

    @contextmanager
    def background(self, *words: str, code: int = 0) -> Iterator[None]:
        """Run a subcommand that nobody sees while something else is done; as ``run`` else."""
        with subprocess.Popen([*_COMMAND, *words], cwd=self.directory, env=self._environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace') as process:
            try:
                yield
                said = process.communicate(timeout=TIMEOUT_S)[0]
            finally:
                process.kill()
        _demand(words, process.returncode, code, said)

    @contextmanager
    def terminal(self, *words: str, code: int = 0) -> Iterator[Terminal]:
        """Run a subcommand on a terminal, and wait for its end; as ``run`` else."""
        with Terminal([*_COMMAND, *words], columns=COLUMNS, rows=ROWS,
                      environment=self._environment, directory=str(self.directory)) as running:
            yield running
            _demand(words, running.wait_for_end(TIMEOUT_S), code, running.text)

    def shown(self, *words: str, code: int = 0) -> list[Text]:
        """Return what a subcommand shows from its line to its end; as ``run`` else."""
        with self.terminal(*words, code=code) as running:
            running.wait_for_end(TIMEOUT_S)
            return [self.prompt(*words), *self.lines(running)]

    def lines(self, running: Terminal) -> list[Text]:
        """
        Return what stands on a terminal, as a robot has it.

        :raises NotAsExpected: there are other paths in it than a robot has
        """
        lines = [_replaced(line, str(self.directory), SHOWN_DIRECTORY) for line in running.lines()]
        found = foreign_paths('\n'.join(line.plain for line in lines))
        if found:
            raise NotAsExpected(f'{", ".join(found)}: paths of this computer are shown:\n'
                                + running.text)
        return lines

    def prompt(self, *words: str) -> Text:
        """Return the line that a person types."""
        return Text('$ ' + shlex.join(('flightlog', *words)), style=_PROMPT)


def foreign_paths(shown: str) -> list[str]:
    """Return the absolute paths in a text that do not belong into a picture."""
    return [path for path in _PATH.findall(shown)
            if not _SHOWN.match(path) and not path.startswith(_ROS_NAMES)]


def _demand(words: tuple[str, ...], code: int, expected: int, said: str) -> None:
    if code != expected:
        raise NotAsExpected(f'"{shlex.join(("flightlog", *words))}" ended with {code}, '
                            f'not {expected}:\n{said}')


def _replaced(line: Text, path: str, shown: str) -> Text:
    """Return a line with another path in it, which is as long."""
    if path not in line.plain:
        return line
    if len(path) != len(shown):
        raise NotAsExpected(f'{path} is not as long as {shown}')
    return Text(line.plain.replace(path, shown), spans=line.spans, end=line.end)
