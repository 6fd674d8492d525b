"""Listings: by prefix, page by page."""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import AccessDenied, Cancelled, InvalidRequest, StorageError
from flightlog_bucket.results import Listing
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import Reply
from support.logs import START_NS, write_dated_log


def test_listing_by_prefix(bucket: FlightLogBucket, tmp_path: Path) -> None:
    keys = [bucket.upload(write_dated_log(tmp_path / name, START_NS + day * 86400 * 10**9)).s3_key
            for day, name in enumerate(('a.ulg', 'b.ulg', 'c.ulg'))]
    assert [f.key for f in bucket.list_files(prefix='20250728').files] == keys[1:2]
    assert [f.key for f in bucket.list_files(prefix=keys[2]).files] == keys[2:]
    assert bucket.list_files(prefix='2024').files == ()
    with failure(AccessDenied, 403, 'leads out of the folder of this machine'):
        bucket.list_files(prefix='../')
    with failure(AccessDenied, 403, 'leads out of the folder of this machine'):
        bucket.list_files(prefix='flight_logs/another/')


def test_paging(bucket: FlightLogBucket, admin: Any) -> None:
    prefix = bucket.settings.machine_prefix
    keys = [f'{prefix}{index:04}.ulg' for index in range(1005)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: admin.put_object(
            Bucket=bucket.settings.bucket_name, Key=key, Body=b'x'), keys))
    whole = bucket.list_files()
    assert [f.key for f in whole.files] == keys
    assert whole.next_token == ''

    first = bucket.list_files(max_keys=1000)
    second = bucket.list_files(max_keys=1000, continuation_token=first.next_token)
    assert [len(first.files), len(second.files)] == [1000, 5]
    assert [f.key for f in first.files + second.files] == keys
    assert second.next_token == ''
    assert len(bucket.list_files(max_keys=1, prefix='0007').files) == 1


@pytest.mark.parametrize('max_keys', [0, -1, 1001])
def test_a_page_has_one_to_a_thousand_keys(bucket: FlightLogBucket, max_keys: int) -> None:
    with failure(InvalidRequest, 400, f'max_keys is {max_keys}; give 1 to 1000'):
        bucket.list_files(max_keys=max_keys)


def test_a_token_leads_into_no_other_folder(connect: Callable[..., FlightLogBucket], admin: Any,
                                            machine: str) -> None:
    other = connect(robot_instance_id=f'{machine}-x')
    for name in 'abc':
        admin.put_object(Bucket=other.settings.bucket_name,
                         Key=f'{other.settings.machine_prefix}{name}.ulg', Body=b'x')
    token = other.list_files(max_keys=1).next_token
    assert token
    assert connect().list_files(continuation_token=token).files == ()


def test_a_tampered_token(connect: Callable[..., FlightLogBucket], proxy: FaultProxy) -> None:
    # moto takes any token; this is what AWS answers.
    proxy.fail(Reply(400, 'InvalidArgument', 'The continuation token provided is incorrect'),
               kind='list-type')
    with failure(InvalidRequest, 400, 'The continuation token provided is incorrect'):
        connect(endpoint_url=proxy.url).list_files(continuation_token='no token')


def test_a_server_that_goes_in_circles(bucket: FlightLogBucket,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    following = {'': 'a', 'a': 'b', 'b': 'a'}
    monkeypatch.setattr(bucket._store, 'list_page',
                        lambda prefix, max_keys, token: Listing((), following[token]))
    with failure(StorageError, 502, 'lists the same page again', 'max_keys'):
        bucket.list_files()


def test_a_listing_ends_when_the_connection_is_closed(bucket: FlightLogBucket,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(prefix: str, max_keys: int, token: str) -> Listing:
        bucket.close()
        assert not token
        return Listing((), f'{token}x')

    monkeypatch.setattr(bucket._store, 'list_page', endless)
    with failure(Cancelled, 499, 'the connection is closed'):
        bucket.list_files()
