"""Uploads that another try goes on with: what S3 has acknowledged is never sent again."""
from collections.abc import Callable
import os
from pathlib import Path
import threading
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    AuthenticationFailed,
    Cancelled,
    FlightlogError,
    LocalFileChanged,
    NotAllowed,
    Paused,
    StorageError,
    Unavailable,
)
from flightlog_bucket.settings import MIB
from flightlog_bucket.storage.journal import Part
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import (
    ACCESS_DENIED,
    EXPIRED_TOKEN,
    Fault,
    INTERNAL_ERROR,
    LOG_IN_PAGE,
    LoseAnswer,
    NOT_IMPLEMENTED,
    Reply,
    ResetUpload,
    SLOW_DOWN,
    Tap,
)
from support.interrupted import content, interrupt, open_uploads
from support.journals import MemoryJournal
from support.objects import objects
from support.sent import sent_again, sent_bytes, upload_ids

Connect = Callable[..., FlightLogBucket]

PARTS = 4
PART_BYTES = 5 * MIB
NO_SUCH_UPLOAD = Reply(404, 'NoSuchUpload', 'The specified upload does not exist.')


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.mark.parametrize('rights', ['reconnect', 'confined'])
@pytest.mark.parametrize('is_restarted', [False, True])
def test_another_try_goes_on(
        is_restarted: bool, rights: str, request: pytest.FixtureRequest, proxy: FaultProxy,
        journal: MemoryJournal, big_log: Path, admin: Any) -> None:
    reconnect = request.getfixturevalue(rights)
    bucket = interrupt(reconnect, proxy, journal, big_log)
    assert len(open_uploads(admin, bucket)) == 1
    before = len(proxy.exchanges)
    bucket = reconnect() if is_restarted else bucket
    stored = bucket.upload(big_log, journal=journal)
    assert not stored.already_stored
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()
    assert sent_bytes(proxy.exchanges[before:]) == big_log.stat().st_size - 2 * PART_BYTES
    assert sent_again(proxy.exchanges) == []
    assert len(upload_ids(proxy.exchanges)) == 1
    assert (journal.progress, journal.ends) == (None, [('it was completed', True)])


@pytest.mark.parametrize(('fault', 'error'), [
    (SLOW_DOWN, Unavailable), (INTERNAL_ERROR, Unavailable),
    (EXPIRED_TOKEN, AuthenticationFailed), (ACCESS_DENIED, NotAllowed),
    (LOG_IN_PAGE, StorageError), (ResetUpload(MIB), Unavailable)])
def test_faults_that_another_try_mends(
        fault: Fault, error: type[FlightlogError], reconnect: Callable[[], FlightLogBucket],
        proxy: FaultProxy, journal: MemoryJournal, big_log: Path, admin: Any) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log, 1)
    proxy.fail(fault, None, method='PUT')
    with pytest.raises(error):
        bucket.upload(big_log, journal=journal)
    proxy.heal()
    bucket.upload(big_log, journal=journal)
    assert [e.part for e in proxy.exchanges].count(1) == 1
    assert len(upload_ids(proxy.exchanges)) == 1
    assert open_uploads(admin, bucket) == []


@pytest.mark.parametrize('kind', ['cancel', 'close', 'pause'])
def test_what_is_stopped_goes_on_later(kind: str, reconnect: Callable[[], FlightLogBucket],
                                       proxy: FaultProxy, journal: MemoryJournal, big_log: Path,
                                       admin: Any) -> None:
    bucket, cancel, is_stopped = reconnect(), threading.Event(), threading.Event()
    stop = {'cancel': cancel.set, 'close': bucket.close, 'pause': bucket.throttle.pause}[kind]

    def tapped(offset: int, block: bytes) -> bytes:
        # Once: what another connection still holds is not to stop the upload that goes on.
        if journal.numbers and offset > MIB and not is_stopped.is_set():
            is_stopped.set()
            stop()
        return block

    proxy.fail(Tap(request=tapped), None, method='PUT')
    with pytest.raises(Paused if kind == 'pause' else Cancelled):
        bucket.upload(big_log, journal=journal, cancel=cancel)
    proxy.heal()
    assert len(journal.numbers) in (1, 2)  # the last bytes may have been on their way
    if kind == 'pause':
        before = len(proxy.exchanges)
        with pytest.raises(Paused):
            bucket.upload(big_log, journal=journal)
        assert len(proxy.exchanges) == before
        bucket.throttle.resume()
    bucket = reconnect() if kind == 'close' else bucket
    bucket.upload(big_log, journal=journal)
    assert sent_again(proxy.exchanges) == []
    assert open_uploads(admin, bucket) == []


def test_a_lost_answer_to_the_last_request(reconnect: Callable[[], FlightLogBucket],
                                           proxy: FaultProxy, journal: MemoryJournal,
                                           big_log: Path, admin: Any) -> None:
    bucket = reconnect()
    proxy.fail(LoseAnswer(), method='POST', kind='uploadId')
    stored = bucket.upload(big_log, journal=journal)
    assert sent_bytes(proxy.exchanges) == big_log.stat().st_size
    assert list(objects(admin, bucket)) == [stored.s3_key]


