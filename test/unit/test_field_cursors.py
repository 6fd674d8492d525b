"""Where a search goes on."""
import base64
import json

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.operations.log_shelves import LONGEST_SPAN_S, Place
from flightlog_bucket.storage.keys import MAX_KEY_BYTES
from flightlog_bucket.web.cursors import cursor_of, place_of
from hypothesis import example, given, strategies
import pytest

NAMES = strategies.text(strategies.characters(exclude_categories=['Cs']), max_size=200)


@given(strategies.builds(Place, strategies.booleans(), NAMES, strategies.integers(1, 3 * 10**9),
                         NAMES))
def test_a_place_comes_back(place: Place) -> None:
    cursor = cursor_of(place)
    assert cursor.isascii()
    assert not set(cursor) & set('+/=&?# ')
    assert place_of(cursor) == place


def as_cursor(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize('cursor', [
    'x', '=', '====', 'é', 'a' * 20000, '\0', '../..', as_cursor(None), as_cursor([]),
    as_cursor({}), as_cursor([True, '', 60]), as_cursor([1, '', 60, '']),
    as_cursor([True, 7, 60, '']), as_cursor([True, '', 0, '']), as_cursor([True, '', True, '']),
    as_cursor([True, '', 10**12, '']), as_cursor([True, '', 1.5, '']),
    as_cursor([True, 'x' * 1025, 60, '']), as_cursor([True, '\ud800', 60, '']),
    as_cursor([True, '', 60, None]), base64.urlsafe_b64encode(b'[' * 9000).decode()])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match='cursor is not one'):
        place_of(cursor)


@given(strategies.text(max_size=60) | strategies.text('AZaz019-_[]', max_size=60)
       | strategies.lists(strategies.booleans() | strategies.integers() | NAMES,
                          max_size=5).map(as_cursor))
@example(as_cursor([False, 'a', 60, 'b']))
def test_a_text_is_a_cursor_of_a_place_or_refused(cursor: str) -> None:
    try:
        place = place_of(cursor)
    except InvalidRequest:
        return
    assert place_of(cursor_of(place)) == place
    assert (type(place.is_dated), type(place.span_s)) == (bool, int)
    assert 0 < place.span_s <= LONGEST_SPAN_S
    assert max(len(place.below.encode()), len(place.above.encode())) <= MAX_KEY_BYTES
