"""What the unit tests share."""
from collections.abc import Iterator
from pathlib import Path

from flightlog_bucket.storage.local_file import LocalFile
from hypothesis import settings
import pytest
from support.local_files import CONTENT, opened

# A busy machine is no failure; the time limit of pytest bounds the whole test.
settings.register_profile('flightlog_bucket', deadline=None)
settings.load_profile('flightlog_bucket')


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
