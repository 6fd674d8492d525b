"""An object that is read as it arrives: whole, in parts, over a network that breaks."""
from collections.abc import Callable
from datetime import timezone
from email.utils import format_datetime
from pathlib import Path
import threading
import time
from typing import Any, Optional

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import (
    Cancelled,
    ChecksumMismatch,
    FlightlogError,
    ObjectNotFound,
    RangeNotSatisfiable,
    Unavailable,
)
from flightlog_bucket.sandbox import Sandbox
from flightlog_bucket.settings import KIB, MIB
from flightlog_bucket.storage.byte_range import byte_range_of
from flightlog_bucket.storage.object_stream import ObjectStream
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
import pytest
from support.expect import ENDS_WITHIN_S, failure, give_token, TIMEOUT_S
from support.fault_proxy import FaultProxy
from support.faults import CutAnswer, flip, Tap
from support.logs import write_big_ulg

Connect = Callable[..., FlightLogBucket]

SIZE = 3 * MIB + 17


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """Give what is stored."""
    return write_big_ulg(tmp_path / 'stored.ulg', SIZE).read_bytes()


@pytest.fixture
def key(bucket: FlightLogBucket, content: bytes, tmp_path: Path) -> str:
    """Store it."""
    return bucket.upload(tmp_path / 'stored.ulg').s3_key


@pytest.fixture
def way(connect: Connect, proxy: FaultProxy) -> FlightLogBucket:
    """Give a connection through the proxy."""
    return connect(endpoint_url=proxy.url, request_timeout_s=10)


def part_of(bucket: FlightLogBucket, key: str, text: str, if_range: str = '') -> ObjectStream:
    return bucket.open(key, byte_range=byte_range_of(text), if_range=if_range)


def read(stream: ObjectStream) -> bytes:
    with stream:
        return b''.join(stream)


def read_and_error(stream: ObjectStream) -> tuple[bytes, Optional[FlightlogError]]:
    """Return what arrives before the error, and that."""
    arrived = b''
    try:
        with stream:
            for block in stream:
                arrived += block
    except FlightlogError as error:
        return arrived, error
    return arrived, None


def test_whole(bucket: FlightLogBucket, key: str, content: bytes) -> None:
    with bucket.open(key) as stream:
        assert (stream.size, stream.start, stream.length, stream.is_range) == (
            SIZE, 0, SIZE, False)
        assert stream.content_type == 'application/x-ulog'
        assert stream.last_modified is not None
        assert b''.join(stream) == content


def test_one_request_for_the_whole_and_two_for_a_part(way: FlightLogBucket, proxy: FaultProxy,
                                                      key: str, content: bytes) -> None:
    assert read(way.open(key)) == content
    assert proxy.count() == 1
    assert read(part_of(way, key, 'bytes=100-199')) == content[100:200]
    assert [e.method for e in proxy.exchanges] == ['GET', 'HEAD', 'GET']
    assert proxy.exchanges[-1].answer_bytes == 100


@pytest.mark.parametrize('text', [
    'bytes=0-0', 'bytes=0-', f'bytes={SIZE - 1}-', 'bytes=-1', f'bytes=-{SIZE * 2}',
    f'bytes=1-{SIZE * 10}', f'bytes=70000-{2 * MIB}', 'bytes=-1000000'])
@pytest.mark.parametrize('cut', [False, True])
def test_parts(way: FlightLogBucket, proxy: FaultProxy, key: str, content: bytes, text: str,
               cut: bool) -> None:
    if cut:
        proxy.fail(CutAnswer(64 * KIB + 5), method='GET')
    with part_of(way, key, text) as stream:
        assert stream.is_range
        assert b''.join(stream) == content[stream.start:stream.start + stream.length]


