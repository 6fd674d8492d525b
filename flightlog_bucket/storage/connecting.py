"""Connections of our own, bounded in what it takes to connect, that send parts of logs."""
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from http.client import HTTPException
import socket
import struct
import threading
from typing import Any, Optional

from flightlog_bucket.errors import Busy, Unavailable
from flightlog_bucket.storage.file_part import FilePart
from flightlog_bucket.threads import WorkerPool

_MAX_THREADS = 64
_free_threads = threading.BoundedSemaphore(_MAX_THREADS)

_RESET_ON_CLOSE = struct.pack('ii', 1, 0)


def own_connections(pool_classes: dict[str, Any]) -> None:
    """
    Let every new connection be one of ours.

    It keeps to its timeout, even where the name server is silent; and the body of a request that
    is a ``FilePart`` goes out as ``FilePart.send()`` does it.

    :param pool_classes: of urllib3, by scheme; replaced in place
    """
    for scheme, pool_class in list(pool_classes.items()):
        connection_class = type(pool_class.ConnectionCls.__name__,
                                (_Own, pool_class.ConnectionCls), {})
        pool_classes[scheme] = type(
            pool_class.__name__, (pool_class,), {'ConnectionCls': connection_class})


class _Body:
    """A part as urllib3 passes it on: in one piece, whatever the version."""

    def __init__(self, part: FilePart) -> None:
        self.part = part

    def __iter__(self) -> Any:
        yield self


# Whatever urllib3's connections are.
_Connection: Any = object


class _Own(_Connection):  # type: ignore[misc]
    """Stands before the classes of botocore's connections."""

    _part: Optional[FilePart] = None

    def _new_conn(self) -> socket.socket:
        # No timeout of urllib3 bounds getaddrinfo(), nor a host that has many addresses. So
        # this runs in a thread, which is left to itself when it is late.
        connecting = _in_thread(super()._new_conn)
        try:
            return connecting.result(self.timeout)
        except FutureTimeoutError:
            connecting.add_done_callback(_close)
            raise Unavailable(f'no connection to {self.host} in time; check the network and'
                              ' endpoint_url') from None

    def request(self, method: str, url: str, body: Any = None, headers: Any = None,
                *args: Any, **kwargs: Any) -> Any:
        if isinstance(body, FilePart):
            body.throttle.enter(self)
            self._part = body
            body = _Body(body)
        return super().request(method, url, body, headers, *args, **kwargs)

    def send(self, data: Any) -> Any:
        if not isinstance(data, _Body):
            return super().send(data)
        # The answer can come first, where the server was asked whether it wants the body.
        if getattr(self, '_response_received', False):
            return None
        try:
            data.part.send(self.sock)
        except OSError:
            data.part.throttle.check_not_paused()
            raise
        except BaseException:
            self.cut()  # else what the system has taken of it goes on
            raise

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().getresponse(*args, **kwargs)
        except (OSError, HTTPException):
            if self._part is not None:
                self._part.throttle.check_not_paused()
            raise
        finally:
            self._leave()

    def close(self) -> None:
        self._leave()
        super().close()

    def cut(self) -> None:
        """End whatever waits for this connection; its close throws away what is unsent."""
        sock = getattr(self.sock, 'socket', self.sock)  # of TLS within TLS
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                # That of an SSLSocket would first forget that it is one.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _leave(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.throttle.leave(self)


def _in_thread(connect: Any) -> 'Future[socket.socket]':
    if not _free_threads.acquire(blocking=False):
        raise Busy(f'{_MAX_THREADS} connections wait for the network; check it')
    pool = WorkerPool(1, 'flightlog-connect')
    try:
        connecting = pool.submit(connect)
    except Busy:
        _free_threads.release()
        raise
    connecting.add_done_callback(lambda _: _free_threads.release())
    pool.shutdown(cancel_futures=False)
    return connecting


def _close(late: 'Future[socket.socket]') -> None:
    if late.exception() is None:
        late.result().close()
