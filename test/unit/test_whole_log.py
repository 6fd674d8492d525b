"""One answer for the files of one log."""
from pathlib import Path

from flightlog_bucket.errors import Unavailable, ValidationFailed, Withdrawn
from flightlog_bucket.results import StoredLog
from flightlog_bucket.transfers.whole_log import why_not
import pytest

BAG = Path('/logs/run')
STORED = StoredLog('key/run_0.mcap', 'url', 7, 'x/y', False, 0, '')
CANCELLED = Withdrawn('/logs/run/run_1.mcap: the upload was cancelled')
GOES_ON = Withdrawn('the upload goes on in the background: others want it', goes_on=True)


@pytest.mark.parametrize('error', [CANCELLED, GOES_ON, ValidationFailed('no ULog')])
def test_a_file_has_its_own_error(error) -> None:
    assert why_not(BAG, [error]) is error


def test_without_a_cancel_the_first_error_is_told() -> None:
    errors = [Unavailable('down'), ValidationFailed('no MCAP')]
    assert why_not(BAG, [STORED, *errors]) is errors[0]


def test_a_whole_bag_is_cancelled() -> None:
    told = why_not(BAG, [CANCELLED, CANCELLED])
    assert isinstance(told, Withdrawn)
    assert str(told) == '/logs/run: the upload was cancelled'


def test_a_bag_that_is_half_stored() -> None:
    told = why_not(BAG, [STORED, CANCELLED, GOES_ON, CANCELLED])
    assert isinstance(told, Withdrawn)
    assert not told.goes_on
    assert str(told) == (
        '/logs/run: the upload was cancelled. Of its 4 files: 2 cancelled, 1 going on in the'
        ' background, as others want them, 1 stored already, which stay in the bucket')


def test_what_is_left_of_it_and_what_was_refused_is_told_as_well() -> None:
    left = Withdrawn('/logs/run/run_1.mcap: the upload was cancelled; its parts stay')
    told = str(why_not(BAG, [left, CANCELLED, ValidationFailed('no MCAP')]))
    assert '2 cancelled, 1 not stored; /logs/run/run_1.mcap' in told
    assert told.endswith('its parts stay; File validation failed: no MCAP')


def test_a_bag_that_others_want_goes_on() -> None:
    assert why_not(BAG, [STORED, GOES_ON]) is GOES_ON
