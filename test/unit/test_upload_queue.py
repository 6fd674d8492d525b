"""Uploads in memory: merged, bounded, tried again."""
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime, timezone
import logging
from pathlib import Path
from typing import Any, Optional

from flightlog_bucket.errors import Busy, Cancelled, LocalFileNotFound, Unavailable
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.alarms import Alarm
from flightlog_bucket.transfers.backoff import full_jitter
from flightlog_bucket.transfers.tracker import Counts, TransferTracker
from flightlog_bucket.transfers.upload_queue import UploadQueue
import pytest

A, B, C = Path('/logs/a.ulg'), Path('/logs/b.ulg'), Path('/logs/c.ulg')


class Desk(Executor):
    """Stands for the pool, the alarms and the clock; the test says what happens when."""

    def __init__(self, **options: Any) -> None:
        self.running: list[tuple[Path, str, Future[StoredLog]]] = []
        self.alarms: list[tuple[float, Alarm]] = []
        self.now_s = 0.0
        self.tracker = TransferTracker(lambda: datetime(2025, 7, 27, tzinfo=timezone.utc))
        self.queue = UploadQueue(
            self._never, self, self.tracker, self.after, monotonic=lambda: self.now_s,
            delay=lambda attempts, most: min(2.0 ** (attempts - 1), most),
            **{'slots': 2, 'max_pending': 2, 'max_wait_s': 30, 'retry_max_delay_s': 8, **options})

    @staticmethod
    def _never(file_path: Path, *, custom_filename: str) -> StoredLog:
        raise AssertionError

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Future[StoredLog] = Future()
        self.running.append((args[0], kwargs['custom_filename'], future))
        return future

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        alarm = Alarm(delay_s, ring)
        self.alarms.append((delay_s, alarm))
        return alarm

    def ring(self) -> None:
        alarms, self.alarms = self.alarms, []
        for _, alarm in alarms:
            if not alarm.cancelled:
                alarm.ring()

    def paths(self) -> list[Path]:
        return [path for path, _, _ in self.running]

    def end(self, error: Optional[BaseException] = None) -> None:
        path, name, future = self.running.pop(0)
        if error is None:
            future.set_result(StoredLog(f'key/{name or path.name}', 'url', 7, 'x/y', False))
        else:
            future.set_exception(error)


def test_no_more_at_once_than_slots_and_who_waits_goes_first() -> None:
    desk = Desk()
    for path in (A, B, C):
        desk.queue.submit(path, keep_trying=True)
    desk.queue.submit(Path('/logs/d.ulg'), keep_trying=False)
    assert desk.paths() == [A, B]
    assert desk.tracker.counts() == Counts(2, 2, 0, 0)
    desk.end()
    assert desk.paths() == [B, Path('/logs/d.ulg')]
    desk.end()
    assert desk.paths()[-1] == C


def test_one_log_that_waits_is_one_upload() -> None:
    desk = Desk(slots=1)
    desk.queue.submit(C, keep_trying=True)
    first = desk.queue.submit(A, keep_trying=True)
    second = desk.queue.submit(A, keep_trying=False)
    other_name = desk.queue.submit(A, 'b.ulg', keep_trying=False)
    for _ in range(3):
        desk.end()
    assert not desk.running
    assert first.result(0).s3_key == second.result(0).s3_key == 'key/a.ulg'
    assert other_name.result(0).s3_key == 'key/b.ulg'


@pytest.mark.parametrize('keep_trying', [True, False])
def test_what_is_asked_for_while_it_is_under_way_is_looked_at_again(keep_trying: bool) -> None:
    desk = Desk()
    before = desk.queue.submit(A, keep_trying=True)
    after = [desk.queue.submit(A, keep_trying=keep_trying) for _ in range(3)]
    assert desk.paths() == [A]
    desk.end()
    assert before.done()
    assert not any(future.done() for future in after)
    assert desk.paths() == [A]
    assert desk.tracker.find(A).state == 'uploading'
    desk.end()
    assert all(future.result(0).s3_key == 'key/a.ulg' for future in after)
    assert not desk.running


def test_a_try_that_comes_anyway_is_the_one_that_was_asked_for() -> None:
    desk = Desk()
    desk.queue.submit(A, keep_trying=True)
    after = desk.queue.submit(A, keep_trying=True)
    desk.end(Unavailable('down'))
    assert not desk.running
    assert not after.done()
    desk.ring()
    desk.end()
    assert after.result(0).s3_key == 'key/a.ulg'
    assert not desk.running


def test_who_waits_too_long_for_a_slot_is_told() -> None:
    desk = Desk(slots=1)
    desk.queue.submit(A, keep_trying=True)
    alone = desk.queue.submit(B, keep_trying=False)
    desk.queue.submit(C, keep_trying=True)
    joined = desk.queue.submit(C, keep_trying=False)
    desk.ring()
    for future in (alone, joined):
        with pytest.raises(Busy, match='30 s for its turn behind 1 uploads'):
            future.result(0)
    desk.end()
    assert desk.paths() == [C]  # the background still wants it
    desk.end()
    assert not desk.running


