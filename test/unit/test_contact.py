"""What is known of S3 by how it has answered."""
from flightlog_bucket.errors import (
    AuthenticationFailed,
    BucketNotFound,
    Busy,
    Cancelled,
    FlightlogError,
    LocalFileChanged,
    NotAllowed,
    NotS3,
    NotSupported,
    ObjectExists,
    ObjectNotFound,
    Paused,
    StorageError,
    TokenRefused,
    Unavailable,
    UploadNotFound,
)
from flightlog_bucket.storage.contact import Contact, ContactStatus
import pytest

SILENCES = (Unavailable, BucketNotFound, NotS3, StorageError)
REFUSALS = (TokenRefused, AuthenticationFailed, NotAllowed)
ANSWERS = (ObjectNotFound, ObjectExists, NotSupported, UploadNotFound)
NOT_OF_S3 = (Busy, Cancelled, Paused, LocalFileChanged)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def contact(clock) -> Contact:
    return Contact(clock)


def test_nothing_is_known_at_first(contact) -> None:
    assert contact.status() == ContactStatus()


@pytest.mark.parametrize('kind', SILENCES)
def test_a_silence_lasts_from_its_first_error_to_the_next_success(contact, clock, kind) -> None:
    error = kind('gone')
    assert contact.failed('put_object', error) is error
    clock.now_s += 7
    contact.failed('put_object', kind('still gone'))
    clock.now_s += 1
    status = contact.status()
    assert status.silence is not None
    assert (status.silence.error, status.silence.failing_s) == ('still gone', 8)
    assert (status.refusal, status.tried_ago_s, status.succeeded_ago_s) == (None, 1, None)
    contact.succeeded()
    clock.now_s += 2
    assert contact.status() == ContactStatus(tried_ago_s=2, succeeded_ago_s=2)
    contact.failed('put_object', error)
    assert contact.status().silence.failing_s == 0


@pytest.mark.parametrize('kind', REFUSALS)
def test_who_refuses_is_there(contact, clock, kind) -> None:
    contact.failed('put_object', Unavailable('gone'))
    contact.failed('put_object', kind('no'))
    clock.now_s += 3
    status = contact.status()
    assert status.silence is None
    assert status.refusal is not None
    assert status.refusal.error.endswith('no')
    assert status.refusal.failing_s == 3
    contact.succeeded()
    assert contact.status().refusal is None


@pytest.mark.parametrize('operation', ['list_parts', 'abort_multipart_upload'])
def test_a_permission_that_is_not_needed_may_be_missing(contact, operation) -> None:
    contact.failed(operation, NotAllowed('no'))
    assert contact.status().refusal is None


@pytest.mark.parametrize('kind', ANSWERS)
def test_an_answer_is_a_sign_of_life(contact, kind) -> None:
    contact.failed('put_object', Unavailable('gone'))
    contact.failed('put_object', TokenRefused('no'))
    contact.failed('head_object', kind('x'))
    assert contact.status() == ContactStatus(tried_ago_s=0)


@pytest.mark.parametrize('kind', NOT_OF_S3)
def test_what_happens_here_says_nothing_of_s3(contact, kind: type[FlightlogError]) -> None:
    contact.failed('put_object', kind('x'))
    assert contact.status() == ContactStatus()
