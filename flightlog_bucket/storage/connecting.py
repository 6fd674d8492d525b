"""Bounds what it takes to connect, the look-up of the host's name included."""
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
import socket
import threading
from typing import Any

from flightlog_bucket.errors import Busy, Unavailable
from flightlog_bucket.threads import WorkerPool

_MAX_THREADS = 64
_free_threads = threading.BoundedSemaphore(_MAX_THREADS)


def bound_connecting(pool_classes: dict[str, Any]) -> None:
    """
    Let every new connection keep to its timeout, even where the name server is silent.

    :param pool_classes: of urllib3, by scheme; replaced in place
    """
    for scheme, pool_class in list(pool_classes.items()):
        connection_class = _bounded(pool_class.ConnectionCls)
        pool_classes[scheme] = type(
            pool_class.__name__, (pool_class,), {'ConnectionCls': connection_class})


def _bounded(connection_class: Any) -> Any:
    class Bounded(connection_class):  # type: ignore[misc]
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

    return Bounded


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