def test_a_crash_after_the_last_request(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = reconnect()
    with monkeypatch.context() as patch:
        patch.setattr(journal, 'forgotten', lambda reason, is_gone: None)
        first = bucket.upload(big_log, journal=journal)
    assert journal.numbers == {1, 2, 3, 4}
    before = len(proxy.exchanges)
    again = reconnect().upload(big_log, journal=journal)
    assert (again.s3_key, again.already_stored) == (first.s3_key, True)
    assert (again.crc32, again.etag) == (first.crc32, first.etag)
    assert sent_bytes(proxy.exchanges[before:]) == 0
    # Nothing had to be aborted, which the policy may not allow.
    assert not [e for e in proxy.exchanges if e.method == 'DELETE']
    assert journal.ends == [('it was completed', True)]


def test_an_upload_that_is_gone_begins_anew_once(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, admin: Any) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log)
    assert journal.progress is not None
    bucket.abort(journal.progress.key, journal.progress.upload_id)
    bucket.abort(journal.progress.key, journal.progress.upload_id)  # no error
    stored = bucket.upload(big_log, journal=journal)
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()
    assert journal.ends == [('S3 does not know it any more', True), ('it was completed', True)]
    proxy.fail(NO_SUCH_UPLOAD, None, kind='uploadId')
    with pytest.raises(StorageError):
        bucket.upload(big_log, custom_filename='other.ulg', journal=journal)


def test_a_changed_file_begins_anew(reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
                                    journal: MemoryJournal, big_log: Path, tmp_path: Path,
                                    admin: Any) -> None:
    log = tmp_path / 'x.ulg'
    log.write_bytes(big_log.read_bytes())
    bucket = interrupt(reconnect, proxy, journal, log)
    with open(log, 'r+b') as stream:  # the disk holds something else, and its time says nothing
        then = log.stat().st_mtime_ns
        stream.seek(1000)
        stream.write(b'changed')
    os.utime(log, ns=(then, then))
    stored = bucket.upload(log, journal=journal)
    assert content(admin, bucket, stored.s3_key) == log.read_bytes()
    assert [is_gone for _, is_gone in journal.ends] == [True, True]
    assert 'was written to' in journal.ends[0][0]
    assert open_uploads(admin, bucket) == []


def test_a_file_that_changes_meanwhile_is_given_up(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, tmp_path: Path, admin: Any) -> None:
    log = tmp_path / 'x.ulg'
    log.write_bytes(big_log.read_bytes())
    bucket = reconnect()

    def grow(offset: int, block: bytes) -> bytes:
        with open(log, 'ab') as stream:
            stream.write(b'more')
        return block

    proxy.fail(Tap(request=grow), method='PUT')
    with failure(LocalFileChanged, 409):
        bucket.upload(log, journal=journal)
    assert [is_gone for _, is_gone in journal.ends] == [True]
    assert open_uploads(admin, bucket) == []


@pytest.mark.parametrize('fault', [None, ACCESS_DENIED, NOT_IMPLEMENTED])
def test_parts_whose_acknowledgement_was_lost(
        fault: Fault, reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
        journal: MemoryJournal, big_log: Path, admin: Any) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log, 3)
    journal.lose(2)
    if fault:
        proxy.fail(fault, None, method='GET')
    before = len(proxy.exchanges)
    stored = bucket.upload(big_log, journal=journal)
    sent = [e.part for e in proxy.exchanges[before:] if e.method == 'PUT']
    assert sent == ([2, 4] if fault else [4])
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()


def test_whether_parts_may_be_listed_is_asked_once(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, caplog: pytest.LogCaptureFixture) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log, 1)
    proxy.fail(ACCESS_DENIED, None, method='GET')
    proxy.fail(SLOW_DOWN, None, method='PUT')
    for _ in range(2):
        with failure(Unavailable, 503):
            bucket.upload(big_log, journal=journal)
    assert 1 <= proxy.count('GET') <= 2  # the second with a new token
    # An upload of an earlier test may still be given up in the background.
    assert not [r for r in caplog.records if r.levelname == 'WARNING'
                and not r.threadName.startswith('flightlog-abort')]


def test_a_part_that_s3_has_lost_is_sent_again(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, admin: Any) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log, 2)
    assert journal.progress is not None
    admin.upload_part(Bucket=bucket.settings.bucket_name, Key=journal.progress.key, PartNumber=1,
                      UploadId=journal.progress.upload_id, Body=b'x' * PART_BYTES)
    before = len(proxy.exchanges)
    stored = bucket.upload(big_log, journal=journal)
    assert [e.part for e in proxy.exchanges[before:] if e.method == 'PUT'] == [1, 3, 4]
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()


def test_cancelled_after_its_last_part(bucket: FlightLogBucket, journal: MemoryJournal,
                                       big_log: Path, admin: Any,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, acknowledged = threading.Event(), journal.acknowledged

    def cancel_at_the_end(part: Part) -> None:
        acknowledged(part)
        if journal.up_bytes == big_log.stat().st_size:
            cancel.set()
    monkeypatch.setattr(journal, 'acknowledged', cancel_at_the_end)
    with pytest.raises(Cancelled):
        bucket.upload(big_log, journal=journal, cancel=cancel)
    assert list(objects(admin, bucket)) == []
    assert journal.up_bytes == big_log.stat().st_size
    assert bucket.upload(big_log, journal=journal).file_size == big_log.stat().st_size
