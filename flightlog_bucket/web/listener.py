"""The socket that the web server listens at."""
import ipaddress
import socket

from flightlog_bucket.web.hosts import local_name

BACKLOG = 64
# A phone that has left the Wi-Fi says nothing: its connections end within a minute.
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3),
               (socket.TCP_USER_TIMEOUT, 60_000))


def listen(address: str, port: int) -> socket.socket:
    """
    Return a socket that listens; what it accepts notices a peer that has vanished.

    :param address: IPv4 or IPv6; ``::`` is both
    :raises OSError: the address is not there, the port is taken, or not for this user
    """
    family, kind, protocol, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A node that was ended just now has left connections which wait for stragglers.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != '::'))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
        listener.setblocking(False)
        listener.bind(where)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(address: str, port: int) -> str:
    """Return what a person opens, of a server that listens there."""
    # A phone knows no other name of this computer.
    host = local_name() if ipaddress.ip_address(address).is_unspecified else address
    return f'http://[{host}]:{port}/' if ':' in host else f'http://{host}:{port}/'
