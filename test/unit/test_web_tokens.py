"""Tokens and tickets, on a clock of the test."""
from pathlib import Path

from flightlog_bucket.web.tickets import LIFE_S, Tickets
from flightlog_bucket.web.token_file import LOOK_S, TokenFile
import pytest

OLD, NEW = b'an-old-token-of-a-test', b'a-new-token-of-a-test!'


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_ticket_expires(clock: Clock) -> None:
    tickets = Tickets(clock)
    ticket = tickets.issue('a/key')
    assert tickets.is_good(ticket, 'a/key')
    assert ticket != tickets.issue('a/kez')
    clock.now_s += LIFE_S - 0.1
    assert tickets.is_good(ticket, 'a/key')
    clock.now_s += 0.2
    assert not tickets.is_good(ticket, 'a/key')


@pytest.mark.parametrize('text', ['', '.', '1.', '.a', '1.a', '9' * 10000 + '.a', '-1.a', '1e9.a',
                                  '١.a', '1.é', '1.\udc80', ' 1600.a', '+1600.a'])
def test_no_other_text_is_a_ticket(clock: Clock, text: str) -> None:
    assert not Tickets(clock).is_good(text, 'a/key')


def test_what_is_changed_in_a_ticket_ends_it(clock: Clock) -> None:
    tickets = Tickets(clock)
    ends, _, signature = tickets.issue('a/key').partition('.')
    assert not tickets.is_good(f'{int(ends) + 1}.{signature}', 'a/key')
    assert not tickets.is_good(f'0{ends}.{signature}', 'a/kex')
    assert not Tickets(clock).is_good(f'{ends}.{signature}', 'a/key')  # of another process


def test_a_ticket_for_a_name_that_is_no_text(clock: Clock) -> None:
    tickets = Tickets(clock)
    assert tickets.is_good(tickets.issue('a/\udcff.ulg'), 'a/\udcff.ulg')


def test_a_token_is_read_again_when_its_file_changed(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / 'token'
    path.write_bytes(OLD + b'\n')
    tokens = TokenFile(path, clock=clock)
    assert tokens.is_right(OLD)
    for wrong in (NEW, b'', OLD[:-1], OLD + b'x', b'\xff'):
        assert not tokens.is_right(wrong)
    spare = tmp_path / 'spare'
    spare.write_bytes(NEW)
    spare.replace(path)
    assert tokens.is_right(OLD)  # it does not look at each request
    clock.now_s += LOOK_S
    assert not tokens.is_right(OLD)
    assert tokens.is_right(NEW)


# None is as long as the token: two changes within a tick of the clock of a disk look like none.
@pytest.mark.parametrize('content', [None, b'short', b'', b'two words, no token'])
def test_no_token_is_right_while_there_is_none(clock: Clock, tmp_path: Path,
                                               content: bytes) -> None:
    path = tmp_path / 'token'
    path.write_bytes(OLD)
    tokens = TokenFile(path, clock=clock)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    clock.now_s += LOOK_S
    for token in (OLD, content or b''):
        assert not tokens.is_right(token)
    path.write_bytes(OLD)
    clock.now_s += LOOK_S
    assert tokens.is_right(OLD)
