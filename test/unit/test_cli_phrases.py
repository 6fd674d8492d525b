"""What services say, as the command line tells it."""
from pathlib import Path

from flightlog_bucket.cli.backend import Failure
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.new_file import check_target
import pytest


def told(error: FlightlogError) -> str:
    return str(Failure(error.status, str(error)))


@pytest.mark.parametrize('key', ['', 'a\nb', 'x' * 2000])
def test_a_key_is_a_key(key: str) -> None:
    with pytest.raises(FlightlogError) as caught:
        keys.check_own_key(key, 'flight_logs/drone-001/')
    assert 's3_key' in str(caught.value)
    assert 's3_key' not in told(caught.value)
    assert 'the key ' in told(caught.value)


@pytest.mark.parametrize('is_file, said', [
    (True, 'already; give --overwrite, or another -o'),
    (False, 'is not a regular file; give another -o')])
def test_where_a_download_goes_is_the_output(is_file: bool, said: str, tmp_path: Path) -> None:
    target = tmp_path / 'flight.ulg'
    target.touch() if is_file else target.mkdir()
    with pytest.raises(FlightlogError) as caught:
        check_target(target, overwrite=False)
    assert told(caught.value).endswith(said)


def test_a_name_of_a_file_stays_as_it_is() -> None:
    assert str(Failure(404, 'File not found: /data/s3_key.ulg')) == (
        'File not found: /data/s3_key.ulg')
