"""Callers who take back what they asked for."""
import threading
from typing import Any

from flightlog_bucket.errors import (
    Cancelled,
    LedgerUnavailable,
    LocalFileChanged,
    NotAllowed,
    Paused,
    Unavailable,
    ValidationFailed,
    Withdrawn,
)
from flightlog_bucket.transfers.records import (
    Counts,
    Orphan,
    REJECTED,
    STORED,
    WITHDRAWN,
)
from flightlog_bucket.transfers.withdrawals import REASON
import pytest
from support.goals_desk import Goals


@pytest.fixture
def desk(tmp_path):
    return Goals(tmp_path)


def test_withdrawn_before_its_turn(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.worker.withdraw(goal)
    assert isinstance(goal.exception(0), Withdrawn)
    assert str(goal.exception(0)) == f'{desk.directory}/a.ulg: the upload was cancelled'
    found = desk.found('a.ulg')
    assert (found.state, found.fault, found.reason) == (REJECTED, WITHDRAWN, REASON)
    assert desk.step() == []
    assert desk.aborted == []


def test_withdrawn_on_its_way(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 5)
    desk.worker.withdraw(goal)
    assert desk.is_cancelled()
    assert not goal.done()
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    assert [(o.key, o.upload_id) for o in desk.aborted] == [('key/a.ulg', 'upload-1')]
    assert [o.upload_id for o in desk.ledger.orphanage.all()] == ['upload-1']
    assert desk.found('a.ulg').state == REJECTED
    assert desk.step() == []
    assert desk.ledger.counts() == Counts(0, 0, 0, 1)
    assert desk.worker.outcomes.last_errors() == ()


def test_withdrawn_while_it_waits_for_its_next_try(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 5)
    desk.end(LocalFileChanged('was written to'))
    desk.worker.withdraw(goal)
    assert isinstance(goal.exception(20), Withdrawn)
    assert [o.upload_id for o in desk.aborted] == ['upload-1']
    desk.now_s += 100
    assert desk.step() == []


def test_without_network_nobody_waits_for_it_to_be_aborted(desk) -> None:
    goal, is_back = desk.goal('a.ulg'), threading.Event()
    desk.step()
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 5)
    desk.worker._withdrawals._abort = lambda orphan: is_back.wait(20) and None
    desk.worker.withdraw(goal)
    desk.end(Unavailable('down'))
    assert 'are removed later, when the bucket can be reached' in str(goal.exception(0))
    is_back.set()


@pytest.mark.parametrize('problem', [NotAllowed('no right to abort'), RuntimeError('a surprise')])
def test_what_cannot_be_aborted_is_said(desk, problem, caplog) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 5)

    def abort(orphan: Orphan) -> Any:
        if isinstance(problem, RuntimeError):
            raise problem
        return problem
    desk.worker._withdrawals._abort = abort
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    said = str(goal.exception(20))
    assert ('are removed later' if isinstance(problem, RuntimeError) else str(problem)) in said


def test_one_of_two_who_want_it(desk) -> None:
    goals = [desk.goal('a.ulg')]
    goals.append(desk.again('a.ulg', is_patient=True, revocable=True))
    desk.step()
    desk.worker.withdraw(goals[0])
    assert 'goes on in the background: somebody else waits for it' in str(goals[0].exception(0))
    assert not desk.is_cancelled()
    desk.worker.withdraw(goals[1])
    assert desk.is_cancelled()
    desk.end(Cancelled('was stopped'))
    assert isinstance(goals[1].exception(20), Withdrawn)
    assert desk.found('a.ulg').state == REJECTED


@pytest.mark.parametrize('other', ['service', 'trigger', 'enqueue', 'earlier', 'retry'])
def test_what_others_asked_for_goes_on(desk, other) -> None:
    if other == 'earlier':
        desk.accept('a.ulg')
    goal = desk.goal('a.ulg')
    if other == 'service':
        call = desk.again('a.ulg')
        desk.worker.set_paused(True)
        assert isinstance(call.exception(0), Paused)  # it does not wait any more
        desk.worker.set_paused(False)
    elif other in ('trigger', 'enqueue'):
        desk.accept('a.ulg', again=other == 'enqueue')
    desk.step()
    if other == 'retry':
        desk.end(LocalFileChanged('was written to'))
        assert desk.worker.retry([desk.directory / 'a.ulg']) == [goal.transfer_id]
        desk.step()
    desk.worker.withdraw(goal)
    assert not desk.is_cancelled()
    assert 'goes on in the background: others have asked' in str(goal.exception(0))
    desk.end()
    assert desk.found('a.ulg').state == STORED


@pytest.mark.parametrize('other', ['service', 'goal', 'trigger'])
def test_who_asks_while_it_is_being_cancelled_gets_it(desk, other) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.worker.withdraw(goal)
    call = None
    if other == 'trigger':
        desk.accept('a.ulg')
    else:
        call = desk.again('a.ulg', is_patient=other == 'goal', revocable=other == 'goal')
    desk.end(Cancelled('was stopped'))
    assert 'goes on in the background' in str(goal.exception(0))
    assert desk.step() == ['a.ulg']
    assert not desk.is_cancelled()
    desk.end()
    assert desk.found('a.ulg').state == STORED
    assert call is None or call.result(0)