@pytest.mark.parametrize('text', [f'bytes={SIZE}-', 'bytes=-0', f'bytes={SIZE * 2}-{SIZE * 3}'])
def test_no_such_part(way: FlightLogBucket, key: str, proxy: FaultProxy, text: str) -> None:
    with failure(RangeNotSatisfiable, 416, f'the log has {SIZE} bytes'):
        part_of(way, key, text)
    assert proxy.count('GET') == 0


def test_a_part_of_nothing(bucket: FlightLogBucket, admin: Any, sandbox: Sandbox) -> None:
    key = f'{bucket.settings.machine_prefix}empty.ulg'
    admin.put_object(Bucket=sandbox.bucket_name, Key=key, Body=b'')
    assert read(bucket.open(key)) == b''
    with failure(RangeNotSatisfiable, 416, 'the log has 0 bytes'):
        part_of(bucket, key, 'bytes=0-')


def test_not_found(bucket: FlightLogBucket, key: str) -> None:
    for text in ('', 'bytes=0-1'):
        with failure(ObjectNotFound, 404, 'File not found'):
            part_of(bucket, f'{key}x', text)


def test_if_range(bucket: FlightLogBucket, key: str) -> None:
    with bucket.open(key) as stream:
        etag, modified = stream.etag, stream.last_modified
    assert modified is not None
    date = format_datetime(modified.astimezone(timezone.utc), usegmt=True)
    for if_range, is_range in ((f'"{etag}"', True), (date, True), (f'W/"{etag}"', False),
                               ('"other"', False), (etag, False), ('nonsense', False),
                               ('Thu, 01 Jan 1970 00:00:00 GMT', False)):
        with part_of(bucket, key, 'bytes=5-9', if_range) as stream:
            assert (stream.is_range, stream.length) == (is_range, 5 if is_range else SIZE)


@pytest.mark.parametrize('times', [1, 2])
def test_a_connection_that_breaks_is_taken_up_again(way: FlightLogBucket, proxy: FaultProxy,
                                                    key: str, content: bytes, times: int) -> None:
    proxy.fail(CutAnswer(MIB), times, method='GET')
    assert read(way.open(key)) == content
    assert proxy.count('GET') == 1 + times


def test_a_server_that_begins_anew(way: FlightLogBucket, proxy: FaultProxy, key: str,
                                   content: bytes) -> None:
    # A server that knows no ranges answers as if none was asked for.
    original = way._client.call

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        parameters.pop('Range', None)
        return original(operation, **parameters)

    way._client.call = call  # type: ignore[method-assign]
    proxy.fail(CutAnswer(MIB), method='GET')
    assert read(way.open(key)) == content
    assert read(part_of(way, key, 'bytes=100000-100009')) == content[100000:100010]


def test_it_never_gets_on(way: FlightLogBucket, proxy: FaultProxy, key: str) -> None:
    proxy.fail(CutAnswer(MIB), method='GET')
    proxy.fail(CutAnswer(0), None, method='GET')
    arrived, error = read_and_error(way.open(key))
    assert isinstance(error, Unavailable)
    assert len(arrived) <= MIB


def test_it_stalls(connect: Connect, proxy: FaultProxy, key: str) -> None:
    bucket = give_token(connect(endpoint_url=proxy.url, request_timeout_s=2 * TIMEOUT_S))
    proxy.fail(Tap(answer=lambda offset, block: block if offset < MIB else b''), method='GET')
    proxy.fail(Tap(answer=lambda offset, block: b''), None, method='GET')
    stream = bucket.open(key)
    with failure(Unavailable, 503, within_s=TIMEOUT_S + ENDS_WITHIN_S):
        read(stream)


