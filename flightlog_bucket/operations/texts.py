"""Texts that fit an answer, whatever names and errors they were made of."""
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.logs.verdict import one_line

MOST_EXPLAINED = 4000
"""Characters of a text that explains. Some middlewares never deliver a very long answer."""


def text(value: object) -> str:
    """Return the value as a string that fits a message, undecodable bytes of a path escaped."""
    return str(value).encode('utf-8', 'backslashreplace').decode('utf-8')


def explanation(value: object) -> str:
    """Return an error or the like as a string that fits a message; of a long one, both ends."""
    whole, gap = text(value), ' ... '
    if len(whole) <= MOST_EXPLAINED:
        return whole
    head = MOST_EXPLAINED // 2
    return whole[:head] + gap + whole[head + len(gap) - MOST_EXPLAINED:]


def printable(value: object) -> str:
    """Return the value as one line without control characters."""
    return one_line(text(value))


def not_stored(error: FlightlogError) -> str:
    """Return what somebody is told of a log that was accepted, and is not stored."""
    said = explanation(error)
    if error.retryable and 'accepted' not in said:
        said += '; the log stays accepted, and is tried again until it is stored'
    return said
