"""Downloads, and how far each is."""
from collections.abc import Callable, Collection
from dataclasses import replace
import itertools
from pathlib import Path
import threading
import time

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.results import DownloadedLog
from flightlog_bucket.storage.download import download_target
from flightlog_bucket.transfers.meter import Meter
from flightlog_bucket.transfers.standing import Standing

DOWNLOADING, DONE, FAILED = 'downloading', 'done', 'failed'
_MOST_ENDED = 100


class _Download:
    def __init__(self, number: int, path: Path, key: str) -> None:
        self._number = number
        self._path = path
        self._key = key
        self._meter = Meter()
        self._received_bytes = 0
        self._total_bytes = 0

    def on_received(self, received_bytes: int, total_bytes: int) -> None:
        self._meter.add(received_bytes - self._received_bytes)
        self._received_bytes, self._total_bytes = received_bytes, total_bytes

    def standing(self) -> Standing:
        received, total, rate = self._received_bytes, self._total_bytes, self._meter.rate
        return Standing(
            id=self._number, path=self._path, key=self._key, state=DOWNLOADING,
            sent_bytes=received, total_bytes=total, rate=rate,
            remaining_s=(total - received) / rate if rate > 0 else None, attempts=1, reason='',
            next_attempt_s=0.0, verdict='')


class Downloads:
    """
    Fetches logs from the bucket. Thread-safe.

    :param bucket: where they are
    :param on_change: told the numbers of the downloads that begin and end; returns at once
    """

    def __init__(self, bucket: FlightLogBucket,
                 on_change: Callable[[Collection[int]], None]) -> None:
        self._bucket = bucket
        self._on_change = on_change
        self._lock = threading.Lock()
        # After a restart, none is called as one was before.
        self._numbers = itertools.count(time.time_ns() // 1_000_000)
        self._underway: dict[int, _Download] = {}
        self._ended: dict[int, Standing] = {}

    def fetch(self, s3_key: str, local_path: Path, *, overwrite: bool) -> DownloadedLog:
        """
        Fetch a log; see ``FlightLogBucket.download()``.

        :param local_path: absolute
        """
        number = next(self._numbers)
        download = _Download(number, download_target(s3_key, local_path), s3_key)
        with self._lock:
            self._underway[number] = download
        self._on_change([number])
        state, reason = FAILED, ''
        try:
            log = self._bucket.download(s3_key, local_path, overwrite=overwrite,
                                        on_received=download.on_received)
            state = DONE
            return log
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise
        finally:
            self._end(number, state, reason)

    def underway(self) -> list[Standing]:
        """Return how those stand that have not ended."""
        with self._lock:
            return [download.standing() for download in self._underway.values()]

    def standings(self, numbers: Collection[int]) -> list[Standing]:
        """Return how these downloads stand, as far as they are known."""
        with self._lock:
            underway = [self._underway[n] for n in numbers if n in self._underway]
            ended = [self._ended[n] for n in numbers if n in self._ended]
        return [download.standing() for download in underway] + ended

    def _end(self, number: int, state: str, reason: str) -> None:
        with self._lock:
            last = self._underway.pop(number).standing()
            self._ended[number] = replace(last, state=state, reason=reason, rate=0.0,
                                          remaining_s=None)
            if len(self._ended) > _MOST_ENDED:
                del self._ended[next(iter(self._ended))]
        self._on_change([number])