def test_without_a_thread_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    with monkeypatch.context() as broken:
        broken.setattr(Desk, 'submit', lambda *_, **__: _raise(RuntimeError('no new thread')))
        background = desk.queue.submit(A, keep_trying=True)
        alone = desk.queue.submit(B, keep_trying=False)
    with pytest.raises(Busy, match='no new thread'):
        alone.result(0)
    desk.ring()
    desk.end()
    assert background.result(0).s3_key == 'key/a.ulg'
    assert desk.tracker.counts() == Counts(0, 0, 1, 0)


def _raise(error: Exception) -> None:
    raise error


def test_who_asks_for_a_log_that_waits_in_the_background_brings_it_forward() -> None:
    desk = Desk(slots=1)
    for path in (A, B, C):
        desk.queue.submit(path, keep_trying=True)
    desk.queue.submit(C, keep_trying=False)
    desk.end()
    assert desk.paths() == [C]


def test_a_background_upload_is_tried_again_and_each_pause_is_longer() -> None:
    desk = Desk()
    desk.queue.submit(A, keep_trying=True)
    pauses = []
    for _ in range(6):
        desk.end(Unavailable('no network'))
        assert desk.running == []
        assert desk.tracker.find(A).state == 'queued'
        assert 'no network' in desk.tracker.find(A).reason
        pauses.append(desk.alarms[0][0])
        desk.ring()
    assert pauses == [1, 2, 4, 8, 8, 8]
    desk.end()
    assert desk.tracker.find(A).state == 'stored'
    assert desk.tracker.counts() == Counts(0, 0, 1, 0)


def test_who_asks_does_not_wait_for_the_end_of_a_pause() -> None:
    desk = Desk()
    desk.queue.submit(A, keep_trying=True)
    desk.end(Unavailable('no network'))
    answer = desk.queue.submit(A, keep_trying=False)
    assert desk.paths() == [A]
    desk.ring()  # the alarm of the pause must not begin a second upload
    assert desk.paths() == [A]
    desk.end(Unavailable('no network yet'))
    assert isinstance(answer.exception(0), Unavailable)
    desk.ring()
    assert desk.paths() == [A]  # it was accepted, and is still tried


def test_an_upload_that_somebody_awaits_is_tried_once() -> None:
    desk = Desk()
    answer = desk.queue.submit(A, keep_trying=False)
    desk.end(Unavailable('no network'))
    assert isinstance(answer.exception(0), Unavailable)
    assert all(alarm.cancelled for _, alarm in desk.alarms)
    found = desk.tracker.find(A)
    assert (found.state, 'no network' in found.reason) == ('unknown', True)
    assert desk.tracker.counts() == Counts(0, 0, 0, 0)


@pytest.mark.parametrize('error', [LocalFileNotFound('gone'), RuntimeError('a surprise')])
def test_what_no_retry_can_help_is_rejected(error: Exception) -> None:
    desk = Desk()
    answer = desk.queue.submit(A, keep_trying=True)
    desk.end(error)
    assert answer.exception(0) is error
    assert desk.alarms == []
    assert desk.tracker.find(A).state == 'rejected'
    assert str(error) in desk.tracker.find(A).reason
    assert desk.tracker.counts() == Counts(0, 0, 0, 1)


def test_too_many_who_wait_are_refused_but_not_the_background() -> None:
    desk = Desk(slots=1, max_pending=1)
    desk.queue.submit(A, keep_trying=False)
    desk.queue.submit(B, keep_trying=False)
    with pytest.raises(Busy):
        desk.queue.submit(C, keep_trying=False)
    desk.queue.submit(C, keep_trying=True)
    assert desk.tracker.find(C).state == 'queued'


def test_nothing_begins_after_the_end() -> None:
    desk = Desk(slots=1)
    desk.queue.submit(A, keep_trying=True)
    desk.queue.submit(B, keep_trying=True)
    desk.queue.close()
    desk.end(Unavailable('stopped'))
    assert desk.running == []
    assert desk.alarms == []
    with pytest.raises(Cancelled):
        desk.queue.submit(C, keep_trying=True)


def test_without_network_one_warning_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(slots=10)
    with caplog.at_level(logging.WARNING, 'flightlog_bucket'):
        for number in range(10):
            desk.queue.submit(Path(f'/logs/{number}.ulg'), keep_trying=True)
        for _ in range(10):
            desk.end(Unavailable('no network'))
        assert len(caplog.records) == 1
        desk.now_s = 61
        desk.ring()
        desk.end(Unavailable('no network'))
    assert len(caplog.records) == 2


def test_the_history_is_bounded() -> None:
    tracker = TransferTracker(lambda: datetime(2025, 7, 27, tzinfo=timezone.utc), history=3)
    for number in range(5):
        tracker.queued(Path(f'/{number}'))
        tracker.rejected(Path(f'/{number}'), '', f'reason {number}')
    assert tracker.find(Path('/1')).state == 'unknown'
    assert tracker.find(Path('/2')).state == 'rejected'
    assert tracker.counts().rejected == 5
    assert tracker.last_errors()[0] == '2025-07-27T00:00:00+00:00 /4: reason 4'
    for number in range(20):
        tracker.rejected(Path('/x'), '', str(number))
    assert len(tracker.last_errors()) == 10


def test_full_jitter_stays_below_a_ceiling_that_doubles() -> None:
    ceilings = [full_jitter(attempts, 300, lambda low, high: high) for attempts in range(1, 12)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert full_jitter(10_000, 300, lambda low, high: low) == 0
