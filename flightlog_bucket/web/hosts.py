"""By which names this computer is reached."""
from collections.abc import Iterable
import ipaddress
import re
import socket
from urllib.parse import urlsplit

_PORT = re.compile(r':[0-9]{1,5}$')


def local_name() -> str:
    """Return the name that avahi announces: the first label of the host name, and ``.local``."""
    return f'{socket.gethostname().lower().partition(".")[0]}.local'


class KnownHosts:
    """
    Tells whether a request was sent to this computer by a name that it has.

    A page of a foreign server can let its own name lead here (DNS rebinding); it cannot use an
    address, nor a name of this computer, since its browser would take it for another server then.

    :param more: names, in lower case
    """

    def __init__(self, more: Iterable[str]) -> None:
        own, announced = socket.gethostname().lower(), local_name()
        self._names = frozenset({'localhost', own, f'{own}.local', announced,
                                 announced.removesuffix('.local'), *more})

    def is_known(self, host: str) -> bool:
        """
        Tell whether a request may have this host.

        :param host: as the header ``Host`` has it, maybe with a port
        """
        name = _PORT.sub('', host).lower()
        if name.startswith('[') and name.endswith(']'):
            return _is_address(name[1:-1])
        return name.removesuffix('.') in self._names or (':' not in name and _is_address(name))


class KnownOrigins:
    """
    Tells whether a page may have a request sent: those of this server, and the named ones.

    :param more: origins, as browsers send them
    """

    def __init__(self, more: Iterable[str]) -> None:
        self._more = frozenset(more)

    def is_known(self, origin: str, host: str) -> bool:
        """
        Tell whether a request may come from this origin.

        :param origin: as the header ``Origin`` has it
        :param host: as the header ``Host`` has it
        """
        return self.is_named(origin) or (bool(host) and _host_of(origin) == host.lower())

    def is_named(self, origin: str) -> bool:
        """Tell whether it is one of the pages of other servers that may."""
        return origin in self._more


def _host_of(origin: str) -> str:
    """Return what the header ``Host`` is for a page of this origin; empty: it has none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ''
    # By its name alone: a server in front of this one may add the encryption.
    return parts.netloc.lower() if parts.scheme in ('http', 'https') else ''


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
