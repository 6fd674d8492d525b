"""Goals, calls and triggers in whatever order."""
from concurrent.futures import Future
from pathlib import Path
import shutil
import tempfile
from typing import Any

from flightlog_bucket.errors import (
    Cancelled,
    Paused,
    Unavailable,
    ValidationFailed,
    Withdrawn,
)
from flightlog_bucket.transfers.records import (
    STORED,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, RuleBasedStateMachine
import pytest
from support.expect import wait_until
from support.goals_desk import Goals


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
