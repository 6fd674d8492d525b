"""The REST API in somebody else's application: every call, and what is refused."""
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flightlog_bucket.sandbox import Sandbox
import pytest
from support.expect import wait_until
from support.fault_proxy import FaultProxy
from support.faults import ACCESS_DENIED, CLOCK_IS_OFF, LOG_IN_PAGE, Reply
from support.foreign_app import ForeignApp
from support.http_client import form, HttpAnswer
from support.logs import START_NS, write_all, write_big_ulg, write_dated_log

MACHINE = 'foreign-rest'
OPTIONS = {'max_file_size_bytes': 3_000_000}
PREFIX = f'flight_logs/{MACHINE}/'


@pytest.fixture(autouse=True)
def _nothing_is_left(app: ForeignApp, relay: FaultProxy) -> Iterator[None]:
    yield
    relay.heal()
    wait_until(lambda: app.left == [])


def upload(app: ForeignApp, path: Path, **fields: str) -> HttpAnswer:
    return app.client.upload(path.name, path.read_bytes(), **fields)


def at(seconds: int) -> int:
    """Return the start of a log, so many seconds after 14:30:22."""
    return START_NS + seconds * 10 ** 9


def failed(answer: HttpAnswer, status: int, *words: str) -> None:
    """Expect the document's error, and nothing else."""
    found = answer.json()
    assert answer.status == status, answer
    assert set(found) - {'size'} == {'error', 'status'}
    assert found['status'] == status
    for word in words:
        assert word in found['error']
    assert answer.headers['content-type'] == 'application/json'


def test_there_and_back(app: ForeignApp, tmp_path: Path) -> None:
    for log in write_all(tmp_path):
        stored = upload(app, log)
        fields = stored.json()
        assert (stored.status, fields['status'], fields['success']) == (200, 200, True)
        assert fields['s3_key'].startswith(PREFIX)
        assert fields['s3_key'].endswith(f'_{log.name}')
        assert fields['file_size'] == log.stat().st_size
        assert (fields['verdict'], fields['already_stored']) == ('valid', False)
        got = app.client.get(f'/bucket/download/{fields["s3_key"]}')
        assert (got.status, got.body) == (200, log.read_bytes())
        assert got.headers['content-type'] == fields['content_type']
        assert got.headers['content-length'] == str(log.stat().st_size)
        assert got.headers['content-disposition'] == (
            f'attachment; filename="{fields["s3_key"].rpartition("/")[2]}"')
        assert got.headers['x-content-type-options'] == 'nosniff'
        again = upload(app, log).json()
        assert (again['s3_key'], again['already_stored']) == (fields['s3_key'], True)


def test_the_list_and_its_pages(app: ForeignApp, tmp_path: Path) -> None:
    for number in range(3):
        upload(app, write_dated_log(tmp_path / f'page{number}.ulg', at(600 + number)))
    prefix = '20250727_1440'
    whole = app.client.get(f'/bucket/list?prefix={prefix}').json()
    assert [f['key'] for f in whole['files']] == [
        f'{PREFIX}20250727_14402{2 + number}_page{number}.ulg' for number in range(3)]
    assert (whole['count'], whole['next_token'], whole['status']) == (3, None, 200)
    assert set(whole['files'][0]) == {'key', 'size', 'last_modified', 'url'}
    first = app.client.get(f'/bucket/list?prefix={prefix}&max_keys=2').json()
    assert first['files'] == whole['files'][:2]
    token = quote(first['next_token'], safe='')
    rest = app.client.get(
        f'/bucket/list?prefix={prefix}&max_keys=2&continuation_token={token}').json()
    assert rest['files'] == whole['files'][2:]


