"""Whether a client still moves, on a clock of the test."""
from flightlog_bucket.web import pace
from flightlog_bucket.web.pace import BODY, HEAD, NOTHING, Pace, READER
import pytest


def looks(*seen: tuple[float, str, int]) -> list[bool]:
    """Return, look by look, whether the connection is to be closed."""
    measured = Pace(0.0)
    return [measured.look(now_s, waits_for, moved) is not None for now_s, waits_for, moved in seen]


@pytest.mark.parametrize('kind', [BODY, READER])
def test_a_crawling_client_is_given_up_after_the_window(kind: str) -> None:
    assert looks((0, kind, 0), (19.9, kind, 20479), (20, kind, 20479)) == [False, False, True]


@pytest.mark.parametrize('kind', [BODY, READER])
def test_a_slow_client_is_not(kind: str) -> None:
    seen = [(s * 2.5, kind, int(s * 2.5 * 1100)) for s in range(200)]
    assert not any(looks(*seen))


def test_a_client_that_stops_in_the_middle_is_given_up_too() -> None:
    assert looks((0, BODY, 0), (5, BODY, 10**6), (24.9, BODY, 10**6),
                 (25, BODY, 10**6)) == [False, False, False, True]


@pytest.mark.parametrize('kind', [BODY, READER, HEAD])
def test_only_the_time_counts_in_which_it_is_waited_for(kind: str) -> None:
    # E.g. the disk was slow, or another request came.
    assert not any(looks((0, kind, 0), (9, kind, 0), (9.5, NOTHING, 0), (1000, NOTHING, 0),
                         (1001, kind, 0), (1010, kind, 0)))


def test_the_head_of_a_request_has_its_time_whatever_it_moves() -> None:
    assert looks((0, HEAD, 0), (9.9, HEAD, 10**9), (10, HEAD, 10**9)) == [False, False, True]


def test_what_it_says_has_numbers() -> None:
    measured = Pace(0.0)
    measured.look(0.0, READER, 0)
    assert measured.look(20.0, READER, 7) == '7 bytes of a reader in 20 s'
    assert pace.WINDOW_BYTES / pace.WINDOW_S == 1024
