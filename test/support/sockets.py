"""Connections that break."""
from contextlib import suppress
import socket
import struct


def send_if_open(upstream: socket.socket, block: bytes) -> None:
    """Send; a server that refuses the rest has already said why, and that is passed on."""
    with suppress(BrokenPipeError, ConnectionResetError):
        upstream.sendall(block)


def reset(connection: socket.socket) -> None:
    """Wake the thread that serves this connection; its close sends RST rather than FIN."""
    with suppress(OSError):  # it is closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.shutdown(socket.SHUT_RD)


def has_hung_up(client: socket.socket) -> bool:
    """Tell whether the other side has closed the connection, so that it hears no answer."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b''
    except BlockingIOError:
        return False
    except OSError:
        return True
