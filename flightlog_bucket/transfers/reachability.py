"""Whether anybody is there: a connection is opened and closed again, nothing is sent."""
from collections.abc import Callable, Iterable, Sequence
import logging
import socket
import threading
from typing import Any, Optional
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from flightlog_bucket.transfers.survival import survive

_log = logging.getLogger(__name__)

Host = tuple[str, int]
_Address = tuple[Any, ...]

_TIMEOUT_S = 0.5
_PERIOD_S = 0.6
_MAX_LOOK_UPS = 8
_PORTS = {'http': 80, 'https': 443}


class Endpoints:
    """
    The hosts without which nothing can be stored.

    :param hosts: names or addresses, with their ports
    :param timeout_s: for each host
    """

    def __init__(self, hosts: Sequence[Host], *, timeout_s: float = _TIMEOUT_S) -> None:
        self._hosts = tuple(dict.fromkeys(hosts))
        self._timeout_s = timeout_s
        self._found: dict[Host, list[_Address]] = {}
        self._look_ups = threading.BoundedSemaphore(_MAX_LOOK_UPS)

    def are_reachable(self) -> bool:
        """Try all of them; at most two timeouts for each."""
        return all(self._is_reachable(host) for host in self._hosts)

    def _is_reachable(self, host: Host) -> bool:
        for family, kind, protocol, _, address in self._addresses(host)[:2]:
            try:
                with socket.socket(family, kind, protocol) as connection:
                    connection.settimeout(self._timeout_s)
                    connection.connect(address)
            except OSError as error:
                _log.debug('%s port %d: %s', *host, error)
            else:
                return True
        return False

    def _addresses(self, host: Host) -> list[_Address]:
        # No timeout bounds the look-up of a name, and one that was begun without a network may go
        # on for long after that is back. So each check begins another one.
        if not self._look_ups.acquire(blocking=False):
            return self._found.get(host, [])
        ended = threading.Event()
        thread = threading.Thread(target=self._look_up, args=(host, ended), daemon=True,
                                  name='name look-up')
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, for now
            _log.debug('%s: %s', host[0], error)
            self._look_ups.release()
        else:
            ended.wait(self._timeout_s)
        return self._found.get(host, [])

    def _look_up(self, host: Host, ended: threading.Event) -> None:
        try:
            self._found[host] = list(socket.getaddrinfo(*host, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            _log.debug('%s: %s', host[0], error)
        finally:
            self._look_ups.release()
            ended.set()


class Prober:
    """
    Waits for the network to come back, with one thread, and only after it was seen to be gone.

    :param are_reachable: looks once
    :param on_return: called when what was not reachable is
    :param period_s: between two looks
    """

    def __init__(self, are_reachable: Callable[[], bool], on_return: Callable[[], None], *,
                 period_s: float = _PERIOD_S) -> None:
        self._are_reachable = are_reachable
        self._on_return = on_return
        self._period_s = period_s
        self._lock = threading.Lock()
        self._thread: Optional[threading.Thread] = None
        # Somebody has asked since the last look began.
        self._again = False
        self._closed = threading.Event()

    def begin(self) -> None:
        """Look, unless that is done already; if nobody is there, until somebody is."""
        with self._lock:
            self._again = self._thread is not None
            if self._again or self._closed.is_set():
                return
            thread = threading.Thread(target=self._run, name='network', daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads, for now
                _log.debug('%s', error)
            else:
                self._thread = thread

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            was_gone = self._wait()
            with self._lock:
                goes_on = self._again and not self._closed.is_set()
                if not goes_on:
                    self._thread = None
            if was_gone and not self._closed.is_set():
                _log.info('the network is back')
                survive(self._on_return, None)

    def _wait(self) -> bool:
        """Look until somebody is there; return whether nobody was."""
        was_gone = False
        while not self._closed.is_set() and not self._look():
            if not was_gone:
                _log.info('the network is gone; uploads go on as soon as it is back')
            was_gone = True
            self._closed.wait(self._period_s)
        return was_gone

    def _look(self) -> bool:
        with self._lock:
            self._again = False
        return self._are_reachable()


def hosts_of(urls: Iterable[str]) -> list[Host]:
    """
    Return whom this computer must reach to use these URLs: their hosts, or its HTTP proxy.

    :param urls: that begin with http:// or https://
    """
    proxies = getproxies()
    hosts = []
    for url in urls:
        parts = urlsplit(url)
        proxy = proxies.get(parts.scheme)
        if proxy and not proxy_bypass(parts.hostname or ''):
            parts = urlsplit(proxy if '://' in proxy else f'http://{proxy}')
        hosts.append((parts.hostname or '', parts.port or _PORTS.get(parts.scheme, 80)))
    return hosts
