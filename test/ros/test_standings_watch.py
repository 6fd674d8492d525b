"""The thread that looks at transfers when they change."""
from collections.abc import Collection, Iterator
from pathlib import Path
import threading
import time
from typing import Any, Optional

from flightlog_bucket.errors import LedgerUnavailable
from flightlog_bucket.operations import standings_watch
from flightlog_bucket.operations.standings_watch import StandingsWatch
from flightlog_bucket.transfers.standing import Standing
import pytest
from support.expect import wait_until

WAIT_S = 20.0


class Transfers:
    """Those of a test."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}
        self.reads: list[list[int]] = []
        self.fails = 0

    def standings(self, ids: Collection[int]) -> list[Standing]:
        self.reads.append(sorted(ids))
        if self.fails:
            self.fails -= 1
            raise LedgerUnavailable('the disk is away')
        return [Standing(id=n, path=Path('/x'), key='', state=self.states[n], sent_bytes=0,
                         total_bytes=1, rate=0.0, remaining_s=None, attempts=0, reason='',
                         next_attempt_s=0.0, verdict='') for n in ids if n in self.states]


class Viewer:
    """Sees what is shown."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.seen: list[tuple[str, int, str]] = []
        self.surprises = 0
        self.flushes = 0

    def show(self, direction: str, standing: Standing) -> None:
        if self.surprises:
            self.surprises -= 1
            raise RuntimeError('a surprise')
        with self._changed:
            self.seen.append((direction, standing.id, standing.state))
            self._changed.notify_all()

    def flush(self) -> Optional[float]:
        self.flushes += 1
        return None

    def wait_for(self, *wanted: Any, count: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.seen.count(wanted) >= count, WAIT_S), (
                self.seen)


class Desk:
    def __init__(self) -> None:
        self.transfers = Transfers()
        self.viewer = Viewer()
        self.watch = StandingsWatch()

    def begin(self) -> None:
        self.watch.begin({'upload': self.transfers.standings}, [self.viewer])

    def cpu_s(self) -> float:
        """Return the CPU seconds of its thread: others of this process may have much to do."""
        return time.clock_gettime(time.pthread_getcpuclockid(self.watch._thread.ident))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(standings_watch, 'PAUSE_S', 0.05)
    made = Desk()
    yield made
    made.watch.close(WAIT_S)


def test_what_has_changed_is_shown(desk: Desk) -> None:
    desk.transfers.states = {1: 'queued', 2: 'stored'}
    desk.watch.changed('upload', [1])  # before it begins
    desk.begin()
    desk.viewer.wait_for('upload', 1, 'queued')
    desk.watch.changed('upload', [2, 3])
    desk.viewer.wait_for('upload', 2, 'stored')
    assert {number for _, number, _ in desk.viewer.seen} == {1, 2}


def test_what_moves_is_looked_at_until_it_stands(desk: Desk) -> None:
    desk.transfers.states = {1: 'uploading'}
    desk.begin()
    desk.watch.changed('upload', [1])
    desk.viewer.wait_for('upload', 1, 'uploading', count=3)
    desk.transfers.states = {1: 'stored'}
    desk.viewer.wait_for('upload', 1, 'stored')
    count = len(desk.transfers.reads)
    time.sleep(1.2)  # what is measured, not waited for
    assert len(desk.transfers.reads) <= count + 1


def test_it_sleeps_while_nothing_changes(desk: Desk) -> None:
    desk.transfers.states = {1: 'queued'}
    desk.begin()
    desk.watch.changed('upload', [1])
    desk.viewer.wait_for('upload', 1, 'queued')
    time.sleep(1.2)  # what is measured, not waited for
    assert len(desk.transfers.reads) == 1
    assert desk.cpu_s() < 0.5


def test_what_cannot_be_read_is_read_again(desk: Desk) -> None:
    desk.transfers.states, desk.transfers.fails = {1: 'queued'}, 3
    desk.begin()
    desk.watch.changed('upload', [1])
    desk.viewer.wait_for('upload', 1, 'queued')
    assert len(desk.transfers.reads) == 4


def test_a_surprise_does_not_end_it(desk: Desk) -> None:
    desk.transfers.states, desk.viewer.surprises = {1: 'queued', 2: 'queued'}, 1
    desk.begin()
    desk.watch.changed('upload', [1])
    desk.watch.changed('upload', [2])
    desk.watch.follow('upload', [2])
    while not desk.viewer.seen:
        desk.watch.changed('upload', [2])
        time.sleep(0.01)  # it may have been the surprise
    desk.viewer.wait_for('upload', 2, 'queued')


