"""Objects of which the server does not tell, or wrongly tells, what they hold."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import ChecksumMismatch, Paused, StorageError
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import flip, Tap
from support.objects import objects

Connect = Callable[..., FlightLogBucket]


def store_in_parts(admin: Any, bucket: FlightLogBucket, path: Path, **options: Any) -> str:
    """Store a log as other programs do, that tell neither CRC-32 nor the size of parts."""
    target = {'Bucket': bucket.settings.bucket_name,
              'Key': f'{bucket.settings.machine_prefix}theirs.ulg'}
    upload = {**target,
              'UploadId': admin.create_multipart_upload(**target, **options)['UploadId']}
    content = path.read_bytes()
    parts = [{'PartNumber': n, 'ETag': admin.upload_part(
        **upload, PartNumber=n, Body=content[(n - 1) * 8 * MIB:n * 8 * MIB])['ETag']}
        for n in range(1, 2 + len(content) // (8 * MIB))]
    admin.complete_multipart_upload(**upload, MultipartUpload={'Parts': parts})
    return target['Key']


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return them, without those of an earlier test's upload that is given up meanwhile."""
    return [record.getMessage() for record in caplog.records if record.levelname == 'WARNING'
            and not record.threadName.startswith('flightlog-abort')]


@pytest.mark.parametrize('name', ['log', 'big_log'])
def test_a_server_that_damages_everything_is_not_filled(
        name: str, request: pytest.FixtureRequest, connect: Connect, proxy: FaultProxy,
        admin: Any) -> None:
    path, bucket = request.getfixturevalue(name), connect(endpoint_url=proxy.url)
    proxy.fail(Tap(request=flip(1000)), None, method='PUT')
    for _ in range(2):
        with failure(ChecksumMismatch, 502, 'what is there is not the file'):
            bucket.upload(path)
    copies = list(objects(admin, bucket))
    for _ in range(2):
        with failure(StorageError, 502, '2 copies of', copies[1], 'are not what was sent'):
            bucket.upload(path)
    assert list(objects(admin, bucket)) == copies
    proxy.heal()
    for key in copies:
        bucket.delete(key)
    assert bucket.upload(path).s3_key == copies[0]


def test_few_keys_of_other_logs_are_looked_at(connect: Connect, proxy: FaultProxy, admin: Any,
                                              log: Path) -> None:
    bucket = connect(endpoint_url=proxy.url)
    stem = f'{bucket.settings.machine_prefix}20250727_143022_flight'
    for number in range(1, 21):
        admin.put_object(Bucket=bucket.settings.bucket_name, Body=b'x',
                         Key=f'{stem}_{number}.ulg' if number > 1 else f'{stem}.ulg')
    with failure(StorageError, 502, 'the first 20 keys', 'by other logs', 'custom_filename'):
        bucket.upload(log)
    assert proxy.count() == 20


def test_a_download_is_checked_by_the_size_of_its_parts(
        patient: FlightLogBucket, proxy: FaultProxy, admin: Any, big_log: Path, tmp_path: Path,
        caplog: pytest.LogCaptureFixture) -> None:
    key = store_in_parts(admin, patient, big_log)
    proxy.fail(Tap(answer=flip(1000)), 1, method='GET')
    with failure(ChecksumMismatch, 502, 'is not what S3 stores'):
        patient.download(key, tmp_path / 'x.ulg')
    got = patient.download(key, tmp_path / 'x.ulg')
    assert got.local_path.read_bytes() == big_log.read_bytes()
    assert warnings_in(caplog) == []


def test_a_download_that_cannot_be_checked_comes_with_a_warning(
        bucket: FlightLogBucket, admin: Any, big_log: Path, tmp_path: Path,
        caplog: pytest.LogCaptureFixture) -> None:
    key = store_in_parts(admin, bucket, big_log, ServerSideEncryption='aws:kms')
    assert bucket.download(key, tmp_path / 'x.ulg').file_size == big_log.stat().st_size
    assert warnings_in(caplog) == [
        f'{key} could be checked by its size only: S3 tells no checksum of it, and its ETag is'
        ' not made of its content']


def test_a_pause_ends_the_reading_of_an_object(
        patient: FlightLogBucket, proxy: FaultProxy, admin: Any, big_log: Path) -> None:
    key = store_in_parts(admin, patient, big_log, ServerSideEncryption='aws:kms')
    assert patient.holds(big_log, key) is not None

    def pause(offset: int, block: bytes) -> bytes:
        if not offset:
            patient.throttle.pause()
        return block

    proxy.fail(Tap(answer=pause), 1, method='GET')
    with failure(Paused, 503):
        patient.holds(big_log, key)
    patient.throttle.resume()
    assert patient.holds(big_log, key) is not None
