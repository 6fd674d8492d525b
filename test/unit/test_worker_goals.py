"""Callers who wait however long it takes."""

from flightlog_bucket.errors import (
    LedgerUnavailable,
    LocalFileChanged,
    LocalFileNotFound,
    Unavailable,
    ValidationFailed,
    Withdrawn,
)
from flightlog_bucket.transfers.records import (
    WITHDRAWN,
)
import pytest
from support.goals_desk import Goals


@pytest.fixture
def desk(tmp_path):
    return Goals(tmp_path)


@pytest.mark.parametrize('fault', [
    Unavailable('down'), LocalFileChanged('was written to'), RuntimeError('a surprise')])
def test_a_fault_that_another_try_may_mend_is_no_outcome(desk, fault) -> None:
    goal, call = desk.goal('a.ulg'), desk.again('a.ulg')
    desk.step()
    desk.end(fault)
    assert call.exception(0) is fault
    assert not goal.done()
    desk.now_s += 100
    assert desk.step() == ['a.ulg']
    desk.end()
    assert goal.result(0).s3_key == 'key/a.ulg'


def test_a_log_that_is_refused_ends_the_wait(desk) -> None:
    goal = desk.goal('a.ulg')
    desk.step()
    desk.end(ValidationFailed('no ULog'))
    assert isinstance(goal.exception(0), ValidationFailed)


def test_a_pause_is_waited_through(desk) -> None:
    first = desk.goal('a.ulg')
    desk.worker.set_paused(True)
    second = desk.goal('b.ulg')
    assert desk.step() == []
    assert not first.done()
    assert not second.done()
    desk.worker.set_paused(False)
    assert sorted(desk.step()) == ['a.ulg', 'b.ulg']
    desk.end()
    desk.end()
    assert first.result(0)
    assert second.result(0)


def test_neither_a_late_turn_nor_a_long_check_ends_the_wait(desk) -> None:
    goals = [desk.goal(f'{n}.ulg') for n in range(5)]
    for _ in range(200):
        desk.now_s += 1
        for one in desk.running:
            one.arguments['on_sent'](1)
        desk.step()
    assert len(desk.running) == 2
    assert not any(goal.done() for goal in goals)


def test_goals_do_not_take_the_place_of_calls(desk) -> None:
    for n in range(10):
        desk.goal(f'{n}.ulg')
    assert not desk.ask('x.ulg').done()


def test_a_log_that_is_waited_for_stays_ahead_of_the_others_after_a_fault(desk) -> None:
    desk.goal('a.ulg')
    desk.step()
    for n in range(3):
        desk.accept(f'{n}.ulg')
    desk.end(LocalFileChanged('was written to'))
    desk.step()
    assert desk.names() == ['0.ulg', '1.ulg']
    desk.now_s += 1
    desk.end()
    assert desk.step() == ['1.ulg', 'a.ulg']


def test_who_only_waits_for_a_time_costs_no_look_a_second(desk) -> None:
    desk.goal('a.ulg')
    desk.worker.set_paused(True)
    assert desk.worker.step() == 60.0


def test_a_file_that_is_rewritten_under_way_is_another_transfer_then(desk) -> None:
    first = desk.goal('a.ulg')
    desk.step()
    second = desk.worker.submit(*desk.log('a.ulg', size=5), is_patient=True, revocable=True)
    assert first.transfer_id == second.transfer_id
    desk.end()
    assert first.result(0)
    assert second.transfer_id == desk.found('a.ulg').id != first.transfer_id
    desk.step()
    desk.end(Unavailable('down'))
    assert not second.done()
    desk.worker.withdraw(second)
    assert isinstance(second.exception(20), Withdrawn)
    assert desk.found('a.ulg').fault == WITHDRAWN


def test_more_and_fewer_at_once(desk) -> None:
    for n in range(6):
        desk.accept(f'{n}.ulg')
    assert len(desk.step()) == 2
    desk.worker.slots = 4
    assert len(desk.step()) == 4
    desk.worker.slots = 1
    for _ in range(4):
        desk.end()
    assert len(desk.step()) == 1
    assert desk.worker.slots == 1


def test_what_is_on_the_wire(desk) -> None:
    goal = desk.goal('a.ulg')
    assert desk.worker.movements() == {}
    desk.step()
    for count in (100, 50, -20):
        desk.now_s += 1
        desk.running[0].arguments['on_sent'](count)
    meter = desk.worker.movements()[goal.transfer_id]
    assert (meter.sent_bytes, meter.rate) == (130, pytest.approx(25))
    desk.end()
    assert desk.worker.movements() == {}


def test_a_retry_opens_the_gate(desk) -> None:
    for name in ('a.ulg', 'b.ulg', 'c.ulg'):
        desk.accept(name)
    desk.step()
    desk.end(Unavailable('down'))
    desk.end(Unavailable('down'))
    assert desk.step() == []
    assert len(desk.worker.retry()) == 2
    assert desk.step() == ['a.ulg', 'b.ulg']


@pytest.mark.parametrize('fault', [
    LedgerUnavailable('the disk is full'), PermissionError(13, 'not now')])
def test_what_was_announced_again_is_waited_for_until_it_can_be_looked_at(
        desk, fault, monkeypatch) -> None:
    desk.goal('a.ulg')
    desk.step()
    path, fingerprint = desk.log('a.ulg', size=5)
    goal = desk.worker.submit(path, fingerprint, is_patient=True, revocable=True)
    call = desk.worker.submit(path, fingerprint)

    def fails(*arguments, **options):
        raise fault
    with monkeypatch.context() as patch:
        where = (desk.ledger, 'accept') if isinstance(fault, LedgerUnavailable) else (
            type(path), 'stat')
        patch.setattr(*where, fails)
        desk.end()
    assert isinstance(call.exception(0), Unavailable)
    assert not goal.done()
    assert desk.step() == ['a.ulg']
    desk.end()
    assert goal.result(0).s3_key == 'key/a.ulg'


def test_what_was_announced_again_and_is_gone_then_is_told(desk) -> None:
    desk.goal('a.ulg')
    desk.step()
    goal = desk.worker.submit(*desk.log('a.ulg', size=5), is_patient=True, revocable=True)
    (desk.directory / 'a.ulg').unlink()
    desk.end()
    assert isinstance(goal.exception(0), LocalFileNotFound)
