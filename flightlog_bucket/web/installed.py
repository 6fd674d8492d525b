"""Whether the packages that HTTP takes are here; a node without it does not need them."""
from importlib import metadata

from flightlog_bucket.api.needed import install_command, NEEDED, version_text
from flightlog_bucket.errors import ConfigurationError


def check_installed() -> None:
    """
    Tell whether they are here.

    :raises ConfigurationError: naming the first that is not, or is too old
    """
    missing = what_is_missing()
    if missing:
        raise ConfigurationError(f'http_port is set, and {missing}, or set http_port to 0')


def what_is_missing() -> str:
    """
    Return the first that is not here, or is too old, and what to do; empty: there is none.

    Nothing is imported: that takes a second.
    """
    for name, oldest in NEEDED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            return f'{name} is not installed; {_advice()}'
        if _numbers(version) < oldest:
            return (f'{name} {version} is too old: it takes {version_text(name)} at least;'
                    f' {_advice()}')
    return ''


def _advice() -> str:
    return f'{install_command()} for the Python of ROS (see the README, Over HTTP)'


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, e.g. of ``0.27.0rc1``: 0 and 27."""
    found: list[int] = []
    for part in version.split('.'):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)
