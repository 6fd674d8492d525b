"""What /diagnostics says of each state, and how bad it is."""
import math
from pathlib import Path

from flightlog_bucket.operations import health_reports as tasks
from flightlog_bucket.operations.health_reports import QueueFacts, Report
from flightlog_bucket.parameters.diagnostics_settings import DiagnosticsSettings, Level, Limits
from flightlog_bucket.results import CredentialStatus
from flightlog_bucket.storage.contact import ContactStatus, Fault
from flightlog_bucket.transfers.disk_space import DiskSpace
from flightlog_bucket.transfers.records import Counts
from flightlog_bucket.transfers.standing import Backlog
import pytest

GIB = 1024 ** 3
FAULT_S = Limits('fault_s', 10.0, 300.0)
FREE = Limits('free_bytes', 5 * GIB, GIB, is_floor=True)
SETTINGS = DiagnosticsSettings(
    queue=Limits('queue', 10, 100), queue_bytes=Limits('queue_bytes', GIB, 10 * GIB),
    queue_age_s=Limits('queue_age_s', 3600.0, 86400.0), free_bytes=FREE, fault_s=FAULT_S,
    last_error_s=600.0, stale_s=10.0)
VALID = CredentialStatus('valid', 1800.0, '')
DURATIONS = ((0.0, Level.OK), (9.9, Level.OK), (10.0, Level.WARN), (299.0, Level.WARN),
             (300.0, Level.ERROR))


def _credentials(status: CredentialStatus, fault=None, refusal=None) -> Report:
    return tasks.credentials(status, fault, refusal, FAULT_S, url='http://x/token')


@pytest.mark.parametrize(('state', 'words'), [
    ('valid', 'valid for another 30 min'), ('none', 'no session token yet'),
    ('expired', 'has expired; the next request fetches another one')])
def test_a_session_token_without_a_fault(state, words) -> None:
    report = _credentials(CredentialStatus(state, 1800.0 if state == 'valid' else None, ''))
    assert report.level == Level.OK
    assert words in report.message
    assert report.values['state'] == state
    assert report.values['session_token_url'] == 'http://x/token'


@pytest.mark.parametrize(('failing_s', 'level'), DURATIONS)
def test_no_session_token(failing_s, level) -> None:
    report = _credentials(CredentialStatus('failed', None, 'refused'), Fault('refused', failing_s))
    assert report.level == level
    assert 'refused' in report.message
    assert (report.values['error'], report.values['failing_s']) == ('refused', failing_s)


@pytest.mark.parametrize(('failing_s', 'level'), [*DURATIONS[:-1], (300.0, Level.WARN)])
def test_a_token_that_is_valid_still_is_no_error(failing_s, level) -> None:
    report = _credentials(VALID, Fault('gone', failing_s))
    assert report.level == level
    assert 'valid for another 30 min' in report.message
    assert 'gone' in report.message


@pytest.mark.parametrize(('failing_s', 'level'), DURATIONS)
def test_a_token_that_s3_refuses(failing_s, level) -> None:
    report = _credentials(VALID, refusal=Fault('InvalidToken', failing_s))
    assert report.level == level
    assert report.message.startswith('S3 has refused requests with this session token for')
    assert report.values['refusal'] == 'InvalidToken'


@pytest.mark.parametrize(('failing_s', 'level'), DURATIONS)
def test_an_s3_that_does_not_answer(failing_s, level) -> None:
    report = _endpoint(ContactStatus(Fault('gone', failing_s), tried_ago_s=1.0))
    assert report.level == level
    assert 'gone' in report.message
    assert (report.values['error'], report.values['failing_s']) == ('gone', failing_s)


def test_an_s3_that_answers() -> None:
    assert _endpoint(ContactStatus()).message == 'S3 was not asked for anything yet'
    report = _endpoint(ContactStatus(tried_ago_s=3.0, succeeded_ago_s=3.0))
    assert report.level == Level.OK
    assert report.message == 'S3 answered when it was asked last, 3 s ago'
    assert report.values['endpoint_url'] == 'AWS'
    assert report.values['succeeded_ago_s'] == 3.0


def _endpoint(status: ContactStatus) -> Report:
    return tasks.endpoint(status, FAULT_S, url='', bucket='flight-logs', region='us-east-1')


def _queue(count=1, size=1, age_s=1.0, *, is_paused=False, problem='') -> Report:
    facts = QueueFacts(Backlog(count, size, 0.0), Counts(count, 0, 5, 2), age_s, problem)
    return tasks.queue(facts, SETTINGS, is_paused=is_paused)


