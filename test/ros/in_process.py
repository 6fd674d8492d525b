"""The command ``flightlog`` in this process, where a node is known already from call to call."""
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
import io
import os
from pathlib import Path
from typing import Any, Optional
from unittest.mock import patch

from flightlog_bucket.cli.main import main
from flightlog_bucket.cli.over_ros import session as sessions
from flightlog_bucket.cli.over_ros.finding import lives_of
from support.expect import wait_until

_Session = sessions.Session
_LEASE_S = 30.0  # after it, the middleware takes nobody for alive who is not


class _Shared:
    """A ``Session`` that outlives the command; what the command made is gone after it."""

    def __enter__(self) -> _Session:
        return known_session()

    def __exit__(self, *_: object) -> None:
        session = known_session()
        session.do(lambda: _forget_all_of(session.node))


def run_here(arguments: Sequence[str], environment: Mapping[str, str],
             cwd: Optional[Path] = None) -> tuple[int, str, str]:
    """Run the command; return its exit code, its output and its complaints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _directory(cwd), patch.dict(
            os.environ, environment), patch.object(sessions, 'Session', _Shared):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


@lru_cache(maxsize=1)
def known_session() -> _Session:
    """Return the session of all commands, which meets a node while that starts."""
    return _Session().__enter__()


def wait_until_forgotten(name: str) -> None:
    """
    Wait until that session sees no node of a name: two of one name are an error.

    :param name: of nodes that have ended; on a busy computer, maybe without saying goodbye
    """
    wait_until(lambda: not lives_of(known_session().node, name), _LEASE_S)


def _forget_all_of(node: Any) -> None:
    for waitable in list(node.waitables):
        if hasattr(waitable, 'send_goal_async'):
            waitable.destroy()
    for client in list(node.clients):
        node.destroy_client(client)


@contextmanager
def _directory(path: Optional[Path]) -> Iterator[None]:
    before = os.getcwd()
    if path is not None:
        os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
