"""Who asks, pauses or resumes while the end of a try is being written down."""
from collections.abc import Callable
from functools import partial
from typing import Any

from flightlog_bucket.errors import (
    LedgerUnavailable,
    LocalFileChanged,
    LocalFileNotFound,
    Paused,
    Unavailable,
    ValidationFailed,
)
from flightlog_bucket.transfers.records import STORED
import pytest
from support.goals_desk import Goals


@pytest.fixture
def desk(tmp_path):
    return Goals(tmp_path)


def while_it_settles(desk: Goals, monkeypatch: pytest.MonkeyPatch,
                     act: Callable[[], object]) -> None:
    """Do something when the ledger knows of an end, and nobody was told yet."""
    settle = desk.worker._settlement.settle

    def settle_and_act(*arguments: Any, **options: Any) -> bool:
        is_written = settle(*arguments, **options)
        act()
        return is_written
    monkeypatch.setattr(desk.worker._settlement, 'settle', settle_and_act)


def test_who_asks_after_a_pause_waits_for_the_next_try(desk) -> None:
    desk.ask('a.ulg')
    desk.step()
    desk.worker.set_paused(True)
    desk.worker.set_paused(False)
    call = desk.again('a.ulg')
    desk.end(Paused('the wire was cut by the pause'))
    assert not call.done()
    assert desk.step() == ['a.ulg']
    desk.end()
    assert call.result(0).s3_key == 'key/a.ulg'


def test_who_waits_when_the_wire_stops_before_it_is_said_is_told_of_the_pause(desk) -> None:
    call = desk.ask('a.ulg')
    desk.step()
    desk.end(Paused('the wire was cut by the pause'))
    desk.worker.set_paused(True)
    assert 'goes up when they are resumed' in str(call.exception(0))


def test_what_is_stored_is_not_told_to_wait_for_the_end_of_a_pause(desk, monkeypatch) -> None:
    call = desk.ask('a.ulg')
    other = desk.ask('b.ulg')
    desk.step()
    while_it_settles(desk, monkeypatch, lambda: desk.worker.set_paused(True))
    desk.end()
    assert call.result(0).s3_key == 'key/a.ulg'
    assert isinstance(other.exception(0), Paused)


@pytest.mark.parametrize('is_checked', [False, True])
def test_who_waits_for_what_a_pause_has_stopped_is_told_of_the_pause(
        desk, monkeypatch, is_checked) -> None:
    call = desk.ask('a.ulg')
    desk.step()
    if is_checked:
        desk.running[0].arguments['journal'].begin(desk.found('a.ulg').fingerprint)
    while_it_settles(desk, monkeypatch, lambda: desk.worker.set_paused(True))
    desk.end(Paused('the wire was cut by the pause'))
    assert 'goes up when they are resumed' in str(call.exception(0))


def test_who_waits_for_the_next_content_is_told_of_a_pause(desk, monkeypatch) -> None:
    first = desk.ask('a.ulg')
    desk.step()
    second = desk.worker.submit(*desk.log('a.ulg', 2))
    while_it_settles(desk, monkeypatch, lambda: desk.worker.set_paused(True))
    desk.end()
    assert first.result(0).s3_key == 'key/a.ulg'
    assert isinstance(second.exception(0), Paused)


def unwritten(desk: Goals, monkeypatch: pytest.MonkeyPatch,
              error: Any = None) -> Callable[[], None]:
    """End a try while the ledger cannot be written; return what lets it be written."""
    is_full = True

    def write(original: Callable[..., None], *arguments: Any, **options: Any) -> None:
        if is_full:
            raise LedgerUnavailable('the disk is full')
        original(*arguments, **options)
    for name in ('stored', 'rejected', 'waits'):
        monkeypatch.setattr(desk.ledger, name, partial(write, getattr(desk.ledger, name)))
    first = desk.goal('a.ulg')
    desk.step()
    desk.end(error)
    assert first.done() == (not isinstance(error, LocalFileChanged))

    def free() -> None:
        nonlocal is_full
        is_full = False
        desk.now_s += 6
    return free


@pytest.mark.parametrize('is_goal', [False, True])
@pytest.mark.parametrize('error', [None, ValidationFailed('no ULog')])
def test_who_asks_before_an_end_is_written_down_is_told_one(
        desk, monkeypatch, error, is_goal) -> None:
    free = unwritten(desk, monkeypatch, error)
    asked = desk.again('a.ulg', is_patient=is_goal, revocable=is_goal)
    free()
    assert desk.step() == ['a.ulg']
    assert not asked.done()
    desk.end()
    assert asked.result(0).s3_key == 'key/a.ulg'


def test_an_end_that_nobody_waits_for_is_written_down_and_that_is_all(desk, monkeypatch) -> None:
    free = unwritten(desk, monkeypatch)
    free()
    assert desk.step() == desk.step() == []
    assert desk.found('a.ulg').state == STORED


def test_a_fault_that_is_written_down_late_keeps_its_pause(desk, monkeypatch) -> None:
    free = unwritten(desk, monkeypatch, LocalFileChanged('was written to'))
    asked = desk.again('a.ulg', is_patient=True, revocable=True)
    free()
    assert desk.step() == []
    desk.now_s += 10
    assert desk.step() == ['a.ulg']
    desk.end()
    assert asked.result(0)


def test_a_file_that_is_gone_when_an_end_is_written_down_is_told(desk, monkeypatch) -> None:
    free = unwritten(desk, monkeypatch)
    asked = desk.again('a.ulg', is_patient=True, revocable=True)
    (desk.directory / 'a.ulg').unlink()
    free()
    desk.step()
    assert isinstance(asked.exception(0), LocalFileNotFound)


def test_an_end_that_cannot_be_read_back_is_asked_for_anew(desk, monkeypatch) -> None:
    free = unwritten(desk, monkeypatch)
    asked = desk.again('a.ulg', is_patient=True, revocable=True)
    free()

    def broken(_: object) -> None:
        raise LedgerUnavailable('the disk does not answer')
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, 'transfers', broken)
        desk.step()
    assert desk.step() == ['a.ulg']
    desk.end(Unavailable('down'))
    assert not asked.done()
