"""
Whatever happens in whatever order: no log lost, none stored twice, none deleted before it is safe.

Hypothesis makes up the order; ledger, worker and guardian are the real ones, on real files. The
bucket is a model, so that a request can fail in each of its ways at each step of an upload.
"""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any

from flightlog_bucket.errors import FlightlogError, LedgerUnavailable, Unavailable
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import STORED, WITHDRAWN
from flightlog_bucket.transfers.retention import Guardian
from flightlog_bucket.transfers.retention_policy import AT_ONCE, RetentionPolicy
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.waiting_room import PendingLog
from flightlog_bucket.transfers.worker import Worker
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, RuleBasedStateMachine
import pytest
from support.fuse import Fuse, PowerCut
from support.guarded import Clock
from support.stepped_bucket import Fault, PART_BYTES, SteppedBucket, SteppedPool

NAMES = ('a.ulg', 'b.ulg', 'c.ulg')
SLOTS = 2
MAX_DELAY_S = 60.0

names = st.sampled_from(NAMES)
faults = st.sampled_from((Fault.NONE, *Fault))
triggers = st.sampled_from(('service', 'goal', 'topic', 'folder', 'nobody'))
pauses = st.sampled_from((0.0, 6.0, 2 * MAX_DELAY_S, 2 * 3600.0))
sizes = st.sampled_from((PART_BYTES // 2, PART_BYTES + 1, 3 * PART_BYTES))


class LedgerMachine(RuleBasedStateMachine):
    """One robot: three logs that come, change and go, and one process after another."""

    def __init__(self) -> None:
        super().__init__()
        shared = '/dev/shm'
        self.folder = Path(tempfile.mkdtemp(dir=shared if os.access(shared, os.W_OK) else None))
        self.watched = self.folder / 'watched'
        self.watched.mkdir()
        self.clock = Clock()
        self.bucket = SteppedBucket()
        # What is in a file, as long as that has been accepted and nobody has touched it since.
        self.promised: dict[Path, bytes] = {}
        # Of these, what nobody has asked for who cannot take it back.
        self.revocable: set[Path] = set()
        self.goals: list[PendingLog] = []
        # All that was ever in a file.
        self.written: set[bytes] = set()
        # What a person has deleted from the bucket, which is then nobody's to keep.
        self.given_up: set[bytes] = set()
        self.late: list[Callable[[], Any]] = []
        self.contents = self.starts = 0
        self._start(self.folder / 'state-0')

    def _start(self, state: Path) -> None:
        self.state = state
        self.ledger = Ledger(StateDirectory(state), machine='drone-001', destination='logs',
                             wall_clock=self.clock.wall, clock=self.clock.running)
        self.fuse = Fuse(self.ledger)
        self.pool = SteppedPool()
        self.worker = Worker(
            self.ledger, self.bucket.upload, self.pool, slots=SLOTS, max_pending=1000,
            max_wait_s=60.0, retry_max_delay_s=MAX_DELAY_S, clock=self.clock.running,
            delay=lambda tries, most_s: min(2.0 ** tries, most_s))
        self.guardian = Guardian(
            self.ledger, self.bucket.holds, policy=RetentionPolicy(AT_ONCE),
            directories=[self.watched], is_open_for_writing=lambda path: False,
            wall=self.clock.wall, monotonic=self.clock.running)

    def _restart(self) -> None:
        """Go on with what a power cut has left on the disk."""
        self.late += self.pool.drop_all()
        self.goals.clear()
        self.worker.stop()
        self.starts += 1
        state = self.folder / f'state-{self.starts}'
        state.mkdir()
        for name in ('ledger.sqlite3', 'ledger.sqlite3-wal'):
            if (self.state / name).exists():
                shutil.copyfile(self.state / name, state / name)
        self.ledger.close()
        shutil.rmtree(self.state)
        self._start(state)

    @contextmanager
    def _mortal(self) -> Iterator[None]:
        """Restart where the power fails; where the ledger refuses, nothing was promised."""
        try:
            yield
        except LedgerUnavailable:
            return
        except PowerCut:
            self._restart()

    def _content(self, size: int) -> bytes:
        self.contents += 1  # each is there once only
        return b'%04d' % self.contents + b'.' * (size - 4)

    def _wrote(self, path: Path) -> None:
        self._give_up(path)
        self.written.add(path.read_bytes())
        # By the clock of a file system two writes could have the same time.
        os.utime(path, ns=(0, self.contents * 10**9))

    def _promise(self, path: Path, *, revocable: bool = False) -> None:
        if not revocable:
            self.revocable.discard(path)
        elif path not in self.promised:
            self.revocable.add(path)
        self.promised[path] = path.read_bytes()

    def _give_up(self, path: Path) -> None:
        self.promised.pop(path, None)
        self.revocable.discard(path)

    def _accept(self, path: Path) -> None:
        """Announce a file as a recorder, or a look into its folder, does."""
        fingerprint, before = Fingerprint.of(path.stat()), self.ledger.find(path)
        after = self.ledger.accept(path, fingerprint)
        if before is not None and before.fingerprint.is_same(fingerprint):
            assert after.id == before.id
            assert (before.state == STORED) == (after.state == STORED)
        if after.fault != WITHDRAWN:
            self._promise(path)

    @rule(name=names, size=sizes, in_place=st.booleans(), trigger=triggers,
          requests=st.integers(0, 8), fault=faults)
    def write(self, name: str, size: int, in_place: bool, trigger: str, requests: int,
              fault: Fault) -> None:
        path = self.watched / name
        if not in_place:
            path.unlink(missing_ok=True)
        path.write_bytes(self._content(size))
        self._wrote(path)
        self.announce(name, trigger)
        self.work(0.0, 0, requests, fault, fault_at=3)

    @rule(name=names, size=sizes, trigger=triggers, requests=st.integers(0, 8),
          fault=faults)
    def append(self, name: str, size: int, trigger: str, requests: int, fault: Fault) -> None:
        path = self.watched / name
        if path.exists():
            with open(path, 'ab') as stream:
                stream.write(self._content(size))
            self._wrote(path)
            self.announce(name, trigger)
            self.work(0.0, 0, requests, fault, fault_at=3)

    @rule(name=names, act=st.sampled_from(('touch', 'delete', 'delete in the bucket')))
    def meddle(self, name: str, act: str) -> None:
        path = self.watched / name
        if act == 'touch' and path.exists():
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        elif act == 'delete':
            path.unlink(missing_ok=True)
            self._give_up(path)
        elif act == 'delete in the bucket' and self.bucket.objects:
            key = sorted(self.bucket.objects)[NAMES.index(name) % len(self.bucket.objects)]
            self.given_up.add(self.bucket.objects.pop(key))

    @rule(name=names, trigger=triggers)
    def announce(self, name: str, trigger: str) -> None:
        path = self.watched / name
        with self._mortal():
            if trigger == 'folder':
                for found in sorted(self.watched.iterdir()):
                    self._accept(found)
            elif trigger == 'topic' and path.exists():
                self._accept(path)
            elif trigger == 'service' and path.exists():
                self.worker.submit(path, Fingerprint.of(path.stat()))
                self._promise(path)
            elif trigger == 'goal' and path.exists():
                self.goals.append(self.worker.submit(
                    path, Fingerprint.of(path.stat()), is_patient=True, revocable=True))
                self._promise(path, revocable=True)

    @rule(index=st.integers(0, 2))
    def withdraw(self, index: int) -> None:
        """Take one goal back: what others have asked for as well is stored all the same."""
        pending = [goal for goal in self.goals if not goal.done()]
        if pending:
            for path in list(self.revocable):
                self._give_up(path)
            with self._mortal():
                self.worker.withdraw(pending[index % len(pending)])

    @rule(name=names, trigger=triggers)
    def change_the_mind(self, name: str, trigger: str) -> None:
        """Let somebody ask for what is asked for already, and take that back."""
        self.announce(name, trigger)
        self.announce(name, 'goal')
        self.withdraw(-1)

    @rule(seconds=pauses, index=st.integers(0, 3), requests=st.integers(1, 12),
          fault=faults, fault_at=st.integers(0, 5))
    def work(self, seconds: float, index: int, requests: int, fault: Fault,
             fault_at: int) -> None:
        """Let requests succeed, except for one."""
        self.clock.passes(seconds)
        with self._mortal():
            for number in range(requests):
                self.worker.step()
                if not self.pool.running:
                    return
                self.pool.advance(index, fault if number == fault_at else Fault.NONE)

    @rule(with_restart=st.booleans(), seconds=pauses)
    def operate(self, with_restart: bool, seconds: float) -> None:
        with self._mortal():
            self.worker.set_paused(True)
            if with_restart:
                self._restart()
            before = len(self.pool.running)
            self.clock.passes(seconds)
            self.worker.step()
            assert len(self.pool.running) == before
            self.worker.network_is_back()
        self.fuse.fill(0)
        with self._mortal():
            self.worker.set_paused(False)

    @rule(kind=st.sampled_from(('nothing', 'nothing', 'power now', 'power soon', 'full')),
          transactions=st.integers(1, 30), is_after=st.booleans())
    def fail(self, kind: str, transactions: int, is_after: bool) -> None:
        if kind == 'power now':
            self._restart()
        elif kind == 'power soon':
            self.fuse.light(transactions, is_after=is_after)
        elif kind == 'full':
            self.fuse.fill(transactions % 4)

    @precondition(lambda self: self.late)
    @rule()
    def arrive_late(self) -> None:
        """Let a request of an earlier process do its work."""
        try:
            self.late.pop()()
        except FlightlogError:  # nobody is there any more whom that could interest
            return

    @rule(is_reachable=st.sampled_from((True, True, False)))
    def free_the_disk(self, is_reachable: bool) -> None:
        self.bucket.fault = None if is_reachable else Unavailable('no network')
        before = {path: path.read_bytes() for path in self.watched.iterdir()}
        with self._mortal():
            self.guardian.run_once()
        for path, content in before.items():
            if not path.exists():
                assert content in self.bucket.objects.values(), f'{path} was deleted too early'

    @invariant()
    def none_is_stored_twice(self) -> None:
        contents = list(self.bucket.objects.values())
        assert len(contents) == len(set(contents)), self.bucket.objects

    @invariant()
    def no_object_is_a_mixture(self) -> None:
        assert self.written.issuperset(self.bucket.objects.values())

    @invariant()
    def no_more_is_on_its_way_than_there_are_threads(self) -> None:
        assert len(self.pool.running) <= Worker.threads(SLOTS)

    def teardown(self) -> None:
        try:
            self._let_all_end_well()
            self._check_all_is_safe()
        finally:
            self.pool.drop_all()
            self.worker.stop()
            self.ledger.close()
            shutil.rmtree(self.folder)

    def _let_all_end_well(self) -> None:
        self.fuse.light(0, is_after=False)
        self.fuse.fill(0)
        self.worker.set_paused(False)
        for _ in range(100):
            self.clock.passes(2 * MAX_DELAY_S)
            self.worker.step()
            for _ in range(1000):
                if not self.pool.running:
                    break
                self.pool.advance(0, Fault.NONE)
            counts = self.ledger.counts()
            if not counts.queued and not counts.uploading:
                assert all(goal.exception(10) or goal.result() for goal in self.goals)
                return
        raise AssertionError(f'not all comes to an end: {self.ledger.counts()}')

    def _check_all_is_safe(self) -> None:
        stored = set(self.bucket.objects.values())
        for path, content in self.promised.items():
            assert content in stored | self.given_up, f'{path} is lost'
        for transfer in self.ledger.stored_under([self.watched]):
            there = self.bucket.objects.get(transfer.key)
            assert there is not None or self.given_up, f'{transfer.key} is not there'
        for path in self.promised:
            found = self.ledger.find(path)
            assert found is not None
            assert found.state == STORED, found.reason
        self.none_is_stored_twice()


TestLedgerMachine = pytest.mark.timeout(600)(LedgerMachine.TestCase)
TestLedgerMachine.settings = settings(
    derandomize=True, database=None, max_examples=120, stateful_step_count=40, deadline=None,
    suppress_health_check=list(HealthCheck))
