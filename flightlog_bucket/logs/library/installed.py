"""Whether full checks can be made on this computer."""
from importlib.util import find_spec

from flightlog_bucket.errors import ConfigurationError

_LIBRARIES = ('mcap', 'pyulog', 'rosbags', 'zstandard')


def check_installed() -> None:
    """
    See to it that the libraries of all formats are there, before a log is refused for want of one.

    :raises ConfigurationError: naming those that are missing
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f'validation_level is full, and of the libraries for that {", ".join(missing)} cannot'
            f' be found; install with "pip install {" ".join(missing)}", or take the level'
            ' structure')
