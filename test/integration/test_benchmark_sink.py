"""The sink of the benchmark answers as S3 does, as far as its clients look."""
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from benchmark.certificate import Certificate
from benchmark.servers import BUCKET, ServerFailed, Sink
from benchmark.sink.requests import ACCESS_KEY_ID, SECRET_ACCESS_KEY, TOKEN_PATH
from benchmark.source import write_log
import boto3
from botocore.config import Config
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.settings import BucketSettings
import pytest

SIZE_BYTES = 20 * 1024 * 1024
KEY = 'flight_logs/bench/seed.ulg'


@pytest.fixture(scope='module')
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('bench') / 'flight.ulg'
    write_log(path, SIZE_BYTES)
    return path


@pytest.fixture(params=['http', 'https'])
def sink(request: pytest.FixtureRequest, tmp_path: Path,
         monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    certificate: Optional[Certificate] = None
    if request.param == 'https':
        pytest.importorskip('trustme')
        certificate = Certificate.make(tmp_path)
        monkeypatch.setenv('AWS_CA_BUNDLE', str(certificate.ca))
        monkeypatch.setenv('REQUESTS_CA_BUNDLE', str(certificate.ca))
    root = tmp_path / 'sink'
    root.mkdir()
    with Sink(root, certificate) as running:
        yield running


def client(sink: Sink) -> Any:
    return boto3.client('s3', region_name='us-east-1', endpoint_url=sink.url,
                        aws_access_key_id=ACCESS_KEY_ID,
                        aws_secret_access_key=SECRET_ACCESS_KEY, config=Config(proxies={}))


def bucket(sink: Sink) -> FlightLogBucket:
    return FlightLogBucket(BucketSettings(
        session_token_url=sink.url + TOKEN_PATH, bucket_name=BUCKET, robot_instance_id='bench',
        endpoint_url=sink.url))


def test_boto3_uploads_and_downloads(sink: Sink, log: Path, tmp_path: Path) -> None:
    s3 = client(sink)
    s3.upload_file(str(log), BUCKET, 'a/b.ulg')
    assert s3.head_object(Bucket=BUCKET, Key='a/b.ulg')['ContentLength'] == SIZE_BYTES
    sink.take_upload(log)
    sink.clear()
    sink.place(KEY, log)
    s3.download_file(BUCKET, KEY, str(tmp_path / 'down.ulg'))
    assert (tmp_path / 'down.ulg').read_bytes() == log.read_bytes()


def test_our_bucket_uploads_and_downloads(sink: Sink, log: Path, tmp_path: Path) -> None:
    flights = bucket(sink)
    stored = flights.upload(log)
    assert stored.file_size == SIZE_BYTES
    assert not stored.already_stored
    sink.take_upload(log)
    sink.clear()
    sink.place(KEY, log)
    got = flights.download(KEY, tmp_path / 'down.ulg')
    assert got.local_path.read_bytes() == log.read_bytes()
    flights.close()


def test_a_small_object_comes_in_one_request(sink: Sink, tmp_path: Path) -> None:
    small = tmp_path / 'small'
    small.write_bytes(b'some bytes')
    s3 = client(sink)
    answer = s3.put_object(Bucket=BUCKET, Key='small', Body=small.read_bytes(),
                           ChecksumAlgorithm='CRC32')
    head = s3.head_object(Bucket=BUCKET, Key='small', ChecksumMode='ENABLED')
    assert head['ChecksumCRC32'] == answer['ChecksumCRC32']
    sink.take_upload(small)


def test_what_did_not_come_whole_is_noticed(sink: Sink, log: Path) -> None:
    with pytest.raises(ServerFailed, match='not one object'):
        sink.take_upload(log)
    client(sink).put_object(Bucket=BUCKET, Key='half', Body=b'half')
    with pytest.raises(ServerFailed, match='not one object'):
        sink.take_upload(log)


def test_what_is_not_there_is_404(sink: Sink) -> None:
    s3 = client(sink)
    with pytest.raises(s3.exceptions.ClientError, match='404'):
        s3.head_object(Bucket=BUCKET, Key='nothing')
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.complete_multipart_upload(Bucket=BUCKET, Key='a', UploadId='none', MultipartUpload={
            'Parts': [{'ETag': 'x', 'PartNumber': 1}]})
