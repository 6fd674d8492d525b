"""What a test of an error expects: its kind, its HTTP status, its words and its time."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
import time
from typing import Any

from flightlog_bucket import FlightLogBucket, FlightlogError
from flightlog_bucket.errors import Unavailable
import pytest

TIMEOUT_S = 3
"""Of a call without progress, in the tests of that."""
ENDS_WITHIN_S = TIMEOUT_S + 3


@contextmanager
def failure(kind: type[FlightlogError], status: int, *words: str,
            within_s: float = 60.0) -> Iterator[None]:
    """
    Expect exactly this error.

    :param kind: the class itself, not a subclass of it
    :param status: HTTP status
    :param words: that its text must have
    :param within_s: seconds
    """
    began = time.monotonic()
    with pytest.raises(FlightlogError) as caught:
        yield
    took_s = time.monotonic() - began
    error = caught.value
    assert (type(error), error.status) == (kind, status), repr(error)
    for word in words:
        assert word in str(error)
    assert '\n' not in str(error)
    assert took_s < within_s, f'{took_s:.1f} s until {error!r}'


def failure_of_every_call(bucket: FlightLogBucket, log: Path, target: Path,
                          kind: type[FlightlogError], status: int, *words: str) -> None:
    """Expect that every call of a bucket that hurries fails in time."""
    key = f'{bucket.settings.machine_prefix}x.ulg'
    calls: list[Callable[[], Any]] = [
        bucket.list_files, lambda: bucket.upload(log), lambda: bucket.delete(key),
        lambda: bucket.download(key, target)]
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        for future in futures:
            with failure(kind, status, *words, within_s=ENDS_WITHIN_S):
                future.result()
    assert not target.exists()


def give_token(bucket: FlightLogBucket) -> FlightLogBucket:
    """Let a bucket that hurries have a token, however long that takes on a busy computer."""
    def has_token() -> bool:
        with suppress(Unavailable):
            bucket.fetch_credentials()
        return bucket.credential_status().state == 'valid'
    wait_until(has_token, 60)
    return bucket


def wait_until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for what nothing announces, e.g. that another process has written a file."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
