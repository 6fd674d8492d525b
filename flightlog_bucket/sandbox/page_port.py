"""Where the node of a sandbox serves its page and its REST API."""
from dataclasses import dataclass
import os
import socket
from typing import Optional

from flightlog_bucket.sandbox.process import SandboxError
from flightlog_bucket.web.installed import what_is_missing

USUAL = 8080


@dataclass(frozen=True)
class PagePlace:
    """
    Where the page is.

    :param port: 0: there is none
    :param missing: what keeps it from being there; empty: nothing does, or nobody wants it
    """

    port: int
    missing: str = ''


NO_PAGE = PagePlace(0)


def page_place(wanted: Optional[int]) -> PagePlace:
    """
    Return where it is to be.

    :param wanted: the port, 0: there is to be none; None: the usual one if it is free, else any
        other that is
    :raises SandboxError: the wanted one cannot be had
    """
    if wanted == 0:
        return NO_PAGE
    missing = what_is_missing()
    if wanted is None:
        return PagePlace(0, missing) if missing else PagePlace(_free_port())
    if missing:
        raise SandboxError(f'--http-port: {missing}')
    try:
        return PagePlace(_bound(wanted))
    except OSError as error:
        raise SandboxError(f'--http-port: port {wanted}: {os.strerror(error.errno or 0)}; take'
                           ' another one, or leave it out for a free one') from None


def _free_port() -> int:
    try:
        return _bound(USUAL)
    except OSError:
        return _bound(0)


def _bound(port: int) -> int:
    """Return the port, which can be listened at; 0 is any."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(('127.0.0.1', port))
        return int(tried.getsockname()[1])
