"""What an upload says of its progress: each byte of the log once, whatever is sent again."""
from collections.abc import Callable, Sequence
from itertools import accumulate
import os
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import Unavailable
from flightlog_bucket.settings import MIB
import pytest
from support.fault_proxy import FaultProxy
from support.faults import (
    INTERNAL_ERROR,
    LoseAnswer,
    NOT_IMPLEMENTED,
    Reply,
    ResetUpload,
    Tap,
)
from support.interrupted import interrupt
from support.journals import MemoryJournal
from support.logs import write_big_ulg

PART_BYTES = 5 * MIB
CONDITION_FAILED = Reply(412, 'PreconditionFailed')


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def single_log(tmp_path: Path) -> Path:
    """Give a log that goes up in one request."""
    return write_big_ulg(tmp_path / 'single.ulg', 12 * MIB)


def _check(told: Sequence[int], first: int, size: int) -> None:
    """Expect that the sums begin with what was up, end with all, and never tell of more."""
    sums = list(accumulate(told))
    assert (told[0], sums[-1]) == (first, size)
    assert min(sums) >= 0
    assert max(sums) <= size


def test_an_upload_that_goes_well(bucket: FlightLogBucket, big_log: Path, log: Path) -> None:
    for path in (big_log, log):
        told: list[int] = []
        bucket.upload(path, on_sent=told.append)
        _check(told, 0, path.stat().st_size)
        assert min(told) == 0


def test_one_that_is_gone_on_with(reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy,
                                  journal: MemoryJournal, big_log: Path) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log)
    told: list[int] = []
    bucket.upload(big_log, journal=journal, on_sent=told.append)
    _check(told, 2 * PART_BYTES, big_log.stat().st_size)
    assert min(told) > 0


def test_parts_whose_acknowledgement_was_lost_are_up(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log, 3)
    journal.lose(2)
    told: list[int] = []
    bucket.upload(big_log, journal=journal, on_sent=told.append)
    _check(told, 3 * PART_BYTES, big_log.stat().st_size)


@pytest.mark.parametrize('fault', [ResetUpload(2 * MIB), INTERNAL_ERROR, LoseAnswer()])
@pytest.mark.parametrize('name', ['big_log', 'single_log'])
def test_a_request_that_is_made_again_counts_once(
        fault: Any, name: str, confined: Callable[[], FlightLogBucket], proxy: FaultProxy,
        request: pytest.FixtureRequest) -> None:
    path, told = request.getfixturevalue(name), []
    proxy.fail(fault, 1, method='PUT', kind='uploadId' if name == 'big_log' else '')
    stored = confined().upload(path, on_sent=told.append)
    size = path.stat().st_size
    if stored.already_stored:  # the answer was lost after the work was done
        assert sum(told) == 0
        return
    _check(told, 0, size)
    assert min(told) <= -2 * MIB


def test_what_ends_in_a_fault_leaves_what_is_up(
        confined: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path) -> None:
    def cut(offset: int, block: bytes) -> bytes:
        if len(journal.numbers) >= 1 and offset > MIB:
            raise ConnectionError('cut')
        return block

    told: list[int] = []

    proxy.fail(Tap(request=cut), None, method='PUT')
    with pytest.raises(Unavailable):
        confined().upload(big_log, journal=journal, on_sent=told.append)
    assert sum(told) == PART_BYTES


def test_a_key_that_is_taken_meanwhile(confined: Callable[[], FlightLogBucket],
                                       proxy: FaultProxy, single_log: Path, big_log: Path) -> None:
    bucket = confined()
    for path, method, kind in ((single_log, 'PUT', ''), (big_log, 'POST', 'uploadId')):
        told: list[int] = []
        proxy.fail(CONDITION_FAILED, 1, method=method, kind=kind)
        bucket.upload(path, on_sent=told.append)
        assert min(accumulate(told)) == 0
        assert max(accumulate(told)) == sum(told) == path.stat().st_size


def test_a_file_that_was_changed_between_two_tries(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path, tmp_path: Path) -> None:
    path = tmp_path / 'x.ulg'
    path.write_bytes(big_log.read_bytes())
    bucket = interrupt(reconnect, proxy, journal, path)
    then = path.stat().st_mtime_ns
    with open(path, 'r+b') as stream:
        stream.seek(1000)
        stream.write(b'changed')
    os.utime(path, ns=(then, then))
    told: list[int] = []
    bucket.upload(path, journal=journal, on_sent=told.append)
    _check(told, 2 * PART_BYTES, path.stat().st_size)
    assert 0 in accumulate(told)


def test_an_upload_that_s3_has_forgotten(
        reconnect: Callable[[], FlightLogBucket], proxy: FaultProxy, journal: MemoryJournal,
        big_log: Path) -> None:
    bucket = interrupt(reconnect, proxy, journal, big_log)
    proxy.fail(Reply(404, 'NoSuchUpload'), 1, method='PUT', kind='uploadId')
    told: list[int] = []
    bucket.upload(big_log, journal=journal, on_sent=told.append)
    _check(told, 2 * PART_BYTES, big_log.stat().st_size)


def test_a_server_that_lacks_a_feature(confined: Callable[[], FlightLogBucket],
                                       proxy: FaultProxy, single_log: Path) -> None:
    told: list[int] = []
    proxy.fail(NOT_IMPLEMENTED, 1, method='PUT')
    confined().upload(single_log, on_sent=told.append)
    _check(told, 0, single_log.stat().st_size)


def test_nobody_has_to_listen(confined: Callable[[], FlightLogBucket], proxy: FaultProxy,
                              single_log: Path) -> None:
    proxy.fail(ResetUpload(2 * MIB), 1, method='PUT')
    assert confined().upload(single_log).file_size == 12 * MIB
