"""Callers who wait however long it takes, and may take back what they asked for."""
from concurrent.futures import Future
from pathlib import Path
import shutil
import tempfile
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
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, RuleBasedStateMachine
import pytest
from support.desk import Desk
from support.expect import wait_until


class Goals(Desk):
    """A desk at which goals are taken."""

    def __init__(self, directory: Any, **options: Any) -> None:
        self.aborted: list[Orphan] = []
        self.problem: Any = None
        super().__init__(directory, **{'abort': self._abort, **options})

    def _abort(self, orphan: Orphan) -> Any:
        self.aborted.append(orphan)
        return self.problem

    def goal(self, name: str, **options: Any) -> Any:
        return self.ask(name, is_patient=True, revocable=True, **options)

    def again(self, name: str, **options: Any) -> Any:
        """Ask for a file that is there."""
        path = self.directory / name
        return self.worker.submit(path, self.ledger.find(path).fingerprint, **options)

    def found(self, name: str) -> Any:
        return self.ledger.find(self.directory / name)

    def is_cancelled(self) -> bool:
        return self.running[0].arguments['cancel'].is_set()


@pytest.fixture
def desk(tmp_path):
    return Goals(tmp_path)


@pytest.mark.parametrize('fault', [
    Unavailable('down'), LocalFileChanged('was written to'), Paused('paused'),
    RuntimeError('a surprise')])
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
    assert isinstance(second.exception(5), Withdrawn)
    assert desk.found('a.ulg').fault == WITHDRAWN


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
    assert isinstance(goal.exception(5), Withdrawn)
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
    assert isinstance(goal.exception(5), Withdrawn)
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
    said = str(goal.exception(5))
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
    assert isinstance(goals[1].exception(5), Withdrawn)
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
        assert isinstance(goal.exception(5), Withdrawn)
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
    assert isinstance(goal.exception(5), Withdrawn)
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
    assert isinstance(goal.exception(5), Withdrawn)
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
    assert isinstance(goal.exception(5), Withdrawn)
    assert [(o.key, o.upload_id) for o in desk.aborted] == [('key/a.ulg', 'upload-1')]
    assert [o.upload_id for o in desk.ledger.orphanage.all()] == ['upload-1']


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


class GoalsMachine(RuleBasedStateMachine):
    """Goals, calls and triggers in whatever order: each goal hears one thing that is true."""

    names = st.sampled_from(('a.ulg', 'b.ulg'))

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.desk = Goals(self.directory, max_pending=1000)
        self.goals: list[Any] = []
        self.withdrawn: list[Any] = []
        self.calls: list[Future[Any]] = []
        # That somebody but goals has asked for, since it was stored or refused last.
        self.promised: set[str] = set()

    @rule(name=names)
    def goal(self, name: str) -> None:
        self.goals.append(self.desk.goal(name))

    @rule(name=names, kind=st.sampled_from(('call', 'trigger')))
    def others(self, name: str, kind: str) -> None:
        if kind == 'call':
            self.calls.append(self.desk.ask(name))
        else:
            self.desk.accept(name, again=True)
        self.promised.add(name)

    @rule(index=st.integers(0, 2))
    def withdraw(self, index: int) -> None:
        pending = [goal for goal in self.goals if not goal.done()]
        if pending:
            goal = pending[index % len(pending)]
            self.withdrawn.append(goal)
            self.desk.worker.withdraw(goal)

    @rule(name=names, kind=st.sampled_from(('call', 'trigger')))
    def change_the_mind(self, name: str, kind: str) -> None:
        """Ask for what is asked for already, and take that back."""
        self.others(name, kind)
        self.again(name)
        self.withdraw(-1)

    @rule(name=names)
    def again(self, name: str) -> None:
        if self.desk.found(name) is not None:
            self.goals.append(self.desk.again(name, is_patient=True, revocable=True))

    @rule(seconds=st.sampled_from((0, 1, 100)))
    def step(self, seconds: int) -> None:
        self.desk.now_s += seconds
        self.desk.step()

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.desk.worker.set_paused(paused)

    @rule(kind=st.sampled_from(('stored', 'fault', 'refused')))
    def end(self, kind: str) -> None:
        if not self.desk.running:
            return
        one = self.desk.running[0]
        error = {'stored': None, 'fault': Unavailable('down'),
                 'refused': ValidationFailed('no ULog')}[kind]
        if one.arguments['cancel'].is_set():
            error = Cancelled('was stopped')
        self.desk.end(error)
        if kind != 'fault' and not isinstance(error, Cancelled):
            self.promised.discard(one.path.name)

    def teardown(self) -> None:
        desk = self.desk
        desk.worker.set_paused(False)
        for goal in self.goals:
            assert not goal.done() or goal in self.withdrawn or not isinstance(
                goal.exception(0), (Unavailable, Paused, Cancelled))
        for _ in range(50):
            desk.now_s += 100
            desk.step()
            while desk.running:
                is_cancelled = desk.is_cancelled()
                desk.end(Cancelled('was stopped') if is_cancelled else None)
        for goal in self.goals:
            wait_until(goal.done)
            if goal not in self.withdrawn:
                assert not isinstance(goal.exception(0), Withdrawn)
        for name in self.promised:
            assert desk.found(name).state == STORED, name
        assert desk.ledger.counts().queued == 0
        desk.ledger.close()
        shutil.rmtree(self.directory)


TestGoalsMachine = pytest.mark.timeout(300)(GoalsMachine.TestCase)
TestGoalsMachine.settings = settings(
    derandomize=True, database=None, max_examples=40, stateful_step_count=30, deadline=None,
    suppress_health_check=list(HealthCheck))
