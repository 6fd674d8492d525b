"""Checks before uploads: they take minutes, and neither a caller nor a pause waits for one."""
import threading

from flightlog_bucket.errors import Busy, Cancelled, CorruptLog, Paused, Unavailable
from flightlog_bucket.transfers.records import QUEUED, REJECTED, STORED, UPLOADING
import pytest
from support.desk import Desk


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def _is_cancelled(desk) -> bool:
    return desk.running[0].arguments['cancel'].is_set()


def _check_ends(desk) -> None:
    """Let the first log be found fit: what is about to be sent is noted first of all."""
    path = desk.running[0].path
    desk.running[0].arguments['journal'].begin(desk.ledger.find(path).fingerprint)


def _passes(desk, seconds: int) -> None:
    for _ in range(seconds):
        desk.now_s += 1
        desk.step()


def test_who_waits_for_a_check_is_told_and_the_check_goes_on(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    _passes(desk, 31)
    assert not outcome.done()
    _passes(desk, 1)
    assert type(outcome.exception(0)) is Busy
    assert str(outcome.exception(0)) == (
        f'{desk.directory}/a.ulg is accepted, and after 30 s still being checked or waiting for'
        ' that; it goes on in the background')
    assert desk.names() == ['a.ulg']
    assert not _is_cancelled(desk)
    assert desk.ledger.find(desk.directory / 'a.ulg').state == UPLOADING
    desk.end()
    assert desk.ledger.find(desk.directory / 'a.ulg').state == STORED


def test_who_asks_while_it_is_checked_has_as_long_to_wait(desk) -> None:
    outcomes = [desk.ask('a.ulg')]
    desk.step()
    _passes(desk, 20)
    fingerprint = desk.ledger.find(desk.directory / 'a.ulg').fingerprint
    outcomes.append(desk.worker.submit(desk.directory / 'a.ulg', fingerprint))
    _passes(desk, 29)
    assert [outcome.done() for outcome in outcomes] == [True, False]
    _passes(desk, 1)
    assert isinstance(outcomes[1].exception(0), Busy)


def test_the_wait_for_a_turn_is_not_that_for_a_check(desk) -> None:
    for name in ('a.ulg', 'b.ulg'):
        desk.accept(name)
    desk.step()
    outcome = desk.ask('c.ulg')
    for _ in range(29):
        desk.now_s += 1
        for one in desk.running:
            one.arguments['on_sent'](1)
    desk.end()
    assert desk.step() == ['b.ulg', 'c.ulg']
    _passes(desk, 31)
    assert not outcome.done()
    _passes(desk, 1)
    assert isinstance(outcome.exception(0), Busy)


def test_the_error_of_a_network_that_gives_no_answer_comes_before_the_check(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    _passes(desk, 30)
    desk.end(Unavailable('no answer'))
    desk.step()
    assert str(outcome.exception(0)) == 'no answer'


def test_what_moves_before_a_check_is_not_its_time(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    _passes(desk, 20)
    desk.running[0].arguments['on_sent'](0)
    _passes(desk, 31)
    assert not outcome.done()
    _passes(desk, 1)
    assert isinstance(outcome.exception(0), Busy)


def test_who_waits_for_a_log_that_was_checked_hears_what_becomes_of_it(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    _passes(desk, 29)
    _check_ends(desk)
    _passes(desk, 100)
    assert not outcome.done()
    desk.end(Unavailable('no answer'))
    assert str(outcome.exception(0)) == 'no answer'


def test_who_waits_for_what_a_log_holds_after_that_is_told_as_well(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    second = desk.worker.submit(*desk.log('a.ulg', size=5))
    _passes(desk, 32)
    assert isinstance(second.exception(0), Busy)
    desk.end()
    assert desk.step() == ['a.ulg']
    assert desk.ledger.find(desk.directory / 'a.ulg').fingerprint.size == 5


def test_a_file_that_goes_with_another_one_waits_for_its_turn_but_not_for_its_check(desk) -> None:
    desk.ask('a.ulg')
    desk.ask('b.ulg')
    desk.step()
    outcome = desk.ask('c.ulg', follows=True)
    for _ in range(100):
        desk.now_s += 1
        for one in desk.running:
            one.arguments['on_sent'](1)
        desk.step()
    assert not outcome.done()
    desk.end()
    assert desk.step() == ['b.ulg', 'c.ulg']
    _passes(desk, 32)
    assert isinstance(outcome.exception(0), Busy)


def test_a_pause_ends_a_check_and_it_begins_again_afterwards(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    assert _is_cancelled(desk)
    assert isinstance(outcome.exception(0), Paused)
    desk.end(Cancelled('the check of the log was stopped'))
    assert desk.step() == []
    found = desk.ledger.find(desk.directory / 'a.ulg')
    assert (found.state, found.attempts, found.reason) == (QUEUED, 0, '')
    assert desk.worker.outcomes.last_errors() == ()
    assert desk.calls == []
    desk.worker.set_paused(False)
    assert desk.step() == ['a.ulg']
    assert not _is_cancelled(desk)
    desk.end()
    assert desk.ledger.find(desk.directory / 'a.ulg').state == STORED


def test_a_pause_leaves_what_is_on_the_wire_to_the_throttle(desk) -> None:
    desk.accept('a.ulg')
    desk.step()
    _check_ends(desk)
    desk.worker.set_paused(True)
    assert not _is_cancelled(desk)


def test_a_pause_that_cannot_be_written_down_ends_a_check_as_well(desk, monkeypatch) -> None:
    desk.accept('a.ulg')
    desk.step()

    def surprise(_):
        raise ZeroDivisionError
    monkeypatch.setattr(desk.ledger._database, 'run', surprise)
    with pytest.raises(ZeroDivisionError):
        desk.worker.set_paused(True)
    assert _is_cancelled(desk)


@pytest.mark.parametrize('place', ['claim', 'journal'])
def test_a_pause_while_an_upload_begins(desk, monkeypatch, place) -> None:
    pausing = threading.Thread(target=desk.worker.set_paused, args=(True,))
    original, has_begun = getattr(desk.ledger, place), threading.Event()

    def pause_meanwhile(*arguments, **options):
        if not pausing.is_alive() and not has_begun.is_set():
            has_begun.set()
            pausing.start()
        return original(*arguments, **options)
    monkeypatch.setattr(desk.ledger, place, pause_meanwhile)
    desk.accept('a.ulg')
    desk.step()
    pausing.join(20)
    assert has_begun.is_set()
    assert not pausing.is_alive()
    assert _is_cancelled(desk)
    desk.end(Cancelled('stopped'))
    assert desk.step() == []
    desk.worker.set_paused(False)
    assert desk.step() == ['a.ulg']


def test_resumed_before_the_check_has_ended(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.worker.set_paused(False)
    fingerprint = desk.ledger.find(desk.directory / 'a.ulg').fingerprint
    outcome = desk.worker.submit(desk.directory / 'a.ulg', fingerprint)
    assert desk.step() == ['a.ulg']
    assert _is_cancelled(desk)
    desk.end(Cancelled('the check of the log was stopped'))
    assert not outcome.done()
    assert desk.step() == ['a.ulg']
    assert not _is_cancelled(desk)
    desk.end()
    assert outcome.result(0).s3_key == 'key/a.ulg'


def test_resumed_before_a_check_ended_that_the_pause_came_too_late_for(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.worker.set_paused(False)
    fingerprint = desk.ledger.find(desk.directory / 'a.ulg').fingerprint
    outcome = desk.worker.submit(desk.directory / 'a.ulg', fingerprint)
    desk.end()
    assert outcome.result(0).s3_key == 'key/a.ulg'
    assert desk.step() == []


def test_who_asks_between_two_pauses_is_told_of_the_second(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.worker.set_paused(False)
    fingerprint = desk.ledger.find(desk.directory / 'a.ulg').fingerprint
    outcome = desk.worker.submit(desk.directory / 'a.ulg', fingerprint)
    desk.worker.set_paused(True)
    assert isinstance(outcome.exception(0), Paused)
    desk.end(Cancelled('stopped'))
    assert desk.ledger.find(desk.directory / 'a.ulg').state == QUEUED


def test_a_log_that_was_rewritten_while_a_pause_ended_its_check(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.worker.set_paused(False)
    outcomes = [desk.worker.submit(desk.directory / 'a.ulg',
                                   desk.ledger.find(desk.directory / 'a.ulg').fingerprint),
                desk.worker.submit(*desk.log('a.ulg', size=5))]
    desk.end(Cancelled('stopped'))
    assert desk.step() == ['a.ulg']
    desk.end()
    assert [outcome.result(0).s3_key for outcome in outcomes] == ['key/a.ulg', 'key/a.ulg']
    assert desk.step() == []


@pytest.mark.parametrize(('error', 'state'), [(None, STORED), (CorruptLog('torn'), REJECTED)])
def test_a_check_that_ends_by_itself_while_it_is_paused_counts(desk, error, state) -> None:
    desk.accept('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.end(error)
    assert desk.ledger.find(desk.directory / 'a.ulg').state == state


def test_who_waits_for_a_check_hears_that_the_node_is_ending(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    desk.worker.stop()
    desk.end(Cancelled('stopped'))
    assert type(outcome.exception(0)) is Cancelled
