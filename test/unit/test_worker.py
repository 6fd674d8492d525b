"""The worker, with a real ledger; the test says when a try ends, and what time it is."""
from concurrent.futures import Future
import logging
import threading

from flightlog_bucket.errors import (
    Busy,
    Cancelled,
    LedgerUnavailable,
    LocalFileChanged,
    LocalFileNotFound,
    Paused,
    Unavailable,
    ValidationFailed,
)
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.records import Counts, QUEUED, REJECTED, STORED, UPLOADING
from flightlog_bucket.transfers.worker import Worker
import pytest
from support.desk import Desk
from support.expect import wait_until


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_urgent_ones_then_small_ones_and_no_more_at_once_than_slots(desk) -> None:
    desk.accept('large.ulg', 30)
    desk.accept('small.ulg', 10)
    desk.ask('urgent.ulg')
    assert desk.step() == ['urgent.ulg', 'small.ulg']
    assert desk.ledger.counts() == Counts(1, 2, 0, 0)
    desk.end()
    assert desk.step() == ['small.ulg', 'large.ulg']


def test_the_outcome_of_a_log_that_is_stored(desk) -> None:
    outcome = desk.ask('a.ulg', name='mission.ulg')
    desk.step()
    desk.end()
    assert outcome.result(0).s3_key == 'key/mission.ulg'
    found = desk.ledger.find(desk.directory / 'a.ulg')
    assert (found.state, found.key) == (STORED, 'key/mission.ulg')
    assert desk.calls == ['stored']
    assert desk.step() == []


def test_two_who_ask_for_one_log_share_one_upload(desk) -> None:
    outcomes = [desk.ask('a.ulg')]
    outcomes.append(desk.worker.submit(desk.directory / 'a.ulg',
                                       desk.ledger.find(desk.directory / 'a.ulg').fingerprint))
    assert desk.step() == ['a.ulg']
    desk.end()
    assert outcomes[0].result(0) == outcomes[1].result(0)


def test_a_log_that_was_rewritten_under_way_is_sent_again(desk) -> None:
    first = desk.ask('a.ulg')
    desk.step()
    path, changed = desk.log('a.ulg', size=5)
    second = desk.worker.submit(path, changed)
    assert desk.step() == ['a.ulg']
    desk.ledger.journal(desk.ledger.find(path).id)
    desk.end()
    assert first.done()
    assert not second.done()
    assert desk.step() == ['a.ulg']
    desk.end()
    assert second.result(0).s3_key == 'key/a.ulg'
    assert desk.step() == []


def test_a_fault_that_is_not_the_logs_is_tried_again_and_each_pause_is_longer(desk) -> None:
    path = desk.accept('a.ulg')
    for pause_s in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert desk.step() == ['a.ulg']
        desk.end(LocalFileChanged('was written to'))
        assert desk.step() == []
        assert desk.ledger.next_due_s() == pytest.approx(pause_s)
        desk.now_s += pause_s
    found = desk.ledger.find(path)
    assert (found.state, found.attempts, found.reason) == (QUEUED, 5, 'was written to')


def test_a_try_that_brought_parts_up_makes_the_next_pause_short(desk) -> None:
    desk.accept('a.ulg')
    for _ in range(4):
        desk.step()
        desk.running[0].arguments['journal'].acknowledged(Part(1, 5, 1, 'e'))
        desk.end(LocalFileChanged('was written to'))
        assert desk.ledger.next_due_s() == pytest.approx(1.0)
        desk.now_s += 1.0


def test_a_surprise_never_loses_a_log(desk, caplog) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    desk.end(RuntimeError('a surprise'))
    assert isinstance(outcome.exception(0), RuntimeError)
    assert desk.ledger.find(desk.directory / 'a.ulg').state == QUEUED
    assert 'RuntimeError: a surprise' in caplog.text


def test_who_asks_is_told_of_the_first_failure_and_the_log_stays_accepted(desk) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    desk.end(Unavailable('down'))
    assert isinstance(outcome.exception(0), Unavailable)
    assert desk.ledger.find(desk.directory / 'a.ulg').state == QUEUED
    assert desk.calls == ['network']


@pytest.mark.parametrize('error', [ValidationFailed('no ULog'), LocalFileNotFound('gone')])
def test_what_no_retry_can_mend_is_rejected(desk, error) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    desk.end(error)
    assert outcome.exception(0) is error
    found = desk.ledger.find(desk.directory / 'a.ulg')
    assert (found.state, found.reason, found.fault) == (REJECTED, str(error), type(error).__name__)
    assert desk.worker.outcomes.last_errors()[0].endswith(str(error))
    assert (desk.calls == [desk.directory / 'a.ulg']) == isinstance(error, LocalFileNotFound)


