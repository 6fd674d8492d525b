"""The arguments of a request, and which values they take."""
from pathlib import Path

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.storage.objects import MAX_KEYS_PER_PAGE

PATH_MAX = 4096
"""Bytes of a path on Linux, with the NUL at its end (limits.h)."""

# Of a path that is too long.
_SHOWN = 100


def path_from(name: str, value: str, base: Path) -> Path:
    """
    Return the path that a request or an event names.

    :param name: of the field, for the error
    :param value: absolute, or relative to ``base``
    :raises InvalidRequest: it is empty or cannot be a path
    """
    if not value or '\0' in value:
        raise InvalidRequest(f'{name} is empty' if not value else f'{name} holds a NUL character')
    path = base / value
    length = len(str(path).encode('utf-8', 'replace'))
    if length >= PATH_MAX:
        raise InvalidRequest(f'{name} is {value[:_SHOWN]!r}..., {length} bytes long;'
                             f' a path has at most {PATH_MAX - 1}')
    return path


def absolute_path_from(name: str, value: str) -> Path:
    """
    Return the path that a request names.

    :raises InvalidRequest: it is empty or not absolute
    """
    path = path_from(name, value, Path())
    if not path.is_absolute():
        raise InvalidRequest(f'{name} is {value!r}; give an absolute path')
    return path


def most_from(name: str, value: int, most: int) -> int:
    """
    Return how many a request asks for.

    :param name: of the field, for the error
    :param value: 0: as many as one answer can hold
    :param most: that one answer can hold
    :raises InvalidRequest: more than that
    """
    if value > most:
        raise InvalidRequest(f'{name} is {value}; give 1 to {most}, or 0 for {most}')
    return value or most


def max_keys_from(value: int) -> int:
    """Return how many keys a request asks for; see ``most_from()``."""
    return most_from('max_keys', value, MAX_KEYS_PER_PAGE)
