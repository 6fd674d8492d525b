"""Where the node of a sandbox serves its page and its REST API."""
import socket
from typing import Optional

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.web.installed import check_installed

USUAL = 8080


def page_port(wanted: Optional[int]) -> int:
    """
    Return the port; 0: there is to be none, or what it takes is not installed.

    :param wanted: None: the usual one if it is free, else any other that is
    """
    if wanted is not None:
        return wanted
    try:
        check_installed()
    except ConfigurationError:
        return 0
    return _if_free(USUAL) or _if_free(0)


def _if_free(port: int) -> int:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(('127.0.0.1', port))
        except OSError:
            return 0
        return int(tried.getsockname()[1])
