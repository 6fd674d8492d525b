"""``flightlog`` as a person runs it: on this terminal, with its bars where it is one."""
import shlex
import subprocess
import sys

from flightlog_bucket.demo.narrator import Narrator
from flightlog_bucket.sandbox import tied
from flightlog_bucket.sandbox.process import package_environment


class CommandLine:
    """
    Runs subcommands in processes of their own, which end with this one.

    :param narrator: prints what is typed
    :param directory: in which it is typed
    """

    def __init__(self, narrator: Narrator, directory: str) -> None:
        self._narrator = narrator
        self._directory = directory

    def run(self, *words: str) -> int:
        """Run a subcommand; return its exit code."""
        self._narrator.typed(shlex.join(('flightlog', *words)))
        return subprocess.run(
            tied.command(sys.executable, '-m', 'flightlog_bucket.cli.main', *words),
            env=package_environment(), cwd=self._directory, stdin=subprocess.DEVNULL).returncode
