"""The tree of errors is the one that its documentation draws."""
from http import HTTPStatus
import re

from flightlog_bucket import errors
from flightlog_bucket.errors import FlightlogError
import pytest

LINE = re.compile(r'    (?P<branches>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: +(?P<status>[0-9]{3})'
                  r'(?: .*)?)?')


def drawn() -> dict[str, tuple[str, int]]:
    """Return parent and status of every error in the drawing."""
    rows: dict[str, tuple[str, int]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or '').splitlines():
        match = LINE.fullmatch(line)
        if match:
            depth = len(match['branches']) // 4
            above[depth:] = [match['name']]
            parent = above[depth - 1] if depth else ''
            rows[match['name']] = (parent, int(match['status'] or 500))
    return rows


def tree(error: type[FlightlogError]) -> list[type[FlightlogError]]:
    return [error] + [child for sub in error.__subclasses__() for child in tree(sub)]


ERRORS = [error for error in tree(FlightlogError) if error.__module__ == errors.__name__]


def test_the_drawing_names_every_error_and_no_other():
    assert sorted(drawn()) == sorted(error.__name__ for error in ERRORS)
    assert len(ERRORS) > 20


@pytest.mark.parametrize('error', ERRORS)
def test_the_drawing_is_right(error):
    parent, status = drawn()[error.__name__]
    assert parent == (error.__bases__[0].__name__ if error is not FlightlogError else '')
    assert status == error.status


@pytest.mark.parametrize('error', ERRORS)
def test_waiting_helps_only_where_the_fault_is_not_the_logs_or_the_callers(error):
    wrong = (FlightlogError, errors.ObjectNotFound, errors.ObjectExists, errors.Withdrawn)
    wrong_families = (errors.ConfigurationError, errors.InvalidRequest, errors.LocalFileError,
                      errors.AccessDenied)
    helps = error not in wrong and not issubclass(error, wrong_families)
    exceptions = (errors.LocalFileChanged, errors.LedgerUnavailable, errors.LocalDiskFault,
                  errors.NotAllowed)
    assert error.retryable == (helps or error in exceptions)


@pytest.mark.parametrize('error', ERRORS)
def test_the_status_is_one_that_http_knows(error):
    # 499 is nginx's "client closed request"; HTTP has none for that.
    assert error.status == 499 or HTTPStatus(error.status) >= 400


@pytest.mark.parametrize('error', ERRORS)
def test_the_message_is_kept(error):
    assert str(error('what happened')).endswith('what happened')
    assert error.__doc__


@pytest.mark.parametrize(('error', 'opening'), [
    (errors.InvalidExtension, 'Invalid file extension: '),
    (errors.ValidationFailed, 'File validation failed: '),
    (errors.FileTooLarge, 'File validation failed: '),
    (errors.AuthenticationFailed, 'Authentication failed: '),
    (errors.AccessDenied, 'Access denied: '),
    (errors.ObjectNotFound, 'File not found: '),
    (errors.LocalFileNotFound, 'File not found: '),
])
def test_begins_with_the_words_of_the_document(error, opening):
    assert str(error('x')) == f'{opening}x'


def test_bad_settings_and_requests_are_value_errors_too():
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.InvalidRequest, ValueError)
