"""What becomes of logs that are cut off, corrupt or of another format."""
from collections.abc import Callable
import json
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    AccessDenied,
    Cancelled,
    ConfigurationError,
    CorruptLog,
    FormatMismatch,
    ObjectNotFound,
    Unavailable,
)
import pytest
from support.damaged import write_corrupt, write_corrupt_within, write_cut
from support.expect import failure, give_token
from support.fault_proxy import FaultProxy
from support.faults import Reply
from support.journals import MemoryJournal
from support.logs import write_all, write_dated_log, write_log
from support.objects import objects


@pytest.mark.parametrize('name', ['x.ulg', 'x.bag', 'x.mcap', 'x.db3', 'x.mcap.zstd',
                                  'x.db3.zstd'])
def test_a_log_that_was_cut_off_is_stored_and_says_so(
        name: str, bucket: FlightLogBucket, admin: Any, tmp_path: Path) -> None:
    stored = bucket.upload(write_cut(tmp_path / name))
    assert stored.content.verdict == 'truncated'
    assert stored.content.reason
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)
    assert head['Metadata']['log-verdict'] == 'truncated'
    assert bucket.describe(stored.s3_key).content.verdict == 'truncated'


@pytest.mark.parametrize('name', ['x.ulg', 'x.bag', 'x.mcap', 'x.db3', 'x.mcap.zstd',
                                  'x.db3.zstd'])
def test_a_corrupt_log_is_refused_with_the_reason(
        name: str, bucket: FlightLogBucket, admin: Any, tmp_path: Path) -> None:
    path = write_corrupt(tmp_path / name)
    for call in (bucket.upload, bucket.check):
        with failure(CorruptLog, 422, 'File validation failed', f"'{path}' is corrupt: ",
                     'upload_corrupt'):
            call(path)
    assert objects(admin, bucket) == {}
    assert path.exists()


def test_corrupt_logs_can_be_kept_as_evidence(
        connect: Callable[..., FlightLogBucket], admin: Any, tmp_path: Path,
        machine: str) -> None:
    bucket = connect(upload_corrupt=True)
    path = write_corrupt(tmp_path / 'flight.ulg')
    bucket.check(path)
    stored = bucket.upload(path)
    assert stored.s3_key.startswith(f'flight_logs/{machine}/corrupt/2025')
    assert stored.s3_key.endswith('_flight.ulg')
    assert objects(admin, bucket) == {stored.s3_key: path.stat().st_size}
    assert bucket.describe(stored.s3_key).content.verdict == 'corrupt'
    assert bucket.upload(path).already_stored
    in_bag = bucket.upload(write_corrupt(tmp_path / 'run_0.mcap'), folder='20250727_143022_run')
    assert in_bag.s3_key == f'flight_logs/{machine}/corrupt/20250727_143022_run/run_0.mcap'


def test_a_zeroed_log_is_corrupt_and_another_format_is_not(
        connect: Callable[..., FlightLogBucket], tmp_path: Path) -> None:
    bucket = connect(upload_corrupt=True)
    zeros = tmp_path / 'zeros.ulg'
    zeros.write_bytes(bytes(5000))
    assert '/corrupt/' in bucket.upload(zeros).s3_key
    renamed = write_log(tmp_path / 'x.bag').rename(tmp_path / 'renamed.ulg')
    with failure(FormatMismatch, 400, 'File validation failed', 'a ROS 1 bag'):
        bucket.upload(renamed)


def test_how_deep_it_is_checked_is_a_setting(connect: Callable[..., FlightLogBucket],
                                             tmp_path: Path) -> None:
    at_the_end = write_corrupt(tmp_path / 'end.ulg')
    within = write_corrupt_within(tmp_path / 'within.ulg')
    assert connect(validation_level='header').upload(at_the_end).content.verdict == 'valid'
    structure, full = connect(), connect(validation_level='full')
    structure.check(within)
    full.check(within)
    assert structure.upload(within).content.verdict == 'valid'
    with failure(CorruptLog, 422, str(within)):
        full.upload(within)
    good = write_dated_log(tmp_path / 'good.ulg')
    content = full.upload(good).content
    assert (content.verdict, content.reason) == ('valid', '')
    assert json.loads(content.description)['message_count'] > 0