def test_what_was_stored_meanwhile_is_stored(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.worker.withdraw(goal)
    desk.end()
    assert goal.result(0).s3_key == 'key/a.ulg'
    desk.worker.withdraw(goal)
    assert desk.found('a.ulg').state == STORED


def test_what_was_refused_meanwhile_is_refused(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.worker.withdraw(goal)
    desk.end(ValidationFailed('no ULog'))
    assert isinstance(goal.exception(0), ValidationFailed)
    assert desk.found('a.ulg').reason.endswith('no ULog')


@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('outcome', [None, ValidationFailed('no ULog'), Unavailable('down')])
def test_withdrawn_while_its_end_is_written_down(desk, monkeypatch, when, outcome) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    settle = desk.worker._settlement.settle

    def settle_and_withdraw(*arguments, **options):
        if when == 'before':
            desk.worker.withdraw(goal)
        is_written = settle(*arguments, **options)
        if when == 'after':
            desk.worker.withdraw(goal)
        return is_written
    monkeypatch.setattr(desk.worker._settlement, 'settle', settle_and_withdraw)
    desk.end(outcome)
    if outcome is None:
        assert goal.result(0).s3_key == 'key/a.ulg'
    else:
        told = ValidationFailed if isinstance(outcome, ValidationFailed) else Withdrawn
        assert type(goal.exception(20)) is told
        assert 'goes on' not in str(goal.exception(20))
    assert desk.found('a.ulg').state == (STORED if outcome is None else REJECTED)


def test_a_stored_log_that_is_looked_for_again_is_not_cancelled(desk) -> None:
    desk.accept('a.ulg')
    desk.step()
    desk.end()
    goal = desk.again('a.ulg', is_patient=True, revocable=True)
    desk.step()
    desk.worker.withdraw(goal)
    assert not desk.is_cancelled()
    assert 'accepted before' in str(goal.exception(0))


def test_a_cancelled_log_can_be_uploaded_again_and_cancelled_again(desk) -> None:
    for _ in range(2):
        goal = desk.goal('a.ulg')
        desk.step()
        desk.worker.withdraw(goal)
        desk.end(Cancelled('was stopped'))
        assert isinstance(goal.exception(20), Withdrawn)
    goal = desk.again('a.ulg', is_patient=True, revocable=True)
    desk.step()
    desk.end()
    assert goal.result(0)


def test_a_watched_folder_does_not_bring_it_back(desk) -> None:
    desk.worker.withdraw(desk.goal('a.ulg'))
    found = desk.found('a.ulg')
    desk.ledger.accept(found.path, found.fingerprint)
    assert desk.step() == []


def test_a_log_whose_outcome_is_not_written_yet_is_cancelled_afterwards(desk,
                                                                        monkeypatch) -> None:
    goal = desk.goal('a.ulg')
    desk.step()

    waits, is_full = desk.ledger.waits, True

    def write(*arguments, **options):
        if is_full:
            raise LedgerUnavailable('the disk is full')
        waits(*arguments, **options)
    monkeypatch.setattr(desk.ledger, 'waits', write)
    desk.end(LocalFileChanged('was written to'))
    desk.worker.withdraw(goal)
    assert not goal.done()
    is_full = False
    desk.now_s += 6
    assert desk.step() == []
    assert isinstance(goal.exception(20), Withdrawn)
    assert desk.found('a.ulg').state == REJECTED


def test_a_cancel_that_cannot_be_written_down_is_none(desk, monkeypatch) -> None:
    goal = desk.goal('a.ulg')

    def full(*arguments):
        raise LedgerUnavailable('the disk is full')
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'withdrawn', full)
        desk.worker.withdraw(goal)
    assert 'goes on in the background: that it was cancelled cannot be written' in str(
        goal.exception(0))
    assert desk.step() == ['a.ulg']


def test_a_cancel_at_the_end_of_the_node_counts_after_it(tmp_path) -> None:
    desk = Goals(tmp_path)
    goal = desk.goal('a.ulg')
    desk.step()
    desk.running[0].arguments['journal'].began('key/a.ulg', 'upload-1', 5)
    desk.worker.withdraw(goal)
    desk.worker.stop()
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    desk.ledger.close()
    after = Goals(tmp_path)
    assert after.step() == []
    assert [o.upload_id for o in after.ledger.orphanage.all()] == ['upload-1']


def test_what_was_begun_while_the_ledger_could_not_be_written_is_aborted_too(
        desk, monkeypatch) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    run = desk.ledger._database.run

    def full(_):
        raise LedgerUnavailable('the disk is full')
    journal = desk.running[0].arguments['journal']
    journal.begin(desk.found('a.ulg').fingerprint)
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger._database, 'run', full)
        journal.began('key/a.ulg', 'upload-1', 5)
    assert desk.ledger._database.run == run
    desk.worker.withdraw(goal)
    desk.end(Cancelled('was stopped'))
    assert isinstance(goal.exception(20), Withdrawn)
    assert [(o.key, o.upload_id) for o in desk.aborted] == [('key/a.ulg', 'upload-1')]
    assert [o.upload_id for o in desk.ledger.orphanage.all()] == ['upload-1']
