"""Ten thousand logs that wait for the network: the node does not feel them."""
from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import statistics
import tempfile
import time
from typing import Any

from flightlog_bucket.settings import MIB
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from robot import Robot
from support.logs import write_log
from support.processes import cpu_s, resident_bytes

MANY = 10_000
WINDOWS = 5  # of which one is not slowed by what else runs on this computer
START_S = 3.0
ENQUEUE_S = 0.005
MORE_MEMORY_BYTES = 32 * MIB
IDLE_SHARE = 0.01
IDLE_S = 8.0
PATIENT = {'retry_max_delay_s': 300}  # as by default


@pytest.fixture(scope='module')
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return ten thousand names of one log, all of them finished long ago."""
    folder = tmp_path_factory.mktemp('many')
    source = write_log(folder / 'source.mcap')
    os.utime(source, (1_753_626_622, 1_753_626_622))
    logs = [folder / f'{number:05}.mcap' for number in range(MANY)]
    for log in logs:
        os.link(source, log)
    source.unlink()
    return logs


@pytest.fixture(scope='module')
def full_state(logs: list[Path]) -> Iterator[Path]:
    """Return a state in which they all are queued; made where a disk costs nothing."""
    shared = '/dev/shm' if os.path.isdir('/dev/shm') else None
    with tempfile.TemporaryDirectory(dir=shared) as name:
        ledger = _open(Path(name))
        fingerprint = Fingerprint.of(os.stat(logs[0]))
        for log in logs:
            ledger.accept(log, fingerprint)
        ledger.close()
        yield Path(name)


@pytest.fixture
def laden(robot: Robot, full_state: Path) -> Robot:
    """Return a robot that has them all to upload, and no network."""
    shutil.copytree(full_state, robot.state)
    return robot


@pytest.fixture
def parameters(parameters: dict[str, Any], proxy: Any) -> dict[str, Any]:
    """Return those of a node without network."""
    proxy.refuse()
    url = f'{proxy.url}/session-token'
    return {**parameters, 'endpoint_url': proxy.url, 'session_token_url': url}


def _open(path: Path) -> Ledger:
    return Ledger(StateDirectory(path), machine='drone-many', destination='test')


def _idle_share(pid: int) -> float:
    cpu, began_s = cpu_s(pid), time.monotonic()
    time.sleep(IDLE_S)  # what is measured, not waited for
    return (cpu_s(pid) - cpu) / (time.monotonic() - began_s)


def test_starts_in_time(laden: Robot, logs: list[Path]) -> None:
    ages_s: list[float] = []
    while len(ages_s) < WINDOWS and min(ages_s, default=START_S) >= START_S:
        if ages_s:
            laden.cut_power()
        node = laden.switch_on(watch_directories=[str(logs[0].parent)]).serving()
        ages_s.append(node.age_s())
    assert min(ages_s) < START_S, ages_s
    info = laden.info(logs[-1])
    assert info.queued + info.uploading == MANY
    assert info.file_state in ('queued', 'uploading')


def test_memory_stays_flat(robot: Robot, laden: Robot, logs: list[Path]) -> None:
    empty = robot.with_state(robot.state.with_name('empty'))
    plain = empty.switch_on().serving()
    empty.info()
    before = resident_bytes(plain.pid)
    empty.switch_off()
    node = laden.switch_on(watch_directories=[str(logs[0].parent)], rescan_period_s=1).serving()
    assert laden.info().queued > 0
    _idle_share(node.pid)
    assert resident_bytes(node.pid, 'VmHWM') - before < MORE_MEMORY_BYTES


@pytest.mark.timeout(240)
def test_idles_at_no_cost(laden: Robot, logs: list[Path]) -> None:
    node = laden.switch_on(watch_directories=[str(logs[0].parent)], **PATIENT).serving()
    assert laden.info().queued > 0
    for _ in range(2):
        _idle_share(node.pid)  # what belongs to the start, and to the first tries
    # A try without network may fall into one of them, or what else runs on this computer.
    shares: list[float] = []
    while len(shares) < 3 or (len(shares) < 7 and statistics.median(shares) > IDLE_SHARE):
        shares.append(_idle_share(node.pid))
    assert statistics.median(shares) <= IDLE_SHARE, shares


def test_accepting_one_more_takes_no_time(full_state: Path, logs: list[Path],
                                          tmp_path: Path) -> None:
    shutil.copytree(full_state, tmp_path / 'state')
    ledger = _open(tmp_path / 'state')
    fingerprint = Fingerprint.of(os.stat(logs[0]))
    medians_s: list[float] = []
    while len(medians_s) < WINDOWS and min(medians_s, default=ENQUEUE_S) >= ENQUEUE_S:
        durations_s = []
        for number in range(201):
            began_s = time.perf_counter()
            ledger.accept(tmp_path / f'{len(medians_s)}_{number}.mcap', fingerprint)
            durations_s.append(time.perf_counter() - began_s)
        medians_s.append(statistics.median(durations_s))
    assert ledger.counts().queued == MANY + 201 * len(medians_s)
    ledger.close()
    assert min(medians_s) < ENQUEUE_S, medians_s
