"""How the node serves HTTP."""
from collections.abc import Mapping
from dataclasses import dataclass
import ipaddress
from pathlib import Path
import re
from typing import Any, Optional
from urllib.parse import urlsplit

from flightlog_bucket.errors import ConfigurationError

_HOST = re.compile(r'[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?')


@dataclass(frozen=True)
class HttpSettings:
    """
    What is served to whom.

    :param port: 0: nothing is
    :param address: of an interface of this computer; IPv4 or IPv6
    :param token_file: holds the bearer token; None: none is needed
    :param allowed_hosts: names of this computer, in lower case, beside those it knows itself
    :param cors_origins: as browsers send them
    :param min_free_bytes: that received logs leave free
    :raises ConfigurationError: if they contradict each other, or cannot be meant
    """

    port: int
    address: str
    token_file: Optional[Path]
    allowed_hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    min_free_bytes: int

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            raise ConfigurationError(
                f'http_address is {self.address!r}; give an IP address of this computer, e.g.'
                ' 127.0.0.1, or 0.0.0.0 for all of them') from None
        if not address.is_loopback and self.token_file is None and self.port:
            raise ConfigurationError(
                f'http_address is {self.address}, which other computers reach; give'
                ' http_token_file as well')
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(f'http_allowed_hosts holds {host!r}; give host names'
                                         ' without a port')
        for origin in self.cors_origins:
            _check_origin(origin)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> 'HttpSettings':
        """
        Return the settings.

        :param values: of the parameters, by name
        :raises ConfigurationError: naming the parameter and what it takes
        """
        token_file = values['http_token_file']
        return cls(
            port=values['http_port'], address=values['http_address'],
            token_file=Path(token_file).absolute() if token_file else None,
            allowed_hosts=tuple(host.lower() for host in values['http_allowed_hosts'] if host),
            cors_origins=tuple(origin for origin in values['http_cors_origins'] if origin),
            min_free_bytes=values['http_min_free_bytes'])


def _check_origin(origin: str) -> None:
    try:
        parts = urlsplit(origin)
        is_right = (parts.scheme in ('http', 'https') and bool(parts.hostname)
                    and origin == f'{parts.scheme}://{parts.netloc}' and '@' not in parts.netloc
                    and '*' not in origin and origin.isprintable())
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationError(f'http_cors_origins holds {origin!r}; give scheme and host, e.g.'
                                 ' https://fleet.example.com')
