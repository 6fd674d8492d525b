"""Names of logs, through keys, metadata, URLs and listings."""
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import InvalidRequest
import pytest
import requests
from support.expect import failure
from support.objects import objects


@pytest.mark.parametrize('name', [
    'Flug über Köln 测试 🚁 50%+&=#?.ulg', "it's [a] {log} ~ *.ulg", 'a b.ULG'])
def test_any_name_all_through(name: str, bucket: FlightLogBucket, admin: Any, log: Path,
                              tmp_path: Path) -> None:
    stored = bucket.upload(log, custom_filename=name)
    assert stored.s3_key == f'{bucket.settings.machine_prefix}20250727_143022_{name}'
    [found] = bucket.list_files().files
    assert (found.key, found.url) == (stored.s3_key, stored.file_url)
    head = admin.head_object(Bucket=bucket.settings.bucket_name, Key=stored.s3_key)
    assert unquote(head['Metadata']['original-filename']) == name
    assert stored.file_url.isascii()
    assert ' ' not in stored.file_url
    assert unquote(urlsplit(stored.file_url).path).endswith(stored.s3_key)
    assert fetch_signed(admin, stored.file_url) == log.read_bytes()
    got = bucket.download(stored.s3_key, tmp_path)
    assert got.local_path.name == f'20250727_143022_{name}'
    assert bucket.upload(log, custom_filename=name).already_stored
    bucket.delete(stored.s3_key)
    assert bucket.list_files().files == ()


def fetch_signed(admin: Any, url: str) -> bytes:
    """Fetch exactly this URL, with a signature in the headers as any S3 client makes it."""
    credentials = admin._request_signer._credentials
    signed = AWSRequest('GET', url, headers={'x-amz-content-sha256': 'UNSIGNED-PAYLOAD'})
    S3SigV4Auth(credentials, 's3', 'us-east-1').add_auth(signed)
    answer = requests.get(url, headers=dict(signed.headers.items()), timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize('name', [
    '../x.ulg', 'a/b.ulg', 'a\\b.ulg', '.x.ulg', '..', 'x\n.ulg', 'x\x00.ulg', 'x\x7f.ulg',
    'x' * 300 + '.ulg', 'gpj\u202eglu.ulg'])
def test_names_that_no_object_gets(name: str, bucket: FlightLogBucket, admin: Any,
                                   log: Path) -> None:
    with failure(InvalidRequest, 400, 'the file name'):
        bucket.upload(log, custom_filename=name)
    assert objects(admin, bucket) == {}


@pytest.mark.parametrize(('settings', 'base'), [
    ({}, 'https://b-1.s3.amazonaws.com/'),
    ({'region': 'eu-central-1'}, 'https://b-1.s3.eu-central-1.amazonaws.com/'),
    ({'region': 'cn-north-1'}, 'https://b-1.s3.cn-north-1.amazonaws.com.cn/'),
    ({'region': 'us-west-2', 'addressing_style': 'path'},
     'https://s3.us-west-2.amazonaws.com/b-1/'),
    ({'region': 'us-west-2', 'addressing_style': 'virtual'},
     'https://b-1.s3.us-west-2.amazonaws.com/'),
    ({'region': 'us-west-2', 'bucket_name': 'dotted.bucket'},
     'https://s3.us-west-2.amazonaws.com/dotted.bucket/'),
    ({'endpoint_url': 'http://127.0.0.1:9000'}, 'http://127.0.0.1:9000/b-1/'),
    ({'endpoint_url': 'https://s3.example.org', 'addressing_style': 'virtual'},
     'https://b-1.s3.example.org/'),
    ({'endpoint_url': 'https://s3.example.org:8443/'}, 'https://s3.example.org:8443/b-1/'),
])
def test_urls(settings: dict[str, str], base: str,
              connect: Callable[..., FlightLogBucket]) -> None:
    bucket = connect(**{'bucket_name': 'b-1', 'endpoint_url': '', **settings})
    assert bucket._client.url('flight_logs/d-1/a b+ü~(1).ulg') == (
        base + 'flight_logs/d-1/a%20b%2B%C3%BC~%281%29.ulg')
