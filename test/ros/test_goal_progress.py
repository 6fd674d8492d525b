"""How far a goal is, told from how its files stand."""
from pathlib import Path
import sys
import threading
from typing import Any

from flightlog_bucket.ros.goal_progress import Progress
from flightlog_bucket.transfers.standing import Standing
from hypothesis import given, strategies

NOW_S = 1_753_626_622.0


def _file(number: int, **fields: Any) -> Standing:
    plain = {'path': Path(f'/logs/{number}'), 'key': '', 'state': 'uploading', 'sent_bytes': 0,
             'total_bytes': 100, 'rate': 0.0, 'remaining_s': None, 'attempts': 1, 'reason': '',
             'next_attempt_s': 0.0, 'verdict': ''}
    return Standing(id=number, **{**plain, **fields})


def _told(*files: Standing) -> Any:
    progress = Progress()
    for file in files:
        progress.note(file)
    return progress.feedback([file.id for file in files], NOW_S)


def test_one_file() -> None:
    told = _told(_file(1, sent_bytes=40, rate=10.0, remaining_s=6.0))
    assert (told.state, told.sent_bytes, told.total_bytes) == ('uploading', 40, 100)
    assert (told.rate, told.remaining_s, told.attempts) == (10.0, 6.0, 1)
    assert (told.reason, told.next_attempt_in_s) == ('', 0.0)


def test_one_file_that_waits() -> None:
    told = _told(_file(1, state='queued', reason='no network', attempts=3,
                       next_attempt_s=NOW_S + 7))
    assert (told.state, told.reason, told.attempts) == ('queued', 'no network', 3)
    assert (told.next_attempt_in_s, told.remaining_s) == (7.0, -1.0)


def test_a_try_that_is_due_is_not_in_the_past() -> None:
    assert _told(_file(1, state='queued', next_attempt_s=NOW_S - 9)).next_attempt_in_s == 0.0


def test_files_together() -> None:
    told = _told(_file(1, state='stored', sent_bytes=100),
                 _file(2, sent_bytes=50, rate=5.0),
                 _file(3, state='queued', total_bytes=300, reason='later', attempts=2))
    assert (told.state, told.sent_bytes, told.total_bytes) == ('uploading', 150, 500)
    assert (told.rate, told.remaining_s, told.attempts) == (5.0, 70.0, 2)
    assert told.reason == ''


def test_files_of_which_none_moves() -> None:
    told = _told(_file(1, state='stored', sent_bytes=100),
                 _file(2, state='queued', next_attempt_s=NOW_S + 9),
                 _file(3, state='queued', reason='no network', next_attempt_s=NOW_S + 4))
    assert (told.state, told.reason, told.next_attempt_in_s) == ('queued', 'no network', 4.0)


def test_nothing_is_told_before_all_are_known() -> None:
    progress = Progress()
    progress.note(_file(1))
    assert progress.feedback([1, 2], NOW_S) is None
    assert progress.feedback([], NOW_S) is None
    progress.note(_file(2))
    assert progress.feedback([1, 2], NOW_S).total_bytes == 200


@given(strategies.lists(strategies.tuples(strategies.integers(1, 3), strategies.integers(0, 120))))
def test_it_never_goes_back_nor_too_far(steps: list[tuple[int, int]]) -> None:
    progress, last = Progress(), 0
    for number in (1, 2, 3):
        progress.note(_file(number))
    for number, sent in steps:
        progress.note(_file(number, sent_bytes=sent))
        told = progress.feedback([1, 2, 3], NOW_S)
        assert last <= told.sent_bytes <= told.total_bytes == 300
        last = told.sent_bytes


@given(strategies.lists(strategies.tuples(strategies.integers(1, 3), strategies.integers(0, 120),
                                          strategies.integers(1, 200))),
       strategies.integers(0, 600))
def test_it_never_goes_back_where_files_are_rewritten(steps: list[tuple[int, int, int]],
                                                      stored: int) -> None:
    progress, last = Progress(), 0
    for number in (1, 2, 3):
        progress.note(_file(number))
    for number, sent, total in steps:
        progress.note(_file(number, sent_bytes=sent, total_bytes=total))
        told = progress.feedback([1, 2, 3], NOW_S)
        assert last <= told.sent_bytes <= told.total_bytes
        last = told.sent_bytes
    told = progress.ended(stored)
    assert max(last, stored) == told.sent_bytes == told.total_bytes


def test_a_file_that_is_rewritten_smaller() -> None:
    progress = Progress()
    progress.note(_file(1, sent_bytes=60))
    assert progress.feedback([1], NOW_S).sent_bytes == 60
    progress.note(_file(2, total_bytes=40, sent_bytes=10, rate=5.0, remaining_s=6.0))
    told = progress.feedback([2], NOW_S)  # it goes on as another transfer
    assert (told.sent_bytes, told.total_bytes, told.remaining_s) == (60, 60, 6.0)
    assert progress.ended(40).sent_bytes == 60


def test_what_is_left_of_files_does_not_count_what_went_out_for_nothing() -> None:
    progress = Progress()
    for sent in (90, 10):
        progress.note(_file(1, sent_bytes=sent, rate=10.0))
        progress.note(_file(2))
        told = progress.feedback([1, 2], NOW_S)
    assert (told.sent_bytes, told.remaining_s) == (90, 19.0)


def test_a_reason_has_bounds() -> None:
    told = _told(_file(1, state='queued', reason='x' * 1_000_000))
    assert len(told.reason) == 4000


def test_the_end_may_come_while_it_is_noted() -> None:
    progress, stop = Progress(), threading.Event()

    def note() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            progress.note(_file(number % 5000))
            if number % 5000 == 0:
                progress._standings.clear()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    noting = threading.Thread(target=note)
    noting.start()
    try:
        for _ in range(300):
            progress.ended(1)
    finally:
        stop.set()
        noting.join()
        sys.setswitchinterval(interval_s)


def test_the_last_word_is_that_all_is_there() -> None:
    progress = Progress()
    progress.note(_file(1, sent_bytes=70, attempts=4))
    told = progress.ended(100)
    assert (told.sent_bytes, told.total_bytes, told.attempts) == (100, 100, 4)
    assert (told.remaining_s, told.state) == (0.0, 'uploading')