def test_delete(app: ForeignApp, admin: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    key = upload(app, write_dated_log(tmp_path / 'gone.ulg')).json()['s3_key']
    assert app.client.ask('DELETE', f'/bucket/delete/{key}').json() == {
        'success': True, 's3_key': key, 'status': 200}
    assert key not in [found['Key'] for found in admin.list_objects_v2(
        Bucket=sandbox.bucket_name, Prefix=PREFIX).get('Contents', ())]
    failed(app.client.ask('DELETE', f'/bucket/delete/{key}'), 404, 'File not found', key)


def test_info(app: ForeignApp) -> None:
    found = app.client.get('/bucket/info').json()
    assert (found['success'], found['status'], found['machine_prefix']) == (True, 200, PREFIX)
    assert found['credentials']['state'] == 'valid'


def test_names(app: ForeignApp, tmp_path: Path) -> None:
    for number, (filename, custom, expected) in enumerate((
            ('../../x.ulg', '', 'x.ulg'), ('C:\\logs\\y.ulg', '', 'y.ulg'),
            ('.hidden.ulg', '', '_hidden.ulg'), ('flüg 1.ulg', '', 'flüg 1.ulg'),
            ('whatever', 'named.ulg', 'named.ulg'), ('a;b=c.ulg', '', 'a;b=c.ulg'),
            ('%2e%2e%2fz.ulg', '', '%2e%2e%2fz.ulg'))):
        content = write_dated_log(tmp_path / f'{number}.ulg', at(number)).read_bytes()
        fields = {'custom_filename': custom} if custom else {}
        key = app.client.upload(filename, content, **fields).json()['s3_key']
        assert key == f'{PREFIX}20250727_14302{2 + number}_{expected}'
        got = app.client.get(f'/bucket/download/{quote(key)}')
        assert got.body == content


def test_a_name_that_is_no_utf8(app: ForeignApp, tmp_path: Path) -> None:
    log = write_dated_log(tmp_path / 'x.ulg', at(77))
    body, kind = form('NAME.ulg', log.read_bytes())
    answer = app.client.ask('POST', '/bucket/upload', body.replace(b'NAME', b'caf\xe9\xff'),
                            {'Content-Type': kind})
    assert answer.json()['s3_key'] == f'{PREFIX}20250727_143139_caf__.ulg'


def test_a_downloads_name(app: ForeignApp, tmp_path: Path) -> None:
    log = write_dated_log(tmp_path / 'x.ulg', at(88))
    key = upload(app, log, custom_filename='ü"%\r'.strip() + '.ulg').json()['s3_key']
    got = app.client.get(f'/bucket/download/{quote(key)}')
    assert got.headers['content-disposition'] == (
        'attachment; filename="20250727_143150____.ulg";'
        " filename*=UTF-8''20250727_143150_%C3%BC%22%25.ulg")


def test_when_the_file_was_written(app: ForeignApp, tmp_path: Path) -> None:
    encrypted = tmp_path / 'x.ulge'  # tells no start of its own
    encrypted.write_bytes(b'ULogEnc\x01' + bytes(100))
    answer = upload(app, encrypted, last_modified='1753626622.5')
    assert '/20250727_143022_x.ulge' in answer.json().get('s3_key', answer.body.decode())


@pytest.mark.parametrize('name, content, status, words', [
    ('x.txt', b'text', 400, "Invalid file extension: 'x.txt' does not end in"),
    ('x.ulg', b'#ROSBAG V2.0\n', 400, "File validation failed: 'x.ulg'"),
    ('x.ulg', b'', 400, "File validation failed: 'x.ulg' is empty"),
    ('x.ulg', bytes(100), 422, "File validation failed: 'x.ulg' is corrupt"),
    ('x' * 260 + '.ulg', b'ULog', 400, 'at most 255'),
    ('..', b'ULog', 400, 'Invalid file extension'),
    ('', b'ULog', 400, 'the file has no name'),
    ('a/', b'ULog', 400, 'the file has no name'),
])
def test_files_that_are_refused(app: ForeignApp, name: str, content: bytes, status: int,
                                words: str) -> None:
    failed(app.client.upload(name, content), status, words)


@pytest.mark.parametrize('fields, words', [
    ({'custom_filename': '../x.ulg'}, 'has a slash in it'),
    ({'custom_filename': 'x.zip'}, "Invalid file extension: 'x.zip'"),
    ({'custom_filename': 'x' * 256}, 'at most 255'),
    ({'custom_filename': 'x' * 5000}, 'custom_filename has more than 4096 bytes'),
    ({'last_modified': 'yesterday'}, "last_modified is 'yesterday'; give seconds since 1970"),
    ({'last_modified': 'nan'}, 'last_modified'), ({'last_modified': '-1'}, 'last_modified'),
    ({'last_modified': '1e300'}, 'last_modified'),
    ({'enqueue_only': 'maybe'}, "enqueue_only is 'maybe'; give true or false"),
    ({'enqueue_only': 'true'}, 'enqueue_only is possible only where a node keeps the log'),
    ({'machine_id': 'x'}, "the form has a field 'machine_id'; it takes file, custom_filename"),
])
def test_fields_that_are_refused(app: ForeignApp, log: Path, fields: dict[str, str],
                                 words: str) -> None:
    failed(upload(app, log, **fields), 400, words)


@pytest.mark.parametrize('method, path, status, words', [
    ('GET', '/bucket/list?max_keys=abc', 400, 'max_keys: '),
    ('GET', '/bucket/list?max_keys=0', 400, 'max_keys is 0; give 1 to 1000'),
    ('GET', '/bucket/list?max_keys=' + '9' * 5000, 400, 'max_keys: '),
    ('GET', '/bucket/list?prefix=../x', 403, 'leads out of the folder'),
    ('GET', '/bucket/list?machine_id=other', 403, 'are not its own'),
    ('GET', '/bucket/download/', 400, 's3_key is empty'),
    ('GET', '/bucket/download/flight_logs/other/x.ulg', 403, 'not a key in the folder'),
    ('GET', f'/bucket/download/{PREFIX}../other/x.ulg', 403, 'not a key in the folder'),
    ('GET', f'/bucket/download/{PREFIX}%2e%2e/other/x.ulg', 403, 'not a key in the folder'),
    ('GET', f'/bucket/download/{PREFIX}x%0A.ulg', 400, 'cannot be shown'),
    ('GET', f'/bucket/download/{PREFIX}x.ulg%0A', 400, 'cannot be shown'),
    ('GET', f'/bucket/download/{PREFIX}x%00.ulg', 400, 'cannot be shown'),
    ('GET', f'/bucket/download/{PREFIX}x.ulg?machine_id=other', 403, 'are not its own'),
    ('GET', f'/bucket/download/{PREFIX}%FFnot-there.ulg', 404, 'File not found'),
    ('DELETE', '/bucket/delete/flight_logs/other/x.ulg', 403, 'not a key in the folder'),
    ('DELETE', f'/bucket/delete/{PREFIX}x?machine_id=other', 403, 'are not its own'),
    ('POST', '/bucket/upload', 400, 'send a form (multipart/form-data)'),
])
def test_requests_that_are_refused(app: ForeignApp, method: str, path: str, status: int,
                                   words: str) -> None:
    failed(app.client.ask(method, path), status, words)


@pytest.mark.parametrize('reply, status', [
    (Reply(500, 'InternalError'), 503), (ACCESS_DENIED, 403), (CLOCK_IS_OFF, 401),
    (LOG_IN_PAGE, 502), (Reply(404, 'NoSuchBucket'), 404)])
def test_s3_that_refuses(app: ForeignApp, relay: FaultProxy, log: Path, reply: Any,
                         status: int) -> None:
    relay.fail(reply, None)
    with ThreadPoolExecutor() as pool:  # each may try for ten seconds
        answers = [pool.submit(app.client.get, '/bucket/list'),
                   pool.submit(app.client.get, f'/bucket/download/{PREFIX}x.ulg'),
                   pool.submit(upload, app, log)]
    for answer in answers:
        failed(answer.result(), status)


def test_a_log_that_is_too_large(app: ForeignApp, tmp_path: Path) -> None:
    log = write_big_ulg(tmp_path / 'big.ulg', 3_000_000)
    failed(upload(app, log), 413, 'the log has 3000000 bytes or more', 'max_file_size')
    log = write_big_ulg(tmp_path / 'big.ulg', 2_999_999)
    assert upload(app, log).json()['file_size'] == 2_999_999
    body, kind = form('x.ulg', bytes(4_000_000))
    announced = app.client.ask('POST', '/bucket/upload', body, {'Content-Type': kind})
    failed(announced, 413, 'a log must have fewer than 3000000', 'max_file_size')
    chunked = app.client.ask('POST', '/bucket/upload', iter([body[:3_500_000], body[3_500_000:]]),
                             {'Content-Type': kind})
    failed(chunked, 413, 'the log has 3000000 bytes or more', 'max_file_size')


def test_the_applications_own_errors_stay_its_own(app: ForeignApp) -> None:
    assert app.client.get('/own?number=x').body == b'words of somebody else'
    failed(app.client.get('/bucket/list?max_keys=x'), 400, 'max_keys: ')
    assert app.client.get('/bucket/nothing').status == 404


def test_what_the_description_promises(app: ForeignApp, log: Path) -> None:
    paths = json.loads(app.client.get('/openapi.json').body)['paths']
    assert {(path, method) for path, methods in paths.items() for method in methods
            if path.startswith('/bucket')} == {
        ('/bucket/upload', 'post'), ('/bucket/list', 'get'), ('/bucket/info', 'get'),
        ('/bucket/download/{s3_key}', 'get'), ('/bucket/delete/{s3_key}', 'delete')}
    form_of_upload = paths['/bucket/upload']['post']['requestBody']['content'][
        'multipart/form-data']['schema']
    assert set(form_of_upload['properties']) == {
        'file', 'custom_filename', 'last_modified', 'enqueue_only'}
    for path, methods in paths.items():
        for described in methods.values():
            assert path == '/own' or 'HTTPValidationError' not in json.dumps(described)
    key = upload(app, log).json()['s3_key']
    got = app.client.get(f'/bucket/download/{key}')
    content = paths['/bucket/download/{s3_key}']['get']['responses']['200']['content']
    assert got.headers['content-type'] in content


def test_it_tells_the_applications_logger(app: ForeignApp, log: Path) -> None:
    key = upload(app, log).json()['s3_key']
    assert f'INFO:somebody.else:upload of flight.ulg over HTTP: {key}' in app.log.read_text()
