"""Session tokens under botocore's own refreshable credentials."""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
import threading
from typing import Any

from botocore.credentials import RefreshableCredentials
from flightlog_bucket.errors import (
    AuthenticationFailed,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.results import CredentialStatus
from flightlog_bucket.storage.credentials import FAILURE_MEMORY_S
import pytest
from support.token_pair import DOWN, Pair, Service

LIVES_S = [10.0, 15 * 60.0, 12 * 3600.0]


@pytest.fixture
def pair() -> Pair:
    return Pair(Service())


def test_nothing_is_fetched_before_it_is_needed(pair):
    assert pair.service.asked == 0
    assert pair.status() == CredentialStatus('none', None, '')
    assert pair.keeper.generation == 0


@pytest.mark.parametrize('life_s', LIVES_S)
def test_a_token_is_renewed_before_it_ends(life_s):
    """For the first three quarters of its life it is used; then there is a new one."""
    pair = Pair(Service(life_s))
    begin = pair.service.now_s
    used = []
    for tenth in range(21):
        pair.service.now_s = begin + tenth * life_s / 10
        used.append(pair.used())
        rest_s = pair.status().expires_in_s
        assert rest_s is not None
        assert rest_s > life_s / 5
    assert used == [1] * 8 + [2] * 8 + [3] * 5
    assert pair.service.asked == 3


@pytest.mark.parametrize('life_s', LIVES_S)
def test_a_token_after_a_long_sleep(life_s):
    pair = Pair(Service(life_s))
    assert pair.used() == 1
    pair.service.now_s += life_s
    assert pair.used() == 2
    pair.service.now_s += 1000 * life_s
    assert pair.status() == CredentialStatus('expired', None, '')
    assert pair.used() == 3
    assert pair.status() == CredentialStatus('valid', life_s, '')


def test_the_life_counts_from_the_question(pair):
    pair.service.takes_s = 20.0
    assert pair.used() == 1
    assert pair.status().expires_in_s == pytest.approx(900.0 - 20.0)


def test_lives_that_differ(pair):
    for number, life_s in enumerate((10.0, 43200.0, 60.0), start=1):
        pair.service.life_s = life_s
        assert pair.used() == number
        assert pair.status().expires_in_s == pytest.approx(life_s)
        pair.service.now_s += life_s * 0.74
        assert pair.used() == number
        pair.service.now_s += life_s * 0.1


@pytest.mark.parametrize('takes_s', [10.0, 11.0])
def test_a_token_that_ends_on_its_way(takes_s):
    pair = Pair(Service(10.0))
    pair.service.takes_s = takes_s
    with pytest.raises(SessionServiceError, match=r'is valid for 10 s, and took 1[01] s to come'):
        pair.used()
    assert pair.status().state == 'failed'


def all_at_once(call: Callable[[], int], count: int) -> list[int]:
    """Return what ``count`` threads got that began together."""
    barrier = threading.Barrier(count)

    def run() -> int:
        barrier.wait(20)
        return call()

    with ThreadPoolExecutor(count) as pool:
        return [f.result(20) for f in [pool.submit(run) for _ in range(count)]]


def test_twenty_threads_fetch_one_token():
    for _ in range(20):
        pair = Pair(Service())
        assert all_at_once(pair.used, 20) == [1] * 20
        pair.service.now_s += 900.0
        assert all_at_once(pair.used, 20) == [2] * 20
        pair.keeper.refuse(2)
        assert all_at_once(pair.used, 20) == [3] * 20
        assert pair.service.asked == 3


class SlowToPublish(RefreshableCredentials):
    """Stops between the arrival of a token and its use."""

    has_arrived = threading.Event()
    goes_on = threading.Event()

    def _set_from_data(self, data: Any) -> None:
        self.has_arrived.set()
        assert self.goes_on.wait(20)
        super()._set_from_data(data)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlowToPublish, 'has_arrived', threading.Event())
    monkeypatch.setattr(SlowToPublish, 'goes_on', threading.Event())