def test_one_direction_that_cannot_be_read_does_not_hide_the_other(desk: Desk) -> None:
    desk.transfers.states, desk.transfers.fails = {1: 'queued'}, 1000
    downloads = Transfers()
    downloads.states = {7: 'downloading'}
    desk.watch.changed('upload', [1])
    desk.watch.changed('download', [7])
    desk.watch.begin({'upload': desk.transfers.standings, 'download': downloads.standings},
                     [desk.viewer])
    desk.viewer.wait_for('download', 7, 'downloading')
    wait_until(lambda: desk.viewer.flushes, WAIT_S)
    desk.transfers.fails = 0
    desk.viewer.wait_for('upload', 1, 'queued')


def test_what_a_surprise_has_hidden_is_shown_later(desk: Desk) -> None:
    desk.transfers.states, desk.viewer.surprises = {1: 'queued', 2: 'queued', 3: 'queued'}, 2
    desk.watch.changed('upload', [1, 2, 3])
    desk.begin()
    for number in (1, 2, 3):
        desk.viewer.wait_for('upload', number, 'queued')
    assert [number for _, number, _ in desk.viewer.seen] == [3, 1, 2]


def test_a_surprise_while_reading_hides_nothing_for_good(desk: Desk) -> None:
    surprises = [KeyError('a surprise')]

    def standings(ids: Collection[int]) -> list[Standing]:
        if surprises:
            raise surprises.pop()
        return desk.transfers.standings(ids)
    desk.transfers.states = {1: 'queued'}
    desk.watch.changed('upload', [1])
    desk.watch.begin({'upload': standings}, [desk.viewer])
    desk.viewer.wait_for('upload', 1, 'queued')


def test_a_viewer_that_fails_does_not_keep_others_from_showing(desk: Desk) -> None:
    class Failing(Viewer):
        def flush(self) -> Optional[float]:
            self.flushes += 1
            raise RuntimeError('a surprise')
    failing = Failing()
    desk.transfers.states = {1: 'queued'}
    desk.watch.changed('upload', [1])
    desk.watch.begin({'upload': desk.transfers.standings}, [failing, desk.viewer])
    wait_until(lambda: desk.viewer.flushes >= 2, WAIT_S)
    assert failing.flushes >= 2  # it is asked again, although nothing has changed since


def test_thousands_are_looked_at_in_turns_and_the_followed_first(desk: Desk) -> None:
    desk.transfers.states = dict.fromkeys(range(1000), 'queued')
    desk.watch.follow('upload', [999])
    desk.watch.changed('upload', range(1000))
    desk.begin()
    desk.viewer.wait_for('upload', 998, 'queued')
    assert max(len(read) for read in desk.transfers.reads) <= 101  # with the followed one
    assert 999 in desk.transfers.reads[0]
    assert sorted({number for _, number, _ in desk.viewer.seen}) == list(range(1000))


def test_thousands_that_are_followed_are_looked_at_at_once(desk: Desk) -> None:
    desk.transfers.states = dict.fromkeys(range(3000), 'queued')
    desk.watch = StandingsWatch(clock=lambda: 0.0)  # on which no breath comes to its end
    desk.watch.follow('upload', range(3000))
    desk.begin()
    desk.viewer.wait_for('upload', 2999, 'queued')
    assert max(len(read) for read in desk.transfers.reads) <= 100
    desk.watch.unfollow('upload', range(3000))


def test_after_its_end_nothing_is_shown(desk: Desk) -> None:
    desk.transfers.states = {1: 'queued'}
    desk.begin()
    desk.watch.close(WAIT_S)
    desk.watch.changed('upload', [1])
    assert desk.transfers.reads == []


def test_what_was_read_before_it_was_gone_is_told_to_be_gone_after_it_was_shown(
        desk: Desk) -> None:
    told: list[Any] = []
    was_read, is_gone, is_told = threading.Event(), threading.Event(), threading.Event()

    class Late(Viewer):
        def show(self, direction: str, standing: Standing) -> None:
            was_read.set()
            assert is_gone.wait(WAIT_S)
            told.append(standing.id)

    def on_gone() -> None:
        told.append('gone')
        is_told.set()
    desk.transfers.states = {1: 'rejected', 2: 'rejected'}
    desk.begin()
    desk.watch.add(Late(), on_gone)
    desk.watch.changed('upload', [1])
    assert was_read.wait(WAIT_S)
    del desk.transfers.states[1]
    desk.watch.changed('upload', [1])
    is_gone.set()
    assert is_told.wait(WAIT_S)
    assert told == [1, 'gone']
