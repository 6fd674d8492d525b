"""Uploads that are interrupted in the middle, for the tests of going on with them."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import Unavailable

from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import Tap
from support.journals import MemoryJournal


def open_uploads(admin: Any, bucket: FlightLogBucket) -> list[str]:
    """Return the ids of the machine's multipart uploads that are neither completed nor aborted."""
    told = admin.list_multipart_uploads(Bucket=bucket.settings.bucket_name)
    return [u['UploadId'] for u in told.get('Uploads', ())
            if u['Key'].startswith(bucket.settings.machine_prefix)]


def content(admin: Any, bucket: FlightLogBucket, key: str) -> bytes:
    answer = admin.get_object(Bucket=bucket.settings.bucket_name, Key=key)
    return bytes(answer['Body'].read())


def interrupt(make: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
              path: Path, parts: int = 2) -> FlightLogBucket:
    """Upload so many parts, then lose the network; return the connection."""
    def cut(offset: int, block: bytes) -> bytes:
        if len(journal.numbers) >= parts:
            raise ConnectionError('cut')
        return block

    bucket = make()
    proxy.fail(Tap(request=cut), None, method='PUT')
    with failure(Unavailable, 503):
        bucket.upload(path, journal=journal)
    assert len(journal.numbers) == parts
    proxy.heal()
    return bucket
