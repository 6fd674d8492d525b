"""
What unpacks chunks and files: libraries that may be missing.

ROS has no keys for all of them. Without them logs are checked and stored all the same, and only
what is packed is not looked into.
"""
from importlib import import_module
from typing import Any

from flightlog_bucket.logs.reader import TooMuch

try:
    from zstandard import ZstdError
except ImportError:
    class ZstdError(Exception):  # type: ignore[no-redef]
        """Stands for the library's own."""


__all__ = ['Missing', 'ZstdError', 'lz4_frame', 'zstandard']


class Missing(TooMuch):
    """A library is not installed."""


def zstandard() -> Any:
    """
    Return the library.

    :raises Missing: if it is not installed
    """
    return _library('zstandard')


def lz4_frame() -> Any:
    """
    Return the part of lz4 that reads frames.

    :raises Missing: if it is not installed
    """
    return _library('lz4.frame')


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Missing(f'{name.partition(".")[0]} is not installed') from None
