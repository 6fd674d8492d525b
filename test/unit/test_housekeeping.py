"""What was given up is aborted, as far as that is allowed."""
from pathlib import Path

from flightlog_bucket.errors import (
    AuthenticationFailed,
    NotAllowed,
    NotS3,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.housekeeping import Housekeeping
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.state_directory import StateDirectory
import pytest
from support.expect import wait_until


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(StateDirectory(tmp_path / 'state'), machine='m', destination='d')
    yield ledger
    ledger.close()


def orphan(ledger, number):
    path = Path(f'/data/{number}.ulg')
    transfer = ledger.accept(path, Fingerprint(1, 1, 1, 1))
    journal = ledger.journal(transfer.id)
    journal.began(f'key/{number}', f'upload-{number}', 5)
    journal.forgotten('the file has changed since', is_gone=False)


class Bucket:
    """Aborts, or raises what it was told to."""

    def __init__(self, **errors):
        self.errors = errors
        self.asked = []

    def abort(self, key, upload_id):
        self.asked.append((key, upload_id))
        if error := self.errors.get(upload_id.replace('-', '_')):
            raise error


def test_orphans_are_aborted_and_forgotten(ledger):
    orphan(ledger, 1)
    orphan(ledger, 2)
    bucket = Bucket()
    Housekeeping(ledger, bucket.abort).abort_orphans()
    assert bucket.asked == [('key/1', 'upload-1'), ('key/2', 'upload-2')]
    assert ledger.orphanage.all() == []


def test_what_the_policy_forbids_is_named_and_not_asked_again_and_again(ledger, caplog):
    orphan(ledger, 1)
    orphan(ledger, 2)
    bucket = Bucket(upload_1=NotAllowed('s3:AbortMultipartUpload is missing'))
    housekeeping = Housekeeping(ledger, bucket.abort)
    for _ in range(3):
        housekeeping.abort_orphans()
    left, = ledger.orphanage.all()
    assert (left.key, left.upload_id) == ('key/1', 'upload-1')
    assert 's3:AbortMultipartUpload is missing' in left.problem
    assert len(bucket.asked) == 2
    assert caplog.text.count('lifecycle rule') == 1
    bucket.errors.clear()
    housekeeping.abort_orphans(again=True)
    assert ledger.orphanage.all() == []


@pytest.mark.parametrize('error', [Unavailable, AuthenticationFailed, SessionServiceError, NotS3])
def test_without_network_it_is_left_for_later(ledger, error, caplog):
    orphan(ledger, 1)
    orphan(ledger, 2)
    bucket = Bucket(upload_1=error('no network'))
    housekeeping = Housekeeping(ledger, bucket.abort)
    housekeeping.abort_orphans()
    assert [o.problem for o in ledger.orphanage.all()] == ['', '']
    assert len(bucket.asked) == 1
    assert 'lifecycle' not in caplog.text


def test_it_works_when_it_is_woken(ledger):
    bucket = Bucket(upload_1=Unavailable('no network'))
    orphan(ledger, 1)
    housekeeping = Housekeeping(ledger, bucket.abort, delay=lambda tries, most: 3600.0)
    housekeeping.start()
    wait_until(lambda: bucket.asked)
    bucket.errors.clear()
    housekeeping.wake()
    wait_until(lambda: not ledger.orphanage.all())
    housekeeping.stop()


class Time:
    """A clock that the test turns, and pauses that double."""

    def __init__(self):
        self.now_s = 0.0

    def housekeeping(self, ledger, bucket):
        return Housekeeping(ledger, bucket.abort, retry_max_delay_s=8,
                            delay=lambda tries, most: min(2.0 ** (tries - 1), most),
                            clock=lambda: self.now_s)


def test_a_passing_fault_is_tried_again_soon(ledger):
    orphan(ledger, 1)
    bucket = Bucket(upload_1=Unavailable('no network'))
    housekeeping = Time().housekeeping(ledger, bucket)
    assert [housekeeping.turn() for _ in range(5)] == [1, 2, 4, 8, 8]
    bucket.errors.clear()
    assert housekeeping.turn() > 3600
    assert ledger.orphanage.all() == []
    orphan(ledger, 2)
    bucket.errors['upload_2'] = Unavailable('no network')
    assert housekeeping.turn() == 1


def test_what_is_forbidden_is_asked_for_once_a_day(ledger):
    orphan(ledger, 1)
    time, bucket = Time(), Bucket(upload_1=NotAllowed('no right to abort'))
    housekeeping = time.housekeeping(ledger, bucket)
    pause_s = housekeeping.turn()
    assert pause_s == 24 * 3600
    time.now_s += pause_s / 2
    assert housekeeping.turn() == pause_s / 2
    assert len(bucket.asked) == 1
    time.now_s += pause_s / 2
    housekeeping.turn()
    assert len(bucket.asked) == 2


def test_what_could_not_be_aborted_at_once_is_tried_again_without_being_woken(ledger):
    bucket = Bucket(upload_1=Unavailable('no network'))
    housekeeping = Housekeeping(ledger, bucket.abort, retry_max_delay_s=0.1)
    housekeeping.start()
    try:
        orphan(ledger, 1)
        assert isinstance(housekeeping.abort(ledger.orphanage.all()[0]), Unavailable)
        wait_until(lambda: len(bucket.asked) > 2)
        bucket.errors.clear()
        wait_until(lambda: not ledger.orphanage.all())
    finally:
        housekeeping.stop()


def test_a_job_is_done_when_that_is_possible(ledger):
    housekeeping, done = Time().housekeeping(ledger, Bucket()), []
    errors = [Unavailable('no network'), SessionServiceError('no token')]

    def job():
        if errors:
            raise errors.pop()
        done.append('job')

    def refused():
        done.append('refused')
        raise NotAllowed('no right')
    housekeeping.later(job)
    housekeeping.later(refused)
    assert [housekeeping.turn(), housekeeping.turn()] == [1, 2]
    assert housekeeping.turn() > 3600
    assert sorted(done) == ['job', 'refused']
