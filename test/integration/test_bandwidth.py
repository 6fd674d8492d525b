"""The bandwidth limit and the pause, by the bytes that a relay sees."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_the_limit_is_kept_by_all_together(connect: Connect, relay: SlowRelay,
                                           big_log: Path) -> None:
    bucket = connect(endpoint_url=relay.url)
    bucket.fetch_credentials()
    bucket.throttle.max_bytes_per_s = rate = 2 * MIB
    cancel = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        uploads = [pool.submit(bucket.upload, big_log, custom_filename=f'{n}.ulg', cancel=cancel)
                   for n in range(2)]
        wait_until(lambda: relay.arrived() > MIB)
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 5)
        seen = relay.arrived(began_s, began_s + 5)
        by_quarter = [relay.arrived(began_s + n / 4, began_s + (n + 1) / 4) for n in range(20)]
        bucket.throttle.max_bytes_per_s = 1  # now all wait for the throttle
        cancel.set()
        stopped_s = time.monotonic()
        for upload in uploads:
            with pytest.raises(Cancelled):
                upload.result(10)
    assert seen == pytest.approx(5 * rate, rel=0.1)
    assert max(by_quarter) < 2 * rate / 4
    assert time.monotonic() - stopped_s < 5


def test_a_pause_and_then_the_rest(connect: Connect, relay: SlowRelay, big_log: Path,
                                   admin: Any) -> None:
    bucket, journal, sent = connect(endpoint_url=relay.url), MemoryJournal(), []
    bucket.throttle.max_bytes_per_s = 8 * MIB
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(bucket.upload, big_log, journal=journal, on_sent=sent.append)
        wait_until(lambda: journal.numbers)
        bucket.throttle.pause()
        with pytest.raises(Paused):
            upload.result(10)
    before = sum(sent)
    # What was sent of the other parts was for nothing.
    assert before == journal.up_bytes > 0
    with pytest.raises(Paused):
        bucket.upload(big_log, journal=journal)
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
        wait_until(lambda: time.monotonic() > kept_s + 2, within_s=30)
        cancel.set()
        with pytest.raises(Cancelled):
            upload.result(10)
    assert slow_relay.arrived(kept_s, kept_s + 2) == pytest.approx(2 * rate, rel=0.3)


@pytest.mark.parametrize('how', ['pause', 'cancel', 'close'])
def test_the_wire_is_quiet_soon_on_a_slow_link(how: str, connect: Connect,
                                               slow_relay: SlowRelay, big_log: Path) -> None:
    bucket, cancel = connect(endpoint_url=slow_relay.url), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(bucket.upload, big_log, cancel=cancel, journal=MemoryJournal())
        wait_until(lambda: slow_relay.arrived() > SLOW_BYTES_PER_S)
        {'pause': bucket.throttle.pause, 'cancel': cancel.set, 'close': bucket.close}[how]()
        stopped_s = time.monotonic()
        with pytest.raises(Cancelled):
            upload.result(10)
        ended_s = time.monotonic()
    quiet_s = stopped_s + 1
    wait_until(lambda: time.monotonic() > quiet_s + 2)
    assert ended_s - stopped_s < 5
    # What the four connections had handed to the system would have taken more than 4 s.
    assert slow_relay.arrived(quiet_s) <= SLOW_BYTES_PER_S // 10
