"""The local files that the command line names."""
from collections.abc import Iterable
import glob
import os


def expanded(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """
    Return the absolute paths that are meant, each once, and the patterns that nothing matches.

    :param given: paths, and patterns that no shell has expanded, e.g. as they were quoted
    """
    paths: dict[str, None] = {}
    unmatched = []
    for name in given:
        if not glob.has_magic(name) or os.path.lexists(name):
            paths[absolute(name)] = None
            continue
        found = sorted(glob.glob(name, recursive=True))
        paths.update((absolute(path), None) for path in found)
        if not found:
            unmatched.append(name)
    return list(paths), unmatched


def absolute(path: str) -> str:
    """Return the path from the root; an empty one stays empty, so that it is refused."""
    return os.path.abspath(path) if path else path
