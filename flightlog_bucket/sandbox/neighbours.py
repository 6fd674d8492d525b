"""
``python -m flightlog_bucket.sandbox.neighbours``: the nodes of flightlog_bucket in this domain.

A name a line. It takes a few seconds: a node that is there need not be seen at once.
"""
import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Optional

from flightlog_bucket.sandbox import tied
from flightlog_bucket.sandbox.process import package_environment, SandboxError

# DDS says every three seconds that it is there.
_LOOK_S = 4.0
_POLL_S = 0.1
_TIMEOUT_S = 60.0


class Neighbours:
    """
    Looks for nodes that are there already, in a process, while this one does something else.

    Start it from the main thread.
    """

    def __enter__(self) -> 'Neighbours':
        self._process = subprocess.Popen(
            tied.command(sys.executable, '-m', 'flightlog_bucket.sandbox.neighbours'),
            env=package_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors='replace', start_new_session=True)
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._process.kill()
        with self._process:  # waits for it, and closes the pipes
            pass

    def names(self) -> list[str]:
        """
        Return the full names of the nodes that were seen.

        :raises SandboxError: ROS 2 does not start here
        """
        try:
            names, errors = self._process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise SandboxError(f'ROS 2 does not start within {_TIMEOUT_S:.0f} s') from None
        if self._process.returncode:
            said = errors.strip().splitlines() or [f'exit code {self._process.returncode}']
            raise SandboxError(f'ROS 2 does not start: {said[-1]}')
        return names.splitlines()


    def check_there_are_none(self, advice: str) -> None:
        """
        Wait for the end of the look.

        :param advice: what to do if there are some, for the error
        :raises SandboxError: there are some, or ROS 2 does not start here
        """
        found = self.names()
        if found:
            raise SandboxError(
                f'there is a node {", ".join(found)} already, in the same ROS domain'
                f' ({os.environ.get("ROS_DOMAIN_ID") or "0"}): what is meant for the one could'
                f' reach the other. {advice}')


def main() -> int:
    """Print their names."""
    from flightlog_bucket.cli.backend import Failure
    from flightlog_bucket.cli.over_ros.finding import names
    from flightlog_bucket.cli.over_ros.session import Session
    try:
        with Session() as session:
            until_s = time.monotonic() + _LOOK_S
            while not (found := names(session.node)) and time.monotonic() < until_s:
                time.sleep(_POLL_S)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    for name in found:
        print(name)
    return 0


if __name__ == '__main__':
    sys.exit(main())