def test_uploading_a_rejected_log_again_tries_anew(desk) -> None:
    desk.accept('a.ulg')
    desk.step()
    desk.end(ValidationFailed('no ULog'))
    assert desk.step() == []
    fingerprint = desk.ledger.find(desk.directory / 'a.ulg').fingerprint
    desk.worker.submit(desk.directory / 'a.ulg', fingerprint)
    assert desk.step() == ['a.ulg']


def test_without_network_the_others_are_not_tried_in_vain(desk) -> None:
    for name in ('a.ulg', 'b.ulg', 'c.ulg'):
        desk.accept(name)
    assert desk.step() == ['a.ulg', 'b.ulg']
    desk.end(Unavailable('down'))
    desk.end(Unavailable('down'))
    assert desk.step() == []
    assert desk.ask('urgent.ulg')
    assert desk.step() == ['urgent.ulg']
    desk.end(Unavailable('down'))
    assert desk.step() == []
    desk.worker.network_is_back()
    assert desk.step() == ['a.ulg', 'b.ulg']


def test_a_success_opens_the_gate(desk) -> None:
    for name in ('a.ulg', 'b.ulg', 'c.ulg'):
        desk.accept(name)
    desk.step()
    desk.end(Unavailable('reset'))
    assert desk.step() == ['b.ulg']
    desk.end()
    assert desk.step() == ['c.ulg']


def test_a_transfer_that_stands_gives_up_its_slot(desk) -> None:
    for size in range(1, 12):
        desk.accept(f'{size:02}.ulg', size)
    assert desk.step() == ['01.ulg', '02.ulg']
    desk.now_s += 6
    assert desk.step() == ['01.ulg', '02.ulg', '03.ulg', '04.ulg']
    desk.running[0].arguments['on_sent'](1)
    desk.running[1].arguments['on_sent'](1)
    desk.now_s += 4
    assert len(desk.step()) == 4
    for _ in range(5):
        desk.now_s += 6
        desk.step()
    assert len(desk.running) == Worker.threads(2) == 8


def test_paused(desk) -> None:
    asked = desk.ask('a.ulg')
    desk.worker.set_paused(True)
    assert isinstance(asked.exception(0), Paused)
    assert desk.step() == []
    assert isinstance(desk.ask('b.ulg').exception(0), Paused)
    assert desk.ledger.paused
    desk.worker.set_paused(False)
    assert sorted(desk.step()) == ['a.ulg', 'b.ulg']


def test_it_pauses_where_that_cannot_be_written_down(desk, monkeypatch) -> None:
    outcome = desk.ask('a.ulg')

    def full(_):
        raise LedgerUnavailable('the disk is full')
    monkeypatch.setattr(desk.ledger._database, 'run', full)
    with pytest.raises(LedgerUnavailable):
        desk.worker.set_paused(True)
    assert desk.worker.paused
    assert isinstance(outcome.exception(0), Paused)


def test_what_is_stopped_by_a_pause_is_queued_as_before(desk) -> None:
    path = desk.accept('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.end(Paused('paused'))
    found = desk.ledger.find(path)
    assert (found.state, found.attempts, found.reason) == (QUEUED, 0, '')
    desk.worker.set_paused(False)
    assert desk.step() == ['a.ulg']


def test_a_restart_stays_paused(tmp_path) -> None:
    desk = Desk(tmp_path)
    desk.worker.set_paused(True)
    desk.ledger.close()
    assert Desk(tmp_path).worker.paused


def test_too_many_who_wait_are_refused(desk) -> None:
    for name in ('a.ulg', 'b.ulg'):
        desk.ask(name)
    with pytest.raises(Busy, match='is not accepted: 2 uploads wait'):
        desk.ask('c.ulg')
    desk.step()
    desk.ask('c.ulg')


def test_who_waits_too_long_for_a_turn_is_told(desk) -> None:
    for name in ('a.ulg', 'b.ulg'):
        desk.accept(name)
    desk.step()
    asked = desk.ask('c.ulg')
    for _ in range(31):
        desk.now_s += 1
        for one in desk.running:
            one.arguments['on_sent'](1)
        desk.step()
    assert 'within 30 s, behind 2 uploads; it is accepted' in str(asked.exception(0))
    desk.end()
    assert desk.step() == ['b.ulg', 'c.ulg']


def test_without_a_thread_nothing_is_lost(desk) -> None:
    desk.accept('a.ulg')
    desk.has_threads = False
    assert desk.step() == []
    desk.has_threads = True
    assert desk.step() == ['a.ulg']


def test_nothing_begins_after_the_end_and_nothing_is_lost(desk) -> None:
    path = desk.accept('a.ulg')
    desk.accept('b.ulg')
    desk.step()
    cancel = desk.running[0].arguments['cancel']
    desk.worker.stop()
    assert cancel.is_set()
    desk.end(Cancelled('stopped'))
    assert desk.step() == ['b.ulg']
    with pytest.raises(Cancelled):
        desk.ask('c.ulg')
    assert desk.ledger.find(path).state == QUEUED


def test_an_outcome_that_the_ledger_cannot_take_is_written_later(desk, monkeypatch) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()
    stored, is_full = desk.ledger.stored, True

    def write(*arguments):
        if is_full:
            raise LedgerUnavailable('the disk is full')
        stored(*arguments)
    monkeypatch.setattr(desk.ledger, 'stored', write)
    desk.end()
    assert outcome.result(0).s3_key == 'key/a.ulg'
    assert desk.step() == []
    assert desk.ledger.find(desk.directory / 'a.ulg').state == UPLOADING
    is_full = False
    desk.now_s += 6
    assert desk.step() == []
    assert desk.ledger.find(desk.directory / 'a.ulg').state == STORED


def test_a_ledger_that_cannot_be_asked_keeps_no_log_on_its_way(desk, monkeypatch) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()

    def locked():
        raise LedgerUnavailable('the ledger is locked')
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'counts', locked)
        desk.end(Unavailable('nobody there'))
    assert isinstance(outcome.exception(0), Unavailable)
    desk.now_s += 10
    assert desk.step() == ['a.ulg']


