"""The discovery with real events, real processes that write, and the real clock."""
from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import subprocess
import sys
import threading
import time

from flightlog_bucket.settings import DEFAULT_EXTENSIONS
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.ledger import Ledger
from made_logs import mcap, ULOG
import pytest
from support.discovering import ledger_at
from support.expect import wait_until
from support.logs import METADATA

SETTLE_S = 0.5
NEVER_S = 3600.0


class Running:
    """A discovery at work on ``logs`` of a directory."""

    def __init__(self, home: Path, *, rescan_period_s: float = NEVER_S) -> None:
        self.logs = home / 'logs'
        self.ledger: Ledger = ledger_at(home / 'state')
        self.accepted = threading.Event()
        self.discovery = Discovery(
            self.ledger, self.accepted.set, directories=[self.logs], patterns=['*'],
            allowed_extensions=DEFAULT_EXTENSIONS, settle_s=SETTLE_S,
            rescan_period_s=rescan_period_s)
        self.discovery.start()

    def __enter__(self) -> 'Running':
        return self

    def __exit__(self, *_: object) -> None:
        self.discovery.stop()
        self.ledger.close()

    def names(self) -> list[str]:
        return [t.path.name for t in sorted(self.ledger._transfers('1', ()), key=lambda t: t.id)]

    def is_ready(self) -> bool:
        return not self.discovery._settling.is_starting


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / 'logs').mkdir()
    with Running(tmp_path) as running:
        wait_until(running.is_ready)
        yield running


def test_a_log_that_a_process_writes_is_accepted_when_it_has_ended(running: Running) -> None:
    path = running.logs / '2025-07-27/14_30_22.ulg'
    code = f"""
import os, sys
os.makedirs({str(path.parent)!r})
with open({str(path)!r}, 'wb', buffering=0) as stream:
    stream.write({ULOG!r})
    for line in sys.stdin:
        stream.write(b'more')
        print(1, flush=True)
"""
    with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        began = time.monotonic()
        while time.monotonic() < began + 5 * SETTLE_S:
            writer.stdin.write(b'\n')
            writer.stdin.flush()
            assert writer.stdout.readline() == b'1\n'
        wait_until(lambda: 'is still being written' in running.discovery.explain(path))
        assert running.names() == []
        writer.stdin.close()
        writer.wait(30)
    wait_until(lambda: running.names() == ['14_30_22.ulg'])
    assert running.accepted.wait(20)
    assert running.ledger.find(path).fingerprint.size == path.stat().st_size


def test_logs_that_are_moved_in_and_renamed(running: Running, tmp_path: Path) -> None:
    outside = tmp_path / 'flight'
    outside.mkdir()
    (outside / 'a.ulg').write_bytes(ULOG)
    (outside / 'deeper').mkdir()
    (outside / 'deeper/b.mcap').write_bytes(mcap())
    shutil.move(outside, running.logs / 'flight')
    (running.logs / '.c.ulg.x7Yz').write_bytes(ULOG)
    (running.logs / '.c.ulg.x7Yz').rename(running.logs / 'c.ulg')
    wait_until(lambda: sorted(running.names()) == ['a.ulg', 'b.mcap', 'c.ulg'])


def test_a_bag_is_recorded(running: Running) -> None:
    bag = running.logs / 'run'
    bag.mkdir()
    (bag / 'run_0.mcap').write_bytes(mcap())
    with open(bag / 'run_1.mcap', 'wb') as recorded:
        running.discovery.announce(bag / 'run_0.mcap')
        recorded.write(mcap())
    (bag / 'metadata.yaml').write_text(METADATA)
    wait_until(lambda: len(running.names()) == 3)
    assert running.names() == ['run_0.mcap', 'run_1.mcap', 'metadata.yaml']


def test_a_recorder_that_is_killed_loses_nothing(running: Running) -> None:
    bag = running.logs / 'run'
    bag.mkdir()
    # One after the other, however long it takes Python to begin: alone for long, the first would
    # be taken for all of the bag.
    code = (f"open({str(bag / 'run_0.mcap')!r}, 'wb').write({mcap()!r});"
            f" stream = open({str(bag / 'run_1.mcap')!r}, 'wb', buffering=0);"
            f' stream.write({mcap()[:-20]!r}); print(1, flush=True); input()')
    with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b'1\n'
        wait_until(lambda: running.names() == ['run_0.mcap'])
        recorder.kill()
    wait_until(lambda: running.names() == ['run_0.mcap', 'run_1.mcap'])
    notes = [running.ledger.find(bag / f'run_{n}.mcap').note for n in (0, 1)]
    assert notes == ['', 'metadata.yaml is missing: the recorder did not close this bag']
    (bag / 'metadata.yaml').write_text(METADATA)
    wait_until(lambda: running.names()[2:] == ['metadata.yaml'])


def test_without_events_the_periodic_look_finds_all(tmp_path: Path) -> None:
    with Running(tmp_path, rescan_period_s=0.3) as running:
        wait_until(running.is_ready)
        (tmp_path / 'logs').mkdir()
        (tmp_path / 'logs/a.ulg').write_bytes(ULOG)
        wait_until(lambda: running.names() == ['a.ulg'])
        # Made again under its name, it is watched again.
        shutil.rmtree(tmp_path / 'logs')
        (tmp_path / 'logs').mkdir()
        (tmp_path / 'logs/b.ulg').write_bytes(ULOG)
        wait_until(lambda: running.names() == ['a.ulg', 'b.ulg'])


def test_a_system_without_watches_is_a_warning(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, 'inotify watch limit reached')
    monkeypatch.setattr('watchdog.observers.api.BaseObserver.schedule', refuse)
    (tmp_path / 'logs').mkdir()
    with Running(tmp_path, rescan_period_s=0.3) as running:
        (tmp_path / 'logs/a.ulg').write_bytes(ULOG)
        wait_until(lambda: running.names() == ['a.ulg'])
    assert len([m for m in caplog.messages if 'max_user_watches' in m]) == 1


def test_more_events_than_fit_lead_to_a_look_at_everything(tmp_path: Path) -> None:
    (tmp_path / 'logs').mkdir()
    with Running(tmp_path) as running:
        wait_until(running.is_ready)
        running.discovery._inbox._max_waiting = 2
        for number in range(200):
            (running.logs / f'{number}.ulg').write_bytes(ULOG)
        # Each is written down on a disk that others use as well.
        wait_until(lambda: len(running.names()) == 200, 60)


def test_the_end_comes_soon(tmp_path: Path) -> None:
    (tmp_path / 'logs').mkdir()
    before = set(os.listdir('/proc/self/fd'))
    took_s = []
    for _ in range(3):
        with Running(tmp_path) as running:
            wait_until(running.is_ready)
            began = time.monotonic()
        took_s.append(time.monotonic() - began)
    assert min(took_s) < 5
    wait_until(lambda: set(os.listdir('/proc/self/fd')) <= before)