@pytest.mark.parametrize(('queue', 'level'), [
    ({'count': 9}, Level.OK), ({'count': 10}, Level.WARN), ({'count': 99}, Level.WARN),
    ({'count': 100}, Level.ERROR),
    ({'size': GIB - 1}, Level.OK), ({'size': GIB}, Level.WARN),
    ({'size': 10 * GIB - 1}, Level.WARN), ({'size': 10 * GIB}, Level.ERROR),
    ({'age_s': 3599.0}, Level.OK), ({'age_s': 3600.0}, Level.WARN),
    ({'age_s': 86399.0}, Level.WARN), ({'age_s': 86400.0}, Level.ERROR),
    ({'age_s': math.nan}, Level.OK),
    ({'count': 10, 'age_s': 86400.0}, Level.ERROR),
])
def test_a_queue(queue, level) -> None:
    report = _queue(**queue)
    assert report.level == level
    assert ('~/list_transfers' in report.message) == (level > Level.OK)
    assert (report.values['stored'], report.values['rejected']) == (5, 2)


def test_a_queue_that_is_empty() -> None:
    report = _queue(0, 0, 0.0)
    assert (report.level, report.message) == (Level.OK, 'nothing waits')


def test_the_age_of_a_log_is_not_told_by_a_clock_that_was_wrong() -> None:
    report = _queue(age_s=math.nan)
    assert report.message == '1 log is not stored yet, 1 B'
    assert report.values['oldest_s'] is None


@pytest.mark.parametrize(('count', 'level'), [(0, Level.OK), (1, Level.WARN), (100, Level.ERROR)])
def test_a_pause_is_a_warning_where_something_waits(count, level) -> None:
    report = _queue(count, is_paused=True)
    assert report.level == level
    assert 'paused' in report.message
    assert ('~/set_paused' in report.message) == (count > 0)
    assert report.values['paused'] is True


def test_a_ledger_that_is_not_safe_is_an_error() -> None:
    report = _queue(0, problem='the disk is full')
    assert (report.level, report.message) == (Level.ERROR, 'the disk is full; nothing waits')
    report = tasks.queue(QueueFacts(None, None, 0.0, 'it is gone'), SETTINGS, is_paused=False)
    assert (report.level, report.message) == (Level.ERROR, 'it is gone')


@pytest.mark.parametrize(('free', 'level'), [
    (5 * GIB, Level.OK), (5 * GIB - 1, Level.WARN), (GIB, Level.WARN), (GIB - 1, Level.ERROR),
    (0, Level.ERROR)])
@pytest.mark.parametrize('is_state', [True, False])
def test_a_disk(free, level, is_state) -> None:
    here, there = DiskSpace(Path('/a'), free, 9 * GIB), DiskSpace(Path('/b'), 8 * GIB, 9 * GIB)
    state, watched = (here, there) if is_state else (there, here)
    report = tasks.disk(state, [watched], FREE)
    assert report.level == level
    assert ('/a has' in report.message) == (level > Level.OK)
    assert '/b' not in report.message
    assert report.values['state_directory free_bytes'] == state.free_bytes
    assert report.values['watch_directory 1 free_bytes'] == watched.free_bytes


def test_a_disk_that_is_away() -> None:
    here, gone = DiskSpace(Path('/a'), 8 * GIB, 9 * GIB), DiskSpace(Path('/b'), problem='gone')
    report = tasks.disk(here, [gone], FREE)
    assert (report.level, report.message) == (Level.WARN, '/b: gone; no log of it is found')
    report = tasks.disk(gone, [here], FREE)
    assert (report.level, report.message) == (Level.ERROR, '/b: gone; the ledger is not safe')


@pytest.mark.parametrize(('age_s', 'warn_s', 'level'), [
    (0.0, 600.0, Level.WARN), (599.0, 600.0, Level.WARN), (600.0, 600.0, Level.OK),
    (0.0, 0.0, Level.OK)])
def test_the_last_error(age_s, warn_s, level) -> None:
    report = tasks.last_error(('b is corrupt', 'a is corrupt'), age_s, warn_s)
    assert report.level == level
    assert 'b is corrupt' in report.message
    assert (report.values['error 1'], report.values['error 2']) == ('b is corrupt', 'a is corrupt')


def test_no_error() -> None:
    assert tasks.last_error((), None, 600.0).level == Level.OK


def test_what_is_stale_says_what_was_known() -> None:
    before = _queue(10)
    report = tasks.stale(before, 12.0, 'the ledger')
    assert report.level == Level.STALE
    assert report.message.startswith('the ledger has not answered for 12 s; before: 10 logs are')
    assert report.values['count'] == 10
    assert report.values['measured_ago_s'] == 12
    assert tasks.stale(None, 12.0, 'the ledger').level == Level.STALE


@pytest.mark.parametrize(('seconds', 'words'), [
    (0.0, '0 s'), (119.0, '119 s'), (120.0, '2 min'), (7199.0, '120 min'), (7200.0, '2 h'),
    (172800.0, '2 days')])
def test_a_time_is_said_as_people_say_it(seconds, words) -> None:
    assert tasks.duration(seconds) == words
