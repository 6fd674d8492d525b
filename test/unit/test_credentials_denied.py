"""A token that something is denied to: it may be at fault, and is all there is."""
from concurrent.futures import ThreadPoolExecutor

from flightlog_bucket.errors import Unavailable
from flightlog_bucket.storage.credentials import REPLACEMENT_INTERVAL_S, TokenKeeper
from flightlog_bucket.storage.session_token import SessionToken
import pytest
from support.token_pair import DOWN, Pair, Service


@pytest.fixture
def pair() -> Pair:
    return Pair(Service())


def test_it_is_replaced_once(pair):
    assert pair.used() == 1
    for _ in range(10):
        assert pair.keeper.replace(1)
    assert pair.used() == 2
    assert pair.keeper.replace(1)
    for _ in range(10):
        assert not pair.keeper.replace(2)
    assert pair.used() == 2
    assert pair.service.asked == 2
    pair.service.now_s += REPLACEMENT_INTERVAL_S
    assert pair.keeper.replace(2)
    assert pair.used() == 3


def test_many_that_were_denied_at_once_get_the_same_new_token(pair):
    assert pair.used() == 1
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(pair.keeper.replace, [1] * 32))
    assert pair.used() == 2
    assert pair.service.asked == 2


def test_it_stays_in_use_where_there_is_no_other(pair):
    assert pair.used() == 1
    pair.service.error = Unavailable(DOWN)
    for _ in range(10):
        assert not pair.keeper.replace(1)
    assert pair.service.asked == 2
    assert pair.used() == 1
    assert (pair.status().state, pair.status().error) == ('valid', DOWN)
    pair.service.error = None
    pair.service.now_s += REPLACEMENT_INTERVAL_S
    assert pair.keeper.replace(1)
    assert pair.used() == 2


def test_a_new_token_that_was_not_used_in_time_is_not_used_at_all(pair):
    assert pair.used() == 1
    assert pair.keeper.replace(1)
    pair.service.now_s += pair.service.life_s
    assert pair.used() == 3


def test_what_is_secret_is_taken_out_of_a_text():
    service = Service()
    keeper = TokenKeeper(service.fetch, service.clock)
    assert keeper.redacted('token1') == 'token1'
    pair = Pair(service)
    assert pair.used() == 1
    pair.keeper.refuse(1)
    assert pair.used() == 2
    said = pair.keeper.redacted('key2: secret2 of token2, not token1')
    assert said == '***: *** of ***, not ***'
    assert 'secret2' not in repr(vars(pair.keeper))


def test_a_secret_that_holds_another_leaves_nothing():
    keeper = TokenKeeper(lambda: SessionToken('KEY', 'KEY-long', 'T', 900.0), lambda: 0.0)
    keeper.refresh()
    assert keeper.redacted('KEY-long') == '***'
