"""An S3 server that knows no conditional writes, no checksums and no ranges with a session."""
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import threading

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import ChecksumMismatch, ObjectNotFound, Unavailable
from flightlog_bucket.settings import MIB
import pytest
from support.expect import failure
from support.fault_proxy import FaultProxy
from support.faults import CutAnswer, flip, Reply, Tap
from support.logs import write_dated_log, write_many_topics
from support.rclone_server import RcloneServer
from support.session_service import json_answer, ScriptedSessionService

BOTH_SIZES = pytest.mark.parametrize('name', ['log', 'big_log'])


@pytest.fixture
def rclone_proxy(rclone: RcloneServer) -> Iterator[FaultProxy]:
    with FaultProxy(rclone.endpoint_url) as running:
        yield running


@pytest.fixture
def bucket(request: pytest.FixtureRequest, rclone: RcloneServer, rclone_proxy: FaultProxy,
           connect: Callable[..., FlightLogBucket]) -> Iterator[FlightLogBucket]:
    with ScriptedSessionService(json_answer(rclone.token_fields())) as service:
        yield connect(endpoint_url=rclone_proxy.url, session_token_url=service.url,
                      bucket_name=rclone.bucket_name,
                      request_timeout_s=getattr(request, 'param', 30))


@BOTH_SIZES
def test_there_and_back(name: str, request: pytest.FixtureRequest, bucket: FlightLogBucket,
                        rclone: RcloneServer, rclone_proxy: FaultProxy, tmp_path: Path) -> None:
    path: Path = request.getfixturevalue(name)
    stored = bucket.upload(path)
    assert (rclone.bucket_path / stored.s3_key).read_bytes() == path.read_bytes()
    sent = sum(e.body_bytes for e in rclone_proxy.exchanges)
    assert bucket.upload(path).already_stored
    assert sum(e.body_bytes for e in rclone_proxy.exchanges) == sent
    assert [f.key for f in bucket.list_files().files] == [stored.s3_key]
    got = bucket.download(stored.s3_key, tmp_path / 'back.ulg')
    assert got.local_path.read_bytes() == path.read_bytes()
    bucket.delete(stored.s3_key)
    with failure(ObjectNotFound, 404, 'nothing was deleted'):
        bucket.delete(stored.s3_key)


def test_no_object_is_written_over(bucket: FlightLogBucket, tmp_path: Path) -> None:
    keys = []
    for index in range(2):
        (tmp_path / str(index)).mkdir()
        keys.append(bucket.upload(write_dated_log(tmp_path / str(index) / 'x.ulg',
                                                  duration_s=1.0 + index)).s3_key)
    assert keys[1] == keys[0].replace('.ulg', '_2.ulg')


@BOTH_SIZES
def test_bytes_changed_on_the_way_up(name: str, request: pytest.FixtureRequest,
                                     bucket: FlightLogBucket, rclone_proxy: FaultProxy,
                                     rclone: RcloneServer) -> None:
    path: Path = request.getfixturevalue(name)
    rclone_proxy.fail(Tap(request=flip(1000)), 1, method='PUT')
    with failure(ChecksumMismatch, 502, 'what is there is not the file'):
        bucket.upload(path)
    # The object that is wrong has the checksum of the right one in its metadata.
    stored = bucket.upload(path)
    assert not stored.already_stored
    assert stored.s3_key.endswith(f'_{path.stem}_2.ulg')
    assert (rclone.bucket_path / stored.s3_key).read_bytes() == path.read_bytes()


@BOTH_SIZES
def test_bytes_changed_on_the_way_down(name: str, request: pytest.FixtureRequest,
                                       bucket: FlightLogBucket, rclone_proxy: FaultProxy,
                                       tmp_path: Path) -> None:
    key = bucket.upload(request.getfixturevalue(name)).s3_key
    rclone_proxy.fail(Tap(answer=flip(1000)), None, method='GET')
    with failure(ChecksumMismatch, 502, 'is not what S3 stores'):
        bucket.download(key, tmp_path / 'x.ulg')
    assert not (tmp_path / 'x.ulg').exists()


def test_a_download_goes_on_where_it_broke(bucket: FlightLogBucket, rclone_proxy: FaultProxy,
                                           big_log: Path, tmp_path: Path) -> None:
    key = bucket.upload(big_log).s3_key
    rclone_proxy.fail(CutAnswer(4 * MIB), method='GET')
    rclone_proxy.fail(CutAnswer(9 * MIB), method='GET')
    got = bucket.download(key, tmp_path / 'x.ulg')
    assert got.local_path.read_bytes() == big_log.read_bytes()


@pytest.mark.parametrize('bucket', [6], indirect=True)
def test_the_server_ends_for_good_in_mid_upload(bucket: FlightLogBucket, big_log: Path,
                                                rclone_proxy: FaultProxy) -> None:
    is_first = threading.Lock()  # of the parts on the wire: none ends it again after it is healed

    def end(offset: int, block: bytes) -> bytes:
        if offset > MIB and is_first.acquire(blocking=False):
            rclone_proxy.refuse()
        return block

    rclone_proxy.fail(Tap(request=end), None, method='PUT')
    with failure(Unavailable, 503, 'check the network', within_s=7):
        bucket.upload(big_log)
    rclone_proxy.heal()
    assert bucket.list_files().files == ()
    assert not bucket.upload(big_log).already_stored


def test_a_log_of_many_topics_is_stored_and_described(bucket: FlightLogBucket,
                                                      tmp_path: Path) -> None:
    path = write_many_topics(tmp_path / 'x.mcap', 300)
    stored = bucket.upload(path)
    assert stored.content.description.count('std_msgs/msg/Empty') == 300
    told = json.loads(bucket.describe(stored.s3_key).content.description)
    assert len(told['topics']) + told['topics_left_out'] == 300


@pytest.mark.parametrize('in_parts', [False, True])
def test_a_server_that_takes_few_metadata(in_parts: bool, bucket: FlightLogBucket, log: Path,
                                          big_log: Path, rclone_proxy: FaultProxy) -> None:
    rclone_proxy.fail(Reply(400, 'MetadataTooLarge'), times=1,
                      **({'kind': 'uploads'} if in_parts else {'method': 'PUT'}))
    stored = bucket.upload(big_log if in_parts else log)
    assert stored.content.verdict == 'valid'
    assert bucket.describe(stored.s3_key).content.verdict == ''