@pytest.mark.usefixtures('events')
@pytest.mark.parametrize('before', ['no token', 'an expired token', 'a refused token'])
def test_no_thread_signs_with_the_token_before(before):
    """Nor with none: what has arrived is not what botocore signs with until it has stored it."""
    pair = Pair(Service(), SlowToPublish)
    expected = 1
    if before != 'no token':
        SlowToPublish.goes_on.set()
        assert pair.used() == 1
        SlowToPublish.goes_on.clear()
        SlowToPublish.has_arrived.clear()
        expected = 2
        if before == 'a refused token':
            pair.keeper.refuse(1)
        else:
            pair.service.now_s += 900.0
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pair.used)
        assert SlowToPublish.has_arrived.wait(20)
        assert pair.status().state == ('none' if before == 'no token' else 'expired')
        second = pool.submit(pair.used)
        with pytest.raises(FutureTimeoutError):
            second.result(0.2)  # it waits for the new token
        SlowToPublish.goes_on.set()
        assert (first.result(20), second.result(20)) == (expected, expected)
    assert pair.service.asked == expected


@pytest.mark.usefixtures('events')
def test_nobody_waits_for_a_token_that_is_renewed_early():
    pair = Pair(Service(), SlowToPublish)
    SlowToPublish.goes_on.set()
    assert pair.used() == 1
    SlowToPublish.has_arrived.clear()
    SlowToPublish.goes_on.clear()
    pair.service.now_s += 900.0 * 0.8
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(pair.used)
        assert SlowToPublish.has_arrived.wait(20)
        assert pair.used() == 1
        SlowToPublish.goes_on.set()
        assert first.result(20) == 2


def test_a_refused_token_is_replaced_once(pair):
    assert pair.used() == 1
    generation = pair.keeper.generation
    pair.keeper.refuse(generation)
    assert pair.status() == CredentialStatus('expired', None, '')
    assert pair.used() == 2
    # The other requests that it was refused for come late, and must not cost the new token.
    pair.keeper.refuse(generation)
    assert pair.used() == 2
    assert pair.service.asked == 2
    assert pair.status().state == 'valid'


def test_a_refused_token_without_a_new_one(pair):
    assert pair.used() == 1
    pair.keeper.refuse(1)
    pair.service.error = Unavailable(DOWN)
    with pytest.raises(Unavailable):
        pair.used()
    assert pair.status() == CredentialStatus('failed', None, DOWN)


@pytest.mark.parametrize('life_s', LIVES_S)
def test_a_valid_token_outlives_a_failing_service(life_s):
    """From three quarters on a new one is asked for; the old one is used to its last sixth."""
    pair = Pair(Service(life_s))
    assert pair.used() == 1
    pair.service.now_s += life_s * 0.8
    pair.service.error = Unavailable(DOWN)
    assert pair.used() == 1
    assert pair.status() == CredentialStatus('valid', pytest.approx(life_s * 0.2), DOWN)
    pair.service.error = None
    pair.service.now_s += FAILURE_MEMORY_S
    if life_s > 100:
        assert pair.used() == 2
    pair.service.now_s += life_s
    pair.service.error = Unavailable(DOWN)
    with pytest.raises(Unavailable):
        pair.used()


def test_a_failure_counts_for_those_who_waited(pair):
    """Twenty calls to a dead service take as long as one."""
    pair.service.error = Unavailable(DOWN)
    for _ in range(20):
        with pytest.raises(Unavailable, match='is down'):
            pair.used()
    assert pair.service.asked == 1
    pair.service.now_s += FAILURE_MEMORY_S - 0.01
    with pytest.raises(Unavailable):
        pair.used()
    assert pair.service.asked == 1
    pair.service.now_s += 0.02
    with pytest.raises(Unavailable):
        pair.used()
    assert pair.service.asked == 2


def test_a_failure_counts_from_its_end(pair):
    pair.service.error, pair.service.takes_s = Unavailable(DOWN), 10.0
    for _ in range(3):
        with pytest.raises(Unavailable):
            pair.used()
    assert pair.service.asked == 1


def test_a_failure_is_forgotten_when_a_token_comes(pair):
    pair.service.error = AuthenticationFailed('no')
    with pytest.raises(AuthenticationFailed):
        pair.used()
    assert pair.status() == CredentialStatus('failed', None, 'Authentication failed: no')
    pair.service.error = None
    pair.service.now_s += FAILURE_MEMORY_S
    assert pair.used() == 1
    assert pair.status() == CredentialStatus('valid', 900.0, '')
