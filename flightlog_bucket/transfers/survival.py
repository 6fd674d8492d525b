"""The one place of the core where a surprise is caught: no mistake in one turn ends a thread."""
from collections.abc import Callable
import logging
from typing import TypeVar

T = TypeVar('T')

PAUSE_S = 5.0
"""After a surprise, so that one which comes every time is no busy loop."""

_log = logging.getLogger(__name__)


def survive(turn: Callable[[], T], otherwise: T) -> T:
    """
    Take one turn of a thread that must go on whatever happens.

    Without its worker, its discovery or its guardian a node would go on to accept logs, and
    nobody would see that nothing becomes of them.

    :param turn: what may fail
    :param otherwise: is returned then
    """
    try:
        return turn()
    except Exception:
        _log.exception('internal error; it is tried again in %.0f s', PAUSE_S)
        return otherwise
