"""
What unpacks chunks and files: libraries that may be missing.

ROS has no keys for all of them. Without them logs are checked and stored all the same, and only
what is packed is not looked into.
"""
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
    try:
        import zstandard as library
    except ImportError:
        raise Missing('zstandard is not installed') from None
    return library


def lz4_frame() -> Any:
    """
    Return the library.

    :raises Missing: if it is not installed
    """
    try:
        import lz4.frame as library
    except ImportError:
        raise Missing('lz4 is not installed') from None
    return library