@pytest.mark.parametrize('at', [0, SIZE // 2, SIZE - 1])
def test_the_last_block_comes_when_all_is_proved(way: FlightLogBucket, proxy: FaultProxy, key: str,
                                                 content: bytes, at: int) -> None:
    proxy.fail(Tap(answer=flip(at)), None, method='GET')
    for text in ('', 'bytes=0-'):
        arrived, error = read_and_error(part_of(way, key, text))
        assert isinstance(error, ChecksumMismatch)
        assert SIZE - 64 * KIB <= len(arrived) < SIZE


@pytest.fixture
def forgetful(way: FlightLogBucket) -> FlightLogBucket:
    """Return a way to a server that knows no If-Match."""
    original = way._client.call

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        parameters.pop('IfMatch', None)
        return original(operation, **parameters)

    way._client.call = call  # type: ignore[method-assign]
    return way


@pytest.mark.parametrize('name', ['way', 'forgetful'])
@pytest.mark.parametrize('text', ['', 'bytes=10-', f'bytes=0-{2 * MIB}'])
def test_it_is_replaced_meanwhile(
        name: str, request: pytest.FixtureRequest, proxy: FaultProxy, key: str, content: bytes,
        admin: Any, sandbox: Sandbox, text: str) -> None:
    way = request.getfixturevalue(name)
    proxy.fail(CutAnswer(MIB), method='GET')
    with part_of(way, key, text) as stream:
        first = next(stream)
        assert first in content
        admin.put_object(Bucket=sandbox.bucket_name, Key=key, Body=bytes(SIZE))
        with failure(ChecksumMismatch, 502, 'was replaced while it was read'):
            b''.join(stream)


def test_a_reader_that_pauses_is_no_stall(way: FlightLogBucket, proxy: FaultProxy, key: str,
                                          content: bytes) -> None:
    proxy.fail(CutAnswer(192 * KIB), method='GET')
    with way.open(key) as stream:
        arrived = b''
        while len(arrived) < 192 * KIB:
            arrived += next(stream)
        # What is read next ends at once; and the reader has paused for a week.
        stream._clock = lambda: time.monotonic() + 604_800
        assert arrived + b''.join(stream) == content


def test_stopped(bucket: FlightLogBucket, key: str) -> None:
    cancel = threading.Event()
    with bucket.open(key, cancel=cancel) as stream:
        next(stream)
        cancel.set()
        with failure(Cancelled, 499, 'was stopped'):
            next(stream)


def test_the_end_of_the_connection_stops_it(bucket: FlightLogBucket, key: str) -> None:
    with bucket.open(key) as stream:
        next(stream)
        bucket.close()
        with failure(Cancelled, 499, 'was stopped'):
            b''.join(stream)


def test_nothing_is_left_under_way(bucket: FlightLogBucket, key: str) -> None:
    read(bucket.open(key))
    with bucket.open(key) as stream:
        next(stream)
    with pytest.raises(ObjectNotFound):
        bucket.open(f'{key}x')
    assert bucket._transfers == []


@pytest.fixture
def small(bucket: FlightLogBucket, tmp_path: Path) -> tuple[str, bytes]:
    """Give an object for many small questions."""
    log = write_big_ulg(tmp_path / 'small.ulg', 100_000)
    return bucket.upload(log).s3_key, log.read_bytes()


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.none() | st.integers(0, 120_000), last=st.none() | st.integers(0, 120_000))
def test_any_range(bucket: FlightLogBucket, small: tuple[str, bytes], first: Optional[int],
                   last: Optional[int]) -> None:
    key, content = small
    text = f'bytes={"" if first is None else first}-{"" if last is None else last}'
    expected, is_range = model(content, first, last)
    if expected is None:
        with pytest.raises(RangeNotSatisfiable):
            part_of(bucket, key, text)
        return
    with part_of(bucket, key, text) as stream:
        assert (b''.join(stream), stream.is_range) == (expected, is_range)


def model(content: bytes, first: Optional[int], last: Optional[int],
          ) -> tuple[Optional[bytes], bool]:
    """Return what RFC 9110 wants sent, None: 416, and whether that is a part."""
    if first is None:
        if last is None:
            return content, False
        return (content[-last:], True) if last else (None, True)
    if last is not None and last < first:
        return content, False
    found = content[first:] if last is None else content[first:last + 1]
    return found or None, True
