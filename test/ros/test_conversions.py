"""Between the core and the messages."""
from datetime import datetime, timedelta, timezone
import os
from pathlib import Path

from flightlog_bucket.errors import AccessDenied, FileTooLarge, InvalidRequest
from flightlog_bucket.operations import arguments, texts
from flightlog_bucket.results import DownloadedLog, Listing, LogContent, StoredFile, StoredLog
from flightlog_bucket.ros import conversions
from flightlog_bucket.srv import Download, List, Upload
import pytest

NO_UTF_8 = os.fsdecode(b'/logs/\xff\xfe.ulg')


@pytest.mark.parametrize(('error', 'status', 'words'), [
    (AccessDenied('it is of drone-2'), 403, 'Access denied: it is of drone-2'),
    (FileTooLarge('3 GiB'), 413, 'File validation failed: 3 GiB'),
    (FileTooLarge(NO_UTF_8), 413, r'\udcff\udcfe.ulg'),
    (KeyError('surprise'), 500, 'internal error, see the log of the node: KeyError'),
])
def test_an_error_is_an_answer(error: Exception, status: int, words: str) -> None:
    answer = conversions.failed(Upload.Response(), error)
    assert (answer.success, answer.status) == (False, status)
    assert words in answer.error
    answer.error.encode('utf-8')


def test_results_are_answers() -> None:
    answer = conversions.uploaded(Upload.Response(), [StoredLog('k', 'u', 7, 'x/y', True, 0, '')])
    assert (answer.success, answer.status, answer.error) == (True, 200, '')
    assert (answer.s3_key, answer.file_url, answer.file_size) == ('k', 'u', 7)
    assert (answer.content_type, answer.already_stored) == ('x/y', True)

    files = [StoredLog(f'm/run/{n}', f'http://b/m/run/{n}', n, 'x/y', n == 1, 0, '')
             for n in (1, 2)]
    answer = conversions.uploaded(Upload.Response(), files)
    assert (answer.s3_key, answer.file_url) == ('m/run/', 'http://b/m/run/')
    assert (answer.file_size, answer.already_stored) == (3, False)

    moment = datetime(2025, 7, 27, 14, 30, 22, 250_000, timezone.utc)
    listing = Listing((StoredFile('k', 7, moment, 'u'),), 'more')
    content = LogContent('mcap', 'valid', start=moment - timedelta(seconds=2), duration_s=1.5,
                         message_count=9)
    answer = conversions.listed(List.Response(), listing, {'k': content})
    assert (answer.files[0].key, answer.files[0].size, answer.next_token) == ('k', 7, 'more')
    assert answer.files[0].last_modified.sec == 1_753_626_622
    assert answer.files[0].last_modified.nanosec == 250_000_000
    assert (answer.files[0].format, answer.files[0].verdict) == ('mcap', 'valid')
    assert (answer.files[0].start.sec, answer.files[0].duration_s) == (1_753_626_620, 1.5)
    assert answer.files[0].message_count == 9
    answer = conversions.listed(List.Response(), listing, {})
    assert (answer.files[0].verdict, answer.files[0].start.sec) == ('', 0)

    # After 2038 a message cannot tell the time.
    late = LogContent('mcap', 'valid', start=datetime(2099, 7, 27, tzinfo=timezone.utc))
    answer = conversions.listed(List.Response(), listing, {'k': late})
    assert (answer.files[0].verdict, answer.files[0].start.sec) == ('valid', 0)

    answer = conversions.downloaded(Download.Response(), DownloadedLog('k', Path(NO_UTF_8), 7))
    assert answer.local_path == r'/logs/\udcff\udcfe.ulg'


def test_a_line_of_the_log_stays_one_line() -> None:
    assert texts.printable('a\nb\x1b[31m\u2028é飛') == r'a\nb\x1b[31m\u2028é飛'


@pytest.mark.parametrize('value', ['', 'a\0b'])
def test_what_is_no_path_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match='file_path'):
        arguments.path_from('file_path', value, Path('/bags'))


def test_a_relative_path_starts_at_the_base() -> None:
    assert arguments.path_from('p', 'a/b.ulg', Path('/bags')) == Path('/bags/a/b.ulg')
    assert arguments.path_from('p', '/a/b.ulg', Path('/bags')) == Path('/a/b.ulg')
    with pytest.raises(InvalidRequest, match='absolute'):
        arguments.absolute_path_from('p', 'a/b.ulg')


@pytest.mark.parametrize('path', ['/x' * 400_000, 'a/' * 2046 + '.ulg', '/' + 'é' * 2048])
def test_a_path_that_no_system_call_takes_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest, match=r'file_path is .* bytes long') as caught:
        arguments.path_from('file_path', path, Path('/bags'))
    assert len(str(caught.value)) < 300


def test_the_longest_path_is_taken() -> None:
    longest = '/' + 'x' * 4094
    assert str(arguments.path_from('p', longest, Path('/bags'))) == longest


def test_a_long_explanation_keeps_both_ends() -> None:
    answer = conversions.failed(Upload.Response(), InvalidRequest('from ' + 'x' * 10**6 + ' to'))
    assert len(answer.error) == texts.MOST_EXPLAINED
    assert answer.error.startswith('from x')
    assert answer.error.endswith('x to')
    assert texts.explanation('x' * 4000) == 'x' * 4000
