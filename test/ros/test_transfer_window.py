"""What ~/transfers publishes, and what a late subscriber finds of it."""
from collections import deque
from pathlib import Path
import random

from flightlog_bucket.ros.transfer_topic import TransferTopic, Window
from flightlog_bucket.transfers.standing import Standing
from hypothesis import given, settings, strategies

DEPTH, MOST = 12, 5
STATES = ('uploading', 'queued', 'rejected', 'stored')


def _standing(number: int, state: str, sent: int = 0) -> Standing:
    return Standing(id=number, path=Path(f'/logs/{number}.ulg'), key='', state=state,
                    sent_bytes=sent, total_bytes=1000, rate=0.0, remaining_s=None, attempts=1,
                    reason='', next_attempt_s=0.0, verdict='')


class Desk:
    """A topic whose clock is moved by hand, and what a late subscriber is given of it."""

    def __init__(self, depth: int = DEPTH, most: int = MOST) -> None:
        self.now_s = 100.0
        self.messages: list = []
        self.history: deque = deque(maxlen=depth)
        self.window = Window(depth, most)
        self.topic = TransferTopic(self._publish, self.window, clock=lambda: self.now_s,
                                   wall_clock=lambda: 1_753_626_622.5)

    def _publish(self, message) -> None:
        self.messages.append(message)
        self.history.append(message)

    def say(self, number: int, state: str, sent: int = 0) -> None:
        self.topic.show('upload', _standing(number, state, sent))
        self.now_s += 1.0
        self.topic.flush()

    def late(self) -> dict[int, str]:
        return {message.id: message.state for message in self.history}


@given(strategies.lists(strategies.tuples(strategies.integers(0, 30),
                                          strategies.sampled_from(STATES)), max_size=150))
@settings(max_examples=200, deadline=None)
def test_a_late_subscriber_sees_what_matters_most(changes) -> None:
    desk, last, most_moved = Desk(), {}, 0
    for number, state in changes:
        desk.say(number, state)
        last[number] = state
        moving = {n for n, state in last.items() if state == 'uploading'}
        most_moved = max(most_moved, len(moving))
        kept = {number for _, number in desk.window.shown()}
        assert len(kept) <= MOST
        assert moving <= kept or most_moved > MOST
        late = desk.late()
        assert {n: late.get(n) for n in kept} == {n: last[n] for n in kept}


def test_those_that_move_stay_whatever_else_is_said() -> None:
    desk, chance = Desk(), random.Random(7)
    for number in (1, 2):
        desk.say(number, 'uploading')
    for number in (3, 4):
        desk.say(number, 'queued')
    for number in range(100, 600):
        desk.say(number, chance.choice(('stored', 'rejected')))
        late = desk.late()
        assert [late[n] for n in (1, 2, 3, 4)] == ['uploading'] * 2 + ['queued'] * 2


def test_the_latest_stored_ones_are_kept() -> None:
    desk = Desk()
    for number in range(50):
        desk.say(number, 'stored')
    assert sorted(number for _, number in desk.window.shown()) == [45, 46, 47, 48, 49]


def test_of_those_that_wait_the_first_are_kept() -> None:
    desk = Desk()
    for number in range(50):
        desk.say(number, 'queued')
    assert sorted(number for _, number in desk.window.shown()) == [0, 1, 2, 3, 4]
    desk.say(50, 'uploading')
    assert 50 in {number for _, number in desk.window.shown()}


def test_repetition_costs_little() -> None:
    desk = Desk(depth=1000, most=500)
    for number in range(500):
        desk.say(number, 'queued')
    for step in range(5000):
        desk.say(1000, 'uploading', step + 1)
    assert len(desk.messages) < 500 + 5000 + 5000 * 1.1


def test_at_most_two_messages_a_second_and_the_last_one_counts() -> None:
    desk = Desk()
    for step in range(1, 101):
        desk.topic.show('upload', _standing(1, 'uploading', step))
        desk.topic.flush()
        desk.now_s += 0.05  # 5 s in all
    desk.now_s += 0.5
    assert desk.topic.flush() is None
    assert 10 <= len(desk.messages) <= 11
    assert [m.sent_bytes for m in desk.messages] == sorted(m.sent_bytes for m in desk.messages)
    assert desk.messages[-1].sent_bytes == 100


def test_a_change_of_state_is_only_delayed() -> None:
    desk = Desk()
    desk.topic.show('upload', _standing(1, 'uploading'))
    assert desk.topic.flush() is None
    desk.now_s += 0.2
    desk.topic.show('upload', _standing(1, 'stored', 1000))
    pause_s = desk.topic.flush()
    assert pause_s is not None
    assert 0.29 < pause_s <= 0.31
    assert len(desk.messages) == 1
    desk.now_s += pause_s + 0.001
    assert desk.topic.flush() is None
    assert [m.state for m in desk.messages] == ['uploading', 'stored']


def test_what_is_said_again_for_late_subscribers_counts_as_said() -> None:
    desk = Desk()
    desk.say(1, 'queued')
    times_s = [desk.now_s]
    step = 0
    while len(times_s) < 2:  # until it would leave the history
        step += 1
        desk.say(2, 'uploading', step)
        if desk.messages[-1].id == 1:
            times_s.append(desk.now_s)
    desk.topic.show('upload', _standing(1, 'uploading'))
    pause_s = desk.topic.flush()
    assert desk.messages[-1].state == 'queued'
    assert pause_s == 0.5
    desk.now_s += pause_s
    desk.topic.flush()
    assert (desk.messages[-1].id, desk.messages[-1].state) == (1, 'uploading')


def test_what_is_said_again_is_as_new_as_can_be() -> None:
    desk = Desk(depth=3, most=1)
    desk.say(1, 'uploading', 10)
    desk.topic.show('upload', _standing(1, 'uploading', 20))  # not due yet
    desk.topic.show('download', _standing(1, 'queued'))
    desk.topic.show('download', _standing(2, 'queued'))
    desk.now_s -= 0.6
    desk.topic.flush()
    assert [(m.direction, m.id, m.sent_bytes) for m in desk.messages] == [
        ('upload', 1, 10), ('download', 1, 0), ('download', 2, 0), ('upload', 1, 20)]
    assert desk.topic.flush() is None


def test_what_has_not_changed_is_not_said_again() -> None:
    desk = Desk()
    for _ in range(20):
        desk.say(1, 'queued')
    assert len(desk.messages) == 1


def test_uploads_and_downloads_of_one_number_are_two() -> None:
    desk = Desk()
    desk.topic.show('upload', _standing(1, 'queued'))
    desk.topic.show('download', _standing(1, 'downloading'))
    desk.topic.flush()
    assert [(m.direction, m.id, m.state) for m in desk.messages] == [
        ('upload', 1, 'queued'), ('download', 1, 'downloading')]
    assert desk.messages[0].stamp.sec == 1_753_626_622
    assert desk.messages[0].remaining_s == -1.0
    assert desk.messages[0].next_attempt.sec == 0