def test_a_surprise_of_the_ledger_keeps_no_slot_and_nobody_waiting(desk, monkeypatch,
                                                                   caplog) -> None:
    outcome = desk.ask('a.ulg')
    desk.step()

    stored, is_over = desk.ledger.stored, False

    def surprise(*arguments):
        if not is_over:
            raise ZeroDivisionError
        stored(*arguments)
    monkeypatch.setattr(desk.ledger, 'stored', surprise)
    desk.end()
    assert outcome.result(0).s3_key == 'key/a.ulg'
    for _ in range(5):
        assert desk.step() == []
    assert caplog.text.count('internal error') == 1
    is_over = True
    desk.now_s += 6
    assert desk.step() == []
    assert desk.ledger.find(desk.directory / 'a.ulg').state == STORED


def test_a_surprise_does_not_end_the_work(tmp_path, monkeypatch, caplog) -> None:
    desk = Desk(tmp_path)
    monkeypatch.setattr('flightlog_bucket.transfers.worker.PAUSE_S', 0.01)
    claim, calls = desk.ledger.claim, []

    def surprise(**options):
        calls.append(options)
        if len(calls) < 3:
            raise ZeroDivisionError
        return claim(**options)
    monkeypatch.setattr(desk.ledger, 'claim', surprise)
    desk.accept('a.ulg')
    desk.worker.start()
    wait_until(lambda: desk.running)
    desk.worker.stop()
    assert 'ZeroDivisionError' in caplog.text


def test_a_bag_is_told_to_the_upload(desk) -> None:
    bag = desk.ledger.open_bag(desk.directory, '20250101_000000_run')
    desk.accept('run_0.mcap', bag=bag, note='was not closed')
    desk.step()
    arguments = desk.running[0].arguments
    assert (arguments['folder'], arguments['is_closed']) == ('20250101_000000_run', False)


def test_without_network_one_warning_a_minute(desk, caplog) -> None:
    caplog.set_level(logging.WARNING)
    for n in range(5):
        desk.accept(f'{n}.ulg')
    for _ in range(5):
        desk.worker.network_is_back()
        desk.step()
        while desk.running:
            desk.end(Unavailable('down'))
    assert caplog.text.count('not stored yet, tried again') == 1


def test_it_works_by_itself(tmp_path) -> None:
    desk = Desk(tmp_path)
    began = threading.Event()
    desk.submit = lambda fn, *args, **kwargs: (began.set(), Future())[1]  # type: ignore
    desk.worker.start()
    desk.ask('a.ulg')
    assert began.wait(20)
    desk.worker.stop()
    wait_until(lambda: not any(t.name == 'worker' for t in threading.enumerate()))


def test_full_jitter_stays_below_a_ceiling_that_doubles() -> None:
    ceilings = [full_jitter(n, 300, uniform=lambda low, high: high) for n in (1, 2, 5, 9, 10, 99)]
    assert ceilings == [1, 2, 16, 256, 300, 300]
    assert full_jitter(5, 300, uniform=lambda low, high: low) == 0
