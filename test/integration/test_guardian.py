"""The disk guardian asks a real S3 server, and believes only what that has."""
from collections.abc import Callable, Iterator
import os
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.records import QUEUED
from flightlog_bucket.transfers.retention import Guardian
from flightlog_bucket.transfers.retention_policy import AT_ONCE, RetentionPolicy
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from support.expect import give_token, TIMEOUT_S, wait_until
from support.fault_proxy import FaultProxy
from support.logs import write_big_ulg, write_dated_log
from support.objects import objects


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """Return a watched folder with a small log, and one that goes up in parts."""
    folder = tmp_path / 'watched'
    folder.mkdir()
    write_dated_log(folder / 'flight.ulg')
    write_big_ulg(folder / 'big.ulg', 19 * 1024 * 1024 + 123)
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(StateDirectory(tmp_path / 'state'), machine='drone-001', destination='logs')
    yield ledger
    ledger.close()


def guardian(ledger: Ledger, bucket: FlightLogBucket, watched: Path) -> Guardian:
    """Return one that deletes at once."""
    return Guardian(ledger, bucket.holds, policy=RetentionPolicy(AT_ONCE), directories=[watched],
                    is_open_for_writing=is_open_for_writing)


def store_all(ledger: Ledger, bucket: FlightLogBucket, watched: Path) -> dict[Path, str]:
    """Upload what is in the folder; return the keys."""
    stored = {}
    for path in sorted(watched.iterdir()):
        transfer = ledger.accept(path, Fingerprint.of(path.stat()))
        log = bucket.upload(path)
        ledger.stored(transfer.id, log)
        stored[path] = log.s3_key
    return stored


def test_what_s3_has_goes(ledger: Ledger, bucket: FlightLogBucket, watched: Path,
                          admin: Any) -> None:
    stored = store_all(ledger, bucket, watched)
    guardian(ledger, bucket, watched).run_once()
    assert list(watched.iterdir()) == []
    assert set(objects(admin, bucket)) == set(stored.values())


@pytest.mark.parametrize('fate', ['deleted', 'cut', 'other bytes of the same size'])
def test_what_s3_lost_or_has_damaged_stays_and_is_sent_again(
        ledger: Ledger, bucket: FlightLogBucket, watched: Path, admin: Any, fate: str) -> None:
    for path, key in store_all(ledger, bucket, watched).items():
        content = path.read_bytes()
        where = {'Bucket': bucket.settings.bucket_name, 'Key': key}
        if fate == 'deleted':
            admin.delete_object(**where)
        else:
            admin.put_object(**where, Body=content[:-1] if fate == 'cut'
                             else bytes([content[0] ^ 1]) + content[1:])
    guardian(ledger, bucket, watched).run_once()
    left = sorted(watched.iterdir())
    assert len(left) == 2
    for path in left:
        transfer = ledger.find(path)
        assert transfer is not None
        assert transfer.state == QUEUED
        ledger.stored(transfer.id, bucket.upload(path))
    # Another one, an hour later: by now S3 has them, whatever else it has.
    guardian(ledger, bucket, watched).run_once()
    assert list(watched.iterdir()) == []


def test_a_log_that_is_written_to_stays(ledger: Ledger, bucket: FlightLogBucket,
                                        watched: Path) -> None:
    store_all(ledger, bucket, watched)
    kept = watched / 'flight.ulg'
    with open(kept, 'r+b'):
        guardian(ledger, bucket, watched).run_once()
    assert list(watched.iterdir()) == [kept]


def test_the_same_content_with_another_time_is_another_version(
        ledger: Ledger, bucket: FlightLogBucket, watched: Path) -> None:
    store_all(ledger, bucket, watched)
    kept = watched / 'flight.ulg'
    os.utime(kept)
    guardian(ledger, bucket, watched).run_once()
    assert list(watched.iterdir()) == [kept]


@pytest.mark.parametrize('fault', ['refused', 'black hole'])
def test_without_an_answer_all_stays(
        ledger: Ledger, connect: Callable[..., FlightLogBucket], proxy: FaultProxy,
        watched: Path, fault: str) -> None:
    store_all(ledger, connect(), watched)
    bucket = give_token(connect(endpoint_url=proxy.url, request_timeout_s=TIMEOUT_S))
    if fault == 'refused':
        proxy.refuse()
    else:
        proxy.black_hole()
    guardian(ledger, bucket, watched).run_once()
    assert len(list(watched.iterdir())) == 2
    proxy.heal()

    def has_freed_all() -> bool:
        guardian(ledger, bucket, watched).run_once()
        return not any(watched.iterdir())
    wait_until(has_freed_all)  # on a busy computer an answer can come later than it may
