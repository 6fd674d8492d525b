"""The node as a process of its own, set to use a sandbox."""
from collections.abc import Mapping
import json
import signal
import subprocess
import sys
from typing import Any, Optional

from flightlog_bucket.sandbox import tied
from flightlog_bucket.sandbox.process import package_environment

_MAIN = 'import sys; from flightlog_bucket.ros.main import main; sys.exit(main())'
_STOP_TIMEOUT_S = 10.0


class NodeProcess:
    """
    A running flightlog_bucket_node; it ends when this process does, however that ends.

    Start it from the main thread.

    :param parameters: of the node
    :param environment: besides this process's own
    :param output: takes what the node prints; None: the terminal
    """

    def __init__(self, parameters: Mapping[str, object], environment: Mapping[str, str],
                 output: Any = None) -> None:
        arguments = ['--ros-args']
        for name, value in parameters.items():
            # As JSON, so that YAML does not take a name like "007" for a number.
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        self._process = subprocess.Popen(
            tied.command(sys.executable, '-c', _MAIN, *arguments),
            env={**package_environment(), **environment}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def exit_code(self) -> Optional[int]:
        """Return how it ended; None: it runs."""
        return self._process.poll()

    def stop(self) -> int:
        """End it as Ctrl-C does, by force if it must be, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
