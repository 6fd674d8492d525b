"""The local files that the command line names."""
from collections.abc import Iterable
import glob
import os


def expanded(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """
    Return the absolute paths that are meant, and the names that mean none.

    By whatever name a file is reached, it is there once, under the first.

    :param given: paths, and patterns that no shell has expanded, e.g. as they were quoted
    """
    paths: dict[str, str] = {}
    unmatched: list[str] = []
    for name in given:
        if not name:
            unmatched.append(name)
            continue
        if not glob.has_magic(name) or os.path.lexists(name):
            found = [name]
        else:
            found = sorted(glob.glob(name, recursive=True))
        for path in found:
            paths.setdefault(os.path.realpath(path), absolute(path))
        if not found:
            unmatched.append(name)
    return list(paths.values()), unmatched


def none_text(name: str) -> str:
    """Return what is wrong with a name that means no file."""
    return f'nothing matches {name}' if name else 'an empty name is the name of no file'


def absolute(path: str) -> str:
    """Return the path from the root; an empty one stays empty."""
    return os.path.abspath(path) if path else path