def test_a_full_check_is_not_made_anew_for_each_try(
        connect: Callable[..., FlightLogBucket], proxy: FaultProxy, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    from flightlog_bucket.logs import flight_log
    read: list[str] = []
    as_it_was = flight_log.read_whole
    monkeypatch.setattr(flight_log, 'read_whole',
                        lambda *given: read.append(given[0]) or as_it_was(*given))
    bucket = give_token(connect(endpoint_url=proxy.url, validation_level='full',
                                request_timeout_s=3))
    log = write_dated_log(tmp_path / 'flight.ulg')
    proxy.refuse()
    for _ in range(2):
        with pytest.raises(Exception, match='cannot be reached'):
            bucket.upload(log)
    proxy.heal()
    bucket.upload(log)
    assert read == ['ulog']


def test_without_the_libraries_nothing_is_begun(connect: Callable[..., FlightLogBucket],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from flightlog_bucket.logs.library import installed
    monkeypatch.setattr(installed, 'find_spec', lambda name: None if 'p' in name else name)
    with failure(ConfigurationError, 400, 'validation_level is full', 'pip install mcap pyulog'):
        connect(validation_level='full')
    connect()


def test_a_full_check_can_be_stopped(connect: Callable[..., FlightLogBucket],
                                     tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        connect(validation_level='full').upload(write_dated_log(tmp_path / 'x.ulg'), cancel=stop)


def test_every_format_is_described(bucket: FlightLogBucket, tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        key = bucket.upload(path).s3_key
        found = bucket.describe(key)
        told = json.loads(found.content.description)
        assert (found.content.verdict, found.file.size) == ('valid', path.stat().st_size)
        assert told['start'].startswith('2025-07-27T14:30:2')
        assert told['message_count'] > 0
        assert 1.0 < told['duration_s'] < 3.0
        assert {'name', 'type', 'message_count'} == set(told['topics'][0])
        assert '20250727_14302' in key


def test_an_encrypted_log_is_stored_unread(bucket: FlightLogBucket, tmp_path: Path) -> None:
    path = tmp_path / 'flight.ulge'
    path.write_bytes(b'ULogEnc\x01' + bytes(range(256)) * 8)
    stored = bucket.upload(path)
    assert stored.s3_key.endswith('_flight.ulge')
    assert (stored.content.format, stored.content.verdict) == ('ulog.encrypted', 'valid')
    assert 'encrypted' in stored.content.reason


def test_describing_what_is_not_there_or_another_ones(bucket: FlightLogBucket) -> None:
    with pytest.raises(ObjectNotFound):
        bucket.describe(f'{bucket.settings.machine_prefix}no.ulg')
    with pytest.raises(AccessDenied):
        bucket.describe('flight_logs/drone-00/no.ulg')


def test_an_object_of_somebody_else_has_no_description(
        bucket: FlightLogBucket, admin: Any) -> None:
    key = f'{bucket.settings.machine_prefix}20250727_143022_x.ulg'
    admin.put_object(Bucket=bucket.settings.bucket_name, Key=key, Body=b'x',
                     Metadata={'log-description': 'no json', 'log-verdict': 'splendid'})
    found = bucket.describe(key)
    assert (found.content.verdict, found.content.description) == ('splendid', '')


def test_a_log_that_is_stored_stays_so_whatever_a_deeper_check_says(
        connect: Callable[..., FlightLogBucket], admin: Any, tmp_path: Path) -> None:
    path = write_corrupt(tmp_path / 'flight.ulg')
    first = connect(validation_level='header').upload(path)
    journal = StoredBefore(first.s3_key)
    again = connect().upload(path, journal=journal)
    assert (again.s3_key, again.already_stored) == (first.s3_key, True)
    assert again.content.verdict == 'corrupt'
    # Also where it would get another key now.
    kept = connect(upload_corrupt=True)
    assert kept.upload(path, journal=journal).s3_key == first.s3_key
    kept.delete(first.s3_key)
    assert '/corrupt/' in kept.upload(path, journal=journal).s3_key


def test_an_upload_under_another_key_is_not_gone_on_with(
        connect: Callable[..., FlightLogBucket], proxy: FaultProxy, admin: Any,
        tmp_path: Path) -> None:
    path, journal = write_corrupt_within(tmp_path / 'flight.ulg'), MemoryJournal()
    proxy.fail(Reply(500, 'InternalError'), None, method='PUT', kind='uploadId')
    begun = connect(endpoint_url=proxy.url, request_timeout_s=9, max_concurrent_parts=1)
    with pytest.raises(Unavailable):
        begun.upload(path, journal=journal)
    assert journal.progress is not None
    proxy.heal()
    deeper = connect(validation_level='full', upload_corrupt=True)
    stored = deeper.upload(path, journal=journal)
    assert '/corrupt/' in stored.s3_key
    assert deeper.describe(stored.s3_key).content.verdict == 'corrupt'
    assert objects(admin, deeper) == {stored.s3_key: path.stat().st_size}
    assert journal.ends[0][0] == 'the log gets another key now'


def test_a_library_that_is_gone_is_no_reason_to_refuse_a_log(
        connect: Callable[..., FlightLogBucket], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    from flightlog_bucket.logs import flight_log

    def gone(*given: object) -> None:
        raise ConfigurationError('pyulog cannot be loaded')
    bucket = connect(validation_level='full')
    monkeypatch.setattr(flight_log, 'read_whole', gone)
    assert bucket.upload(write_dated_log(tmp_path / 'x.ulg')).content.verdict == 'valid'


class StoredBefore(MemoryJournal):
    """The journal of a log that was stored earlier."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def stored_as(self) -> str:
        return self._key
