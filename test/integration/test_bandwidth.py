"""The bandwidth limit and the pause, by the bytes that a relay sees."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
import threading
import time
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import Cancelled, Paused
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import MIB
import pytest
from support.expect import wait_until
from support.journals import MemoryJournal
from support.slow_relay import SlowRelay

Connect = Callable[..., FlightLogBucket]

SLOW_BYTES_PER_S = 125_000  # 1 Mbit/s


@pytest.fixture
def relay(sandbox: Sandbox) -> Iterator[SlowRelay]:
    with SlowRelay(sandbox.endpoint_url) as running:
        yield running


@pytest.fixture
def slow_relay(sandbox: Sandbox) -> Iterator[SlowRelay]:
    with SlowRelay(sandbox.endpoint_url, SLOW_BYTES_PER_S) as running:
        yield running


def came_right(length_s: float, within_s: float, is_right: Callable[[float], object]) -> bool:
    """Tell whether a time so long was right, given its begin: in others a computer stood still."""
    began_s = time.monotonic()
    for begin_s in (began_s + n / 4 for n in range(round((within_s - length_s) * 4) + 1)):
        wait_until(partial(is_past, begin_s + length_s))
        if is_right(begin_s):
            return True
    return False


def is_past(moment_s: float) -> bool:
    return time.monotonic() > moment_s


def test_the_limit_is_kept_by_all_together(connect: Connect, relay: SlowRelay,
                                           big_log: Path) -> None:
    bucket = connect(endpoint_url=relay.url)
    bucket.fetch_credentials()
    bucket.throttle.max_bytes_per_s = rate = 2 * MIB
    cancel = threading.Event()

    def is_even(begin_s: float) -> bool:
        by_quarter = [relay.arrived(begin_s + n / 4, begin_s + (n + 1) / 4) for n in range(20)]
        return (sum(by_quarter) == pytest.approx(5 * rate, rel=0.1)
                and max(by_quarter) < 2 * rate / 4)

    began_s = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        uploads = [pool.submit(bucket.upload, big_log, custom_filename=f'{n}.ulg', cancel=cancel)
                   for n in range(2)]
        wait_until(lambda: relay.arrived() > MIB)
        was_even = came_right(5, 14, is_even)
        sent, took_s = relay.arrived(), time.monotonic() - began_s
        bucket.throttle.max_bytes_per_s = 1  # now all wait for the throttle
        cancel.set()
        stopped_s = time.monotonic()
        for upload in uploads:
            with pytest.raises(Cancelled):
                upload.result(30)
    assert was_even
    # Over all of the time, whoever stood still in it.
    assert sent < took_s * rate * 1.1
    assert time.monotonic() - stopped_s < 10


def test_a_pause_and_then_the_rest(connect: Connect, relay: SlowRelay, big_log: Path,
                                   admin: Any) -> None:
    bucket, journal = connect(endpoint_url=relay.url, max_concurrent_parts=2), MemoryJournal()
    sent: list[int] = []
    bucket.throttle.max_bytes_per_s = 8 * MIB

    def pause(count: int) -> None:
        sent.append(count)
        # In the third part, so that one is up; the one that this is of is not, until it returns.
        if sum(sent) > 11 * MIB and not bucket.throttle.paused:
            bucket.throttle.pause()
    with pytest.raises(Paused):
        bucket.upload(big_log, journal=journal, on_sent=pause)
    before = sum(sent)
    # What was sent of the other parts was for nothing.
    assert before == journal.up_bytes > 0
    with pytest.raises(Paused):
        bucket.upload(big_log, journal=journal, on_sent=sent.append)
    assert sum(sent) == before
    bucket.throttle.max_bytes_per_s = 0
    bucket.throttle.resume()
    again, known = [], []

    def on_sent(count: int) -> None:
        known.append(journal.up_bytes)
        again.append(count)
    stored = bucket.upload(big_log, journal=journal, on_sent=on_sent)
    got = admin.get_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)['Body'].read()
    assert got == big_log.read_bytes()
    # Neither the checksums nor the signatures were counted, which read every byte as well.
    assert sum(n for n in (*sent, *again[1:]) if n > 0) <= relay.arrived() + 4 * MIB
    # A part whose acknowledgement was on its way when the wire stopped is up as well.
    assert again[0] == known[0] >= before
    assert sum(again) == big_log.stat().st_size


def test_a_lower_limit_counts_soon_on_a_slow_link(connect: Connect, slow_relay: SlowRelay,
                                                  big_log: Path) -> None:
    bucket, cancel = connect(endpoint_url=slow_relay.url), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(bucket.upload, big_log, cancel=cancel, journal=MemoryJournal())
        wait_until(lambda: slow_relay.arrived() > SLOW_BYTES_PER_S)
        bucket.throttle.max_bytes_per_s = rate = 10_000
        # What the system has taken already: 128 KiB of each part, and what the link holds.
        kept_s = time.monotonic() + 4 * 2 * 128 * 1024 / SLOW_BYTES_PER_S
        wait_until(partial(is_past, kept_s))
        # Without it, that of which was begun would go on for more than 30 s in all.
        was_kept = came_right(2, 12, lambda begin_s: slow_relay.arrived(
            begin_s, begin_s + 2) == pytest.approx(2 * rate, rel=0.3))
        cancel.set()
        with pytest.raises(Cancelled):
            upload.result(30)
    assert was_kept


@pytest.mark.parametrize('how', ['pause', 'cancel', 'close'])
def test_the_wire_is_quiet_soon_on_a_slow_link(how: str, connect: Connect,
                                               slow_relay: SlowRelay, big_log: Path) -> None:
    def is_quiet_soon() -> bool:
        bucket, cancel, before = (connect(endpoint_url=slow_relay.url), threading.Event(),
                                  slow_relay.arrived())
        with ThreadPoolExecutor(1) as pool:
            upload = pool.submit(bucket.upload, big_log, cancel=cancel, journal=MemoryJournal())
            wait_until(lambda: slow_relay.arrived() > before + SLOW_BYTES_PER_S)
            {'pause': bucket.throttle.pause, 'cancel': cancel.set, 'close': bucket.close}[how]()
            stopped_s = time.monotonic()
            with pytest.raises(Cancelled):
                upload.result(30)
            ended_s = time.monotonic()
        quiet_s = stopped_s + 1
        wait_until(partial(is_past, quiet_s + 2))
        # What the connections had handed to the system would have taken more than 4 s.
        return (ended_s - stopped_s < 5
                and slow_relay.arrived(quiet_s) <= SLOW_BYTES_PER_S // 10)
    # Where the computer stands still in one second, it does not in the next ones.
    assert any(is_quiet_soon() for _ in range(3))
