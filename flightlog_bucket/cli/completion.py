"""What the shell completes: subcommands, options, files, and keys as far as they come soon."""
import argparse
from collections.abc import Callable, Sequence
import threading

from flightlog_bucket.cli.backend import Failure

_LIMIT_S = 4.0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, which has asked by ``_ARGCOMPLETE``, and end the process."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)


def keys(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Sequence[str]:
    """
    Return the keys in the bucket that begin so.

    :param prefix: what is typed already
    :param parsed_args: what stands before
    """
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(_asked_for(parsed_args))
        except (Failure, OSError, RuntimeError, ValueError):
            return  # a shell has no place for an error
    # The shell waits for this; argcomplete ends the process without waiting for the thread.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_LIMIT_S)
    return [key for key in list(found) if key.startswith(prefix)]


def _asked_for(parsed_args: argparse.Namespace) -> Sequence[str]:
    if getattr(parsed_args, 'direct', False):
        from flightlog_bucket.cli import direct
        with direct.connect(parsed_args) as backend:
            return backend.keys()
    from flightlog_bucket.cli import over_ros
    return over_ros.first_keys(parsed_args, _LIMIT_S)


def files_and_keys(prefix: str, parsed_args: argparse.Namespace, **more: object) -> Sequence[str]:
    """Return the local files and the keys that begin so."""
    from argcomplete.completers import FilesCompleter
    files: Sequence[str] = FilesCompleter()(prefix)
    return [*files, *keys(prefix, parsed_args, **more)]


def set_completer(argument: argparse.Action, completer: Callable[..., Sequence[str]]) -> None:
    """Let the shell complete an argument by this."""
    # argcomplete looks for the attribute, which argparse does not know.
    setattr(argument, 'completer', completer)  # noqa: B010
