"""The packages that HTTP takes, and that a node without it does not need."""
from importlib import metadata

from flightlog_bucket.errors import ConfigurationError

# As in setup.cfg, under http.
NEEDED = {'fastapi': (0, 101), 'python-multipart': (0, 0, 9), 'uvicorn': (0, 27)}


def check_installed() -> None:
    """
    Tell whether they are here, without importing them: that takes a second.

    :raises ConfigurationError: naming the first that is not, or is too old
    """
    for name, oldest in NEEDED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise _missing(f'{name} is not installed') from None
        if _numbers(version) < oldest:
            raise _missing(f'{name} {version} is too old: it takes'
                           f" {'.'.join(map(str, oldest))} at least")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, e.g. of ``0.27.0rc1``: 0 and 27."""
    found: list[int] = []
    for part in version.split('.'):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)


def _missing(what: str) -> ConfigurationError:
    return ConfigurationError(f'http_port is set, and {what}; pip install'
                              ' "flightlog_bucket[http]" for the Python of ROS, or set http_port'
                              ' to 0')
