"""Where a search goes on, as a text that is given back."""
import base64
import json

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.operations.log_shelves import LONGEST_SPAN_S, Place
from flightlog_bucket.storage.keys import MAX_KEY_BYTES

# Of two names, each character escaped.
_LONGEST = 16 * MAX_KEY_BYTES


def cursor_of(place: Place) -> str:
    """Return the cursor of a place."""
    told = json.dumps([place.is_dated, place.below, place.span_s, place.above])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip('=')


def place_of(cursor: str) -> Place:
    """
    Return the place of a cursor.

    :raises InvalidRequest: if it is none
    """
    place = _place_of(cursor) if len(cursor) <= _LONGEST else None
    if place is None:
        raise InvalidRequest('cursor is not one that an answer gave as next_cursor')
    return place


def _place_of(cursor: str) -> 'Place | None':
    try:
        padded = cursor + '=' * (-len(cursor) % 4)
        told = json.loads(base64.b64decode(padded.encode('ascii'), b'-_', validate=True))
        is_dated, below, span_s, above = told
    except (ValueError, TypeError, RecursionError):
        return None
    is_right = (isinstance(is_dated, bool) and _is_name(below) and _is_name(above)
                and type(span_s) is int and 0 < span_s <= LONGEST_SPAN_S)
    return Place(is_dated, below, span_s, above) if is_right else None


def _is_name(name: object) -> bool:
    if not isinstance(name, str):
        return False
    try:
        return len(name.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # half a character
        return False
