"""A parameter file of ROS 2, read without ROS: the parameters that one node gets from it."""
from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.parameters.plain_yaml import load_plain, NotPlain

NODE = 'flightlog_bucket'
_PARAMETERS = 'ros__parameters'
_MAX_BYTES = 1024 * 1024


def read_parameter_file(path: Path, node: str = '') -> dict[str, object]:
    """
    Return the parameters that a file gives to a node; those of an exact name go before ``/**``.

    :param path: of the file
    :param node: with its namespace, e.g. ``/drone/flightlog_bucket``; empty: the only one that the
        file can mean
    :raises ConfigurationError: if it cannot be read, is no such file, or means no node, or several
    """
    try:
        sections = dict(_sections(load_plain(_read(path)), ''))
    except NotPlain as error:
        raise ConfigurationError(f'{path} is not a parameter file of ROS 2: {error}') from None
    if not sections:
        raise ConfigurationError(f'{path} gives no node any parameters: {_PARAMETERS} is missing')
    names = [name for name in sections if '*' not in name]
    chosen = [name for name in sections if '*' in name and _matches(name, node or f'/{NODE}')]
    if node:
        chosen += [name for name in names if name == node]
    else:
        chosen += _only(path, names, has_wildcard=bool(chosen))
    if not chosen:
        raise ConfigurationError(f'{path} has nothing for {node or NODE}; it names '
                                 + ', '.join(sections))
    return {key: value for name in chosen for key, value in sections[name].items()}


def _read(path: Path) -> bytes:
    try:
        with open(path, 'rb') as stream:
            content = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f'cannot read {str(path)!r}: {reason}') from None
    if len(content) > _MAX_BYTES:
        raise NotPlain(f'it has more than {_MAX_BYTES} bytes')
    return content


def _sections(tree: Any, name: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield nodes with their parameters; a namespace can be a level of its own."""
    if not isinstance(tree, dict):
        raise NotPlain(f'{name or "it"} has no {_PARAMETERS}')
    for key, below in tree.items():
        if key == _PARAMETERS:
            yield name or f'/{NODE}', dict(_flat(below, ''))
        else:
            yield from _sections(below, _joined(name, key))


def _joined(name: str, key: str) -> str:
    return '/'.join((name, key.strip('/'))) if key.strip('/') else name


def _flat(tree: Any, name: str) -> Iterator[tuple[str, object]]:
    """Yield parameters; ROS writes the level of a group with a dot."""
    if not isinstance(tree, dict):
        raise NotPlain(f'{_PARAMETERS} holds no parameters')
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{name}{key}.')
        else:
            yield f'{name}{key}', value


def _matches(pattern: str, node: str) -> bool:
    """Tell whether a name with ``*`` (one word) or ``**`` (any words, also none) is a node's."""
    parts = ''.join(r'(/[^/]+)*' if part == '**' else r'/[^/]+' if part == '*'
                    else '/' + re.escape(part) for part in pattern.strip('/').split('/'))
    return re.fullmatch(parts, node) is not None


def _only(path: Path, names: list[str], *, has_wildcard: bool) -> list[str]:
    """Return the node that is meant where none is named; none, if its file is for all."""
    meant = [name for name in names if name.rpartition('/')[2] == NODE]
    if not meant and not has_wildcard:
        meant = names
    if len(meant) > 1:
        raise ConfigurationError(f'{path} names several nodes; choose one with --node: '
                                 + ', '.join(meant))
    return meant
