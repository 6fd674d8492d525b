"""The one place where a surprise is caught: an error in a callback never ends the node."""
from collections.abc import Awaitable, Callable
from functools import wraps
import inspect
import logging
from typing import Any

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.ros import conversions

_log = logging.getLogger(__name__)


def guarded(callback: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """
    Wrap a callback of a service or subscription.

    An expected error becomes the answer; any other is logged with its traceback, and answered
    with status 500. rclpy has no guard of its own: what a callback raises ends its executor.

    :param callback: takes a request and the answer to fill in, or a message
    """
    @wraps(callback)
    async def guard(request: Any, *answer: Any) -> Any:
        problem: Exception
        try:
            outcome = callback(request, *answer)
            return await outcome if inspect.isawaitable(outcome) else outcome
        except FlightlogError as error:
            _log.log(logging.DEBUG if answer else logging.ERROR, '%s', error)
            problem = error
        except Exception as error:
            _log.exception('internal error in %s', callback.__name__)
            problem = error
        return conversions.failed(type(answer[0])(), problem) if answer else None
    return guard
