"""What the unit tests share."""
from collections.abc import Iterator
import logging
from pathlib import Path

from flightlog_bucket.storage.local_file import LocalFile
import pytest
from support.guarded import Guarded
from support.local_files import CONTENT, opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a file of 2 MiB; what is in it is no flight log's."""
    path = tmp_path / 'flight.ulg'
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def file(log: Path) -> Iterator[LocalFile]:
    """Return that file, open."""
    with opened(log) as file:
        yield file


@pytest.fixture
def all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Let a test read what the package logs."""
    caplog.set_level(logging.INFO, logger='flightlog_bucket')


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Guarded]:
    """Return a watched folder with a ledger and a bucket."""
    place = Guarded(tmp_path)
    yield place
    place.ledger.close()
