"""What the sender of a log is told, and what becomes of its file, are the same."""
from pathlib import Path

from flightlog_bucket.errors import Busy, Cancelled, CorruptLog, FlightlogError, LedgerUnavailable
from flightlog_bucket.operations.arrived_file import ArrivedFile
import pytest

REFUSALS = [Busy('too much'), LedgerUnavailable('full'), CorruptLog('damaged')]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file that has arrived."""
    found = tmp_path / '00ff' / 'x.ulg'
    found.parent.mkdir()
    found.write_bytes(b'x')
    return found


@pytest.mark.parametrize('error', REFUSALS)
def test_what_is_refused_is_not_promised(path: Path, error: FlightlogError) -> None:
    file = ArrivedFile(path)
    file.refuse(error)
    assert not path.parent.exists()
    assert not file.promise()


def test_the_end_of_the_node_refuses_nothing(path: Path) -> None:
    file = ArrivedFile(path)
    file.refuse(Cancelled('the node is ending'))
    assert path.exists()
    assert file.promise()


@pytest.mark.parametrize('error', REFUSALS)
def test_what_is_promised_stays_unless_it_is_no_log(path: Path, error: FlightlogError) -> None:
    file = ArrivedFile(path)
    assert file.promise()
    file.refuse(error)
    assert path.exists() == error.retryable
