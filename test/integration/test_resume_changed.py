"""Uploads that another try cannot simply go on with: what has changed meanwhile."""
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    StorageError,
)
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import (
    Reply,
    Tap,
)
from support.interrupted import content, interrupt, open_uploads
from support.journals import MemoryJournal
from support.rclone_server import RcloneServer
from support.sent import sent_again, sent_bytes, upload_ids
from support.session_service import json_answer, ScriptedSessionService

Connect = Callable[..., FlightLogBucket]


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.mark.parametrize('is_same', [True, False])
@pytest.mark.parametrize('when', ['before', 'at the end'])
def test_a_key_that_was_taken_meanwhile(
        when: str, is_same: bool, reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
        journal: MemoryJournal, big_log: Path, admin: Any) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log)
    assert journal.progress is not None
    key = journal.progress.key
    theirs = big_log.read_bytes() if is_same else b'another log'

    def take(offset: int = 0, block: bytes = b'') -> bytes:
        admin.put_object(Bucket=bucket.settings.bucket_name, Key=key, Body=theirs)
        return block

    if when == 'before':
        take()
    else:
        proxy.fail(Tap(request=take), method='POST', kind='uploadId')
    stored = bucket.upload(big_log, journal=journal)
    assert stored.already_stored == is_same
    assert stored.s3_key == (key if is_same else key.replace('.ulg', '_2.ulg'))
    assert content(admin, bucket, stored.s3_key) == big_log.read_bytes()
    assert content(admin, bucket, key) == theirs
    assert open_uploads(admin, bucket) == []
    assert journal.progress is None


def test_an_upload_that_s3_refuses_is_not_kept_for_ever(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, admin: Any) -> None:
    bucket = reconnect()
    proxy.fail(Reply(400, 'InvalidPartOrder'), None, method='POST', kind='uploadId')
    for number in (1, 2, 3):
        with failure(StorageError, 502, 'InvalidPartOrder'):
            bucket.upload(big_log, journal=journal)
        assert (journal.progress is None) == (number == 3)
    assert sent_bytes(proxy.exchanges) == big_log.stat().st_size
    proxy.heal()
    bucket.upload(big_log, journal=journal)
    assert open_uploads(admin, bucket) == []


def test_an_upload_of_another_machine_is_not_gone_on_with(
        connect: Connect, reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
        journal: MemoryJournal, big_log: Path) -> None:
    interrupt(reconnect, proxy, journal, big_log)
    other = connect(robot_instance_id='another')
    assert other.upload(big_log, journal=journal).s3_key.startswith('flight_logs/another/')
    assert journal.ends[0][0] == 'the machine has another folder now'


def test_the_part_size_of_the_earlier_try_stays(
        connect: Connect, reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
        journal: MemoryJournal, big_log: Path) -> None:
    interrupt(reconnect, proxy, journal, big_log, 3)
    before = len(proxy.exchanges)
    connect(endpoint_url=proxy.url, part_size_bytes=8 * MIB).upload(big_log, journal=journal)
    assert [e.part for e in proxy.exchanges[before:] if e.method == 'PUT'] == [4]


@pytest.fixture
def rclone_proxy(rclone: RcloneServer) -> Iterator[FaultProxy]:
    with FaultProxy(rclone.endpoint_url) as running:
        yield running


def test_a_server_without_checksums(rclone: RcloneServer, rclone_proxy: FaultProxy,
                                    connect: Connect, journal: MemoryJournal,
                                    big_log: Path) -> None:
    with ScriptedSessionService(json_answer(rclone.token_fields())) as service:
        def connected() -> FlightLogBucket:
            return connect(endpoint_url=rclone_proxy.url, session_token_url=service.url,
                           bucket_name=rclone.bucket_name, max_concurrent_parts=1,
                           request_timeout_s=10)
        bucket = interrupt(connected, rclone_proxy, journal, big_log)
        stored = bucket.upload(big_log, journal=journal)
    assert (rclone.bucket_path / stored.s3_key).read_bytes() == big_log.read_bytes()
    assert sent_again(rclone_proxy.exchanges) == []
    assert len(upload_ids(rclone_proxy.exchanges)) == 1
