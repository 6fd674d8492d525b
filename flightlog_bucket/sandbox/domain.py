"""A ROS domain for programs that are to meet each other, and nobody else."""
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
import errno
import os
import socket
from typing import Optional

from flightlog_bucket.sandbox.process import SandboxError

# Above those that people give by hand, and below the ports that Linux gives to anybody.
DOMAINS = range(30, 100)
# https://docs.ros.org/en/kilted/Concepts/Intermediate/About-Domain-ID.html: the ports of DDS
_FIRST_PORT = 7400
_PORTS_OF_A_DOMAIN = 250


@contextmanager
def own_domain(domains: Iterable[int] = DOMAINS) -> Iterator[int]:
    """
    Put this process, and what it starts, into a domain that no program on this computer is in.

    Programs on other computers are out of reach. Nobody else who calls this gets the same domain
    until the end of it.

    :param domains: to choose from
    :raises SandboxError: all of them are taken
    """
    number, claim = free_domain(domains)
    changed = _environment(number)
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        with claim:
            yield number
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def free_domain(domains: Iterable[int] = DOMAINS) -> tuple[int, socket.socket]:
    """
    Return a domain that no program on this computer is in, and what keeps it until it is closed.

    :raises SandboxError: there is none
    """
    for number in domains:
        first = _FIRST_PORT + _PORTS_OF_A_DOMAIN * number
        # No participant of DDS comes as far as to the last port.
        claim = _bound('127.0.0.1', first + _PORTS_OF_A_DOMAIN - 1)
        if claim is None:
            continue
        if all(_is_free(port) for port in range(first, first + _PORTS_OF_A_DOMAIN - 1)):
            return number, claim
        claim.close()
    raise SandboxError('every ROS domain that may be taken has programs in it already'
                       f' ({DOMAINS.start} to {DOMAINS.stop - 1}): end some of them')


def _environment(number: int) -> dict[str, str]:
    is_old = os.environ.get('ROS_DISTRO') in ('humble', 'iron')
    return {
        'ROS_DOMAIN_ID': str(number),
        'ROS_STATIC_PEERS': '',
        **({'ROS_LOCALHOST_ONLY': '1'} if is_old
           else {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}),
    }


def _is_free(port: int) -> bool:
    probe = _bound('', port)
    if probe is None:
        return False
    probe.close()
    return True


def _bound(host: str, port: int) -> Optional[socket.socket]:
    """Return a socket on a UDP port; None: somebody has it."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return bound
