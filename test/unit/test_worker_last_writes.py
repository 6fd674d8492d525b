"""What is cancelled while nobody knows whether its last write has stored it."""
import threading
from typing import Any

from flightlog_bucket.errors import (
    Cancelled,
    LedgerUnavailable,
    NotAllowed,
    Unavailable,
    Withdrawn,
)
from flightlog_bucket.transfers.records import REJECTED, STORED, WITHDRAWN
import pytest
from support.expect import wait_until
from support.goals_desk import Goals


@pytest.fixture
def desk(tmp_path):
    return Goals(tmp_path)


def send(desk: Goals, *, in_parts: bool = False) -> Any:
    """Bring a goal to where its last write is sent."""
    goal = desk.goal('a.ulg')
    desk.step()
    journal = desk.running[0].arguments['journal']
    if in_parts:
        journal.began('key/a.ulg', 'upload-1', 5)
    journal.may_be_stored('key/a.ulg')
    return goal


def store(desk: Goals) -> None:
    found = desk.found('a.ulg')
    desk.there = {found.path: found.fingerprint}


@pytest.mark.parametrize('in_parts', [True, False])
@pytest.mark.parametrize('error', [Cancelled('was stopped'), Unavailable('the answer is lost')])
def test_what_its_last_write_has_stored_is_stored(desk, error, in_parts) -> None:
    goal = send(desk, in_parts=in_parts)
    store(desk)
    desk.worker.withdraw(goal)
    desk.end(error)
    wait_until(lambda: desk.found('a.ulg').state != REJECTED and desk.asked)
    assert [o.upload_id for o in desk.aborted] == ['upload-1'] * in_parts
    wait_until(lambda: desk.step() == ['a.ulg'])
    assert not goal.done()
    desk.end()
    assert goal.result(0).s3_key == 'key/a.ulg'
    assert desk.found('a.ulg').state == STORED


def test_what_an_earlier_try_has_stored_is_stored(desk) -> None:
    goal = send(desk)
    desk.end(Unavailable('the answer is lost'))
    store(desk)
    desk.worker.withdraw(goal)
    wait_until(lambda: desk.step() == ['a.ulg'])
    desk.end()
    assert goal.result(0).s3_key == 'key/a.ulg'


@pytest.mark.parametrize('is_another', [True, False])
def test_what_is_not_there_is_cancelled(desk, is_another) -> None:
    goal = send(desk)
    if is_another:
        _, before = desk.log('b.ulg', 9)
        desk.there = {desk.directory / 'a.ulg': before}
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert str(goal.exception(20)) == f'{desk.directory}/a.ulg: the upload was cancelled'
    assert desk.asked == [(desk.directory / 'a.ulg', 'key/a.ulg')]
    assert desk.found('a.ulg').fault == WITHDRAWN


def test_what_cannot_come_any_more_is_not_looked_for_again(desk) -> None:
    goal = send(desk, in_parts=True)
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    assert desk.later == []


def test_what_comes_after_the_cancel_is_known_to_be_stored(desk) -> None:
    goal = send(desk)
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    wait_until(lambda: desk.later)
    with pytest.raises(Unavailable, match='may still come'):
        desk.later[0]()
    store(desk)
    desk.later[0]()
    assert desk.step() == ['a.ulg']


def test_what_does_not_come_is_not_looked_for_for_ever(desk) -> None:
    goal = send(desk)
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    wait_until(lambda: desk.later)
    desk.now_s += 61
    desk.later[0]()
    assert desk.found('a.ulg').fault == WITHDRAWN
    assert desk.step() == []


def test_what_nobody_can_tell_is_said_and_looked_up_later(desk) -> None:
    goal = send(desk)
    desk.there = Unavailable('down')
    desk.worker.withdraw(goal)
    desk.end(Unavailable('the answer is lost'))
    said = str(goal.exception(20))
    assert "may be in the bucket as 'key/a.ulg'" in said
    (job,) = desk.later
    with pytest.raises(Unavailable):
        job()
    assert desk.found('a.ulg').state == REJECTED
    store(desk)
    job()
    desk.now_s += 100
    assert desk.step() == ['a.ulg']
    desk.end()
    assert desk.found('a.ulg').state == STORED


def test_while_its_parts_cannot_be_aborted_it_may_be_there(desk) -> None:
    goal = send(desk, in_parts=True)
    desk.problem = Unavailable('down')
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    said = str(goal.exception(20))
    assert 'are removed later' in said
    assert "may be in the bucket as 'key/a.ulg'" in said
    assert len(desk.later) == 1


def test_what_may_not_be_asked_is_not_asked_again(desk) -> None:
    goal = send(desk)
    desk.there = NotAllowed('no right to look')
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert 'may be in the bucket' in str(goal.exception(20))
    assert 'no right to look' in str(goal.exception(20))
    assert desk.later == []


def test_while_uploads_are_paused_nobody_waits_for_its_next_try(desk) -> None:
    goal = send(desk)
    store(desk)
    desk.worker.set_paused(True)
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert 'it is in the bucket already' in str(goal.exception(20))
    assert goal.exception().goes_on
    desk.worker.set_paused(False)
    assert desk.step() == ['a.ulg']


def test_what_cannot_be_written_down_is_said(desk, monkeypatch) -> None:
    goal = send(desk)
    store(desk)

    def full(*arguments, **options):
        raise LedgerUnavailable('the disk is full')
    desk.worker.withdraw(goal)
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'accept', full)
        desk.end(Cancelled('was stopped'))
        assert 'it is in the bucket already, which cannot be written' in str(goal.exception(20))


def test_nothing_of_it_is_remembered_once_it_is_settled(desk) -> None:
    send(desk)
    desk.end()
    goal = desk.goal('a.ulg')
    desk.step()
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    assert desk.asked == []


@pytest.mark.parametrize('other', ['trigger', 'enqueue', 'retry'])
def test_who_asks_while_a_cancel_is_written_down_gets_it(desk, other, monkeypatch) -> None:
    goal = desk.goal('a.ulg')
    found, withdrawn, has_asked = desk.found('a.ulg'), desk.ledger.withdrawn, threading.Event()

    def ask() -> None:
        if other == 'retry':
            desk.ledger.retry([found.path])
        else:
            desk.ledger.accept(found.path, found.fingerprint, again=other == 'enqueue')
        has_asked.set()

    def interrupted(*arguments: Any) -> Any:
        threading.Thread(target=ask).start()
        assert has_asked.wait(20)
        return withdrawn(*arguments)
    monkeypatch.setattr(desk.ledger, 'withdrawn', interrupted)
    desk.worker.withdraw(goal)
    assert 'goes on in the background: others have asked' in str(goal.exception(0))
    assert goal.exception().goes_on
    assert desk.step() == ['a.ulg']
