"""What the command line says of sizes, times and progress."""
from datetime import datetime, timedelta, timezone

from flightlog_bucket.cli.backend import Step
from flightlog_bucket.cli.transfer_view import TransferView
from flightlog_bucket.cli.words import (
    duration_text,
    iso_text,
    moment_text,
    percent_text,
    rate_text,
    size_text,
    step_text,
)
from hypothesis import given
from hypothesis import strategies as st
import pytest

MOMENT = datetime(2025, 7, 27, 14, 30, 22, 500_000, timezone.utc)


@pytest.mark.parametrize('count, text', [
    (0, '0 B'), (999, '999 B'), (1000, '1.0 kB'), (12_345_678, '12.3 MB'),
    (999_949, '999.9 kB'), (999_950, '1.0 MB'), (999_999_999, '1.0 GB'),
    (5 * 10**12, '5.0 TB'), (5 * 10**15, '5000.0 TB')])
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text
    assert rate_text(count) == f'{text}/s'


@pytest.mark.parametrize('seconds, text', [
    (0, '0:00'), (-3, '0:00'), (7.4, '0:07'), (59.6, '1:00'), (3599.4, '59:59'),
    (3723, '1:02:03'), (86_399, '23:59:59'), (3 * 86_400 + 4 * 3600 + 5, '3 d 4 h')])
def test_time_spans(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_moments_are_in_utc() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert moment_text(elsewhere) == '2025-07-27 14:30:22'
    assert iso_text(elsewhere) == '2025-07-27T14:30:22.500000Z'
    assert (moment_text(None), iso_text(None)) == ('-', None)


@given(total=st.integers(1, 10**15), done=st.integers(0, 10**15))
def test_all_is_done_only_when_it_is(total: int, done: int) -> None:
    assert (percent_text(done, total) == '100 %') == (done >= total)
    assert percent_text(done, 0) == '- %'


@pytest.mark.parametrize('step, text', [
    (Step('queued', 0, 10, 0.0, None), 'waits for its turn'),
    (Step('queued', 5, 10, 0.0, None, 2, 'no network', 12.0),
     'waits: no network; next try in 0:12'),
    (Step('uploading', 0, 0, 0.0, None), 'begins'),
    (Step('uploading', 3_000_000, 12_000_000, 1_500_000.0, 6.0),
     '25 % of 12.0 MB, 1.5 MB/s, 0:06 left'),
    (Step('downloading', 3_000_000, 12_000_000, 0.0, None), '25 % of 12.0 MB'),
    (Step('uploading', 1, 2, 0.0, None, 1, 'paused'), 'waits: paused')])
def test_steps(step: Step, text: str) -> None:
    assert step_text(step) == text


def view(**changes: object) -> TransferView:
    fields: dict[str, object] = {
        'direction': 'upload', 'id': 7, 'path': '/data/a.ulg', 'key': '', 'state': 'queued',
        'sent_bytes': 0, 'total_bytes': 1000, 'rate': 0.0, 'remaining_s': None, 'attempts': 0,
        'reason': '', 'next_attempt': None, 'verdict': '', **changes}
    return TransferView(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize('changes, text', [
    ({}, 'waits for its turn'),
    ({'reason': 'no network'}, 'waits: no network'),
    ({'reason': 'no network', 'next_attempt': datetime(2000, 1, 1, tzinfo=timezone.utc)},
     'waits: no network'),
    ({'state': 'uploading', 'sent_bytes': 500, 'rate': 100.0, 'remaining_s': 5.0},
     'uploading, 50 %, 100 B/s, 0:05 left'),
    ({'state': 'downloading'}, 'downloading, 0 %'),
    ({'state': 'rejected', 'reason': 'is empty'}, 'rejected: is empty'),
    ({'state': 'failed'}, 'failed'),
    ({'state': 'stored'}, 'stored, 1.0 kB')])
def test_a_transfer_in_words(changes: dict[str, object], text: str) -> None:
    assert view(**changes).told() == text


def test_the_next_try_is_told_while_it_is_ahead() -> None:
    ahead = view(next_attempt=datetime.now(timezone.utc) + timedelta(seconds=100), reason='x')
    assert 90 < ahead.next_try_in_s() <= 100
    assert ahead.told().startswith('waits: x; next try in 1:')
    assert view(next_attempt=ahead.next_attempt, state='stored').next_try_in_s() == 0.0


def test_programs_get_what_is_not_known_as_null() -> None:
    fields = view(next_attempt=MOMENT).as_fields()
    assert fields['remaining_s'] is None
    assert fields['next_attempt'] == '2025-07-27T14:30:22.500000Z'
    assert view().as_fields()['next_attempt'] is None
