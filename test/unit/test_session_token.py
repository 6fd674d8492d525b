"""What the session-token service may answer, and what becomes of it."""
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
import logging
from pathlib import Path

from flightlog_bucket.errors import AuthenticationFailed, SessionServiceError, Unavailable
from flightlog_bucket.storage.session_token import SessionToken, SessionTokenService
import pytest
from support import session_service
from support.raw_server import http_json, RawServer
from support.session_service import Answer, json_answer, ScriptedSessionService

NAMES = {'accessKeyId': 'ASIATESTTESTTEST', 'secretAccessKey': 'test-secret',
         'sessionToken': 'test-session-token'}
PASCAL = {name[0].upper() + name[1:]: value for name, value in NAMES.items()}
SECRETS = tuple(NAMES.values())
DEFAULT_LIFETIME_S = 1234.0
DATE = 'Date: Sun, 27 Jul 2025 14:30:22 GMT'
DATED = datetime(2025, 7, 27, 14, 30, 22, tzinfo=timezone.utc)


@pytest.fixture
def service() -> Iterator[ScriptedSessionService]:
    with ScriptedSessionService() as service:
        yield service


def client(url: str, **options: object) -> SessionTokenService:
    return SessionTokenService(url, **{'timeout_s': 20.0,
                                       'default_lifetime_s': DEFAULT_LIFETIME_S, **options})


def fetch(service: ScriptedSessionService, answer: Answer, **options: object) -> SessionToken:
    service.queue(answer)
    return client(service.url, **options).fetch()


def parts(found: SessionToken) -> tuple[str, str, str]:
    return found.access_key_id, found.secret_access_key, found.session_token


def refusal(service: ScriptedSessionService, answer: Answer) -> str:
    """Return what is said about an answer without a usable token."""
    with pytest.raises(SessionServiceError) as caught:
        fetch(service, answer)
    said = str(caught.value)
    assert (caught.value.status, caught.value.retryable) == (502, True)
    assert said.isprintable()
    assert service.url in said
    assert not any(secret in said for secret in SECRETS)
    return said


def lifetime_s(expiration: object, *headers: str, now: datetime = DATED) -> float:
    """Return the life of a token that comes with these headers, by a clock that says ``now``."""
    answer = http_json({**NAMES, 'expiration': expiration}, *headers)
    with RawServer(lambda connection: connection.send(answer)) as server:
        return client(server.url, now=lambda: now).fetch().lifetime_s


@pytest.mark.parametrize('content', [
    NAMES, PASCAL, {'Credentials': NAMES}, {'Credentials': PASCAL}, {'credentials': NAMES},
    {**NAMES, 'Credentials': 'none'}, {**NAMES, 'expiration': None, 'more': [1]}])
def test_the_forms_of_an_answer(service, content):
    found = fetch(service, json_answer(content))
    assert parts(found) == SECRETS
    assert found.lifetime_s == DEFAULT_LIFETIME_S


def test_the_request_is_a_post_without_a_body(service):
    client(service.url + '?robot=1').fetch()
    request = service.requests[0]
    assert (request.method, request.path, request.body) == (
        'POST', '/session-token?robot=1', b'')
    assert request.headers['accept'] == 'application/json'
    assert 'authorization' not in request.headers


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('value', [
    None, '', 7, True, ['x'], {}, 'a\r\nX-Evil: 1', 'a b', 'a\tb', 'ü', '\0', '\ud800', ' a',
    'a '])
def test_a_part_that_is_no_credential(service, name, value):
    assert f'has no usable {name}' in refusal(service, json_answer({**NAMES, name: value}))


def test_missing_parts_are_named(service):
    assert 'has no usable sessionToken' in refusal(
        service, session_service.without('sessionToken'))
    assert 'has no usable accessKeyId, secretAccessKey, sessionToken' in refusal(
        service, json_answer({'error': 'none for you'}))
    assert 'no usable accessKeyId,' in refusal(service, json_answer({'Credentials': {}}))


@pytest.mark.parametrize('body', [
    b'', b'<html><body>Please log in</body></html>', b'{', b'\xff\xfe\x00', b'\x80', b'{"a":',
    b'[' * 60_000, b'{"a":' * 12_000, b'1' * 5000 + b'x'], ids=lambda body: repr(body[:12]))
def test_what_is_not_json(service, body):
    assert 'is not JSON; check session_token_url' in refusal(service, Answer(body=body))


@pytest.mark.parametrize('content', [[], 'x', 1, None, True, [NAMES]])
def test_what_is_no_object(service, content):
    assert 'is not a JSON object' in refusal(service, json_answer(content))


@pytest.mark.parametrize('status', [302, 301, 303, 307, 308])
def test_a_redirect_is_not_followed(service, tmp_path, status):
    bearer = bearer_file(tmp_path, 'the-bearer')
    with ScriptedSessionService() as other:
        service.queue(session_service.redirect(other.url, status))
        with pytest.raises(SessionServiceError) as caught:
            client(service.url, bearer_file=bearer).fetch()
        assert other.count == 0
    assert f'redirect (HTTP {status}), which is not followed' in str(caught.value)
    assert service.requests[0].headers['authorization'] == 'Bearer the-bearer'


@pytest.mark.parametrize('status, error, says', [
    (401, AuthenticationFailed, 'refused the request with HTTP 401; check session_token_bearer'),
    (403, AuthenticationFailed, 'refused the request with HTTP 403'),
    (404, SessionServiceError, 'answered HTTP 404; check session_token_url'),
    (405, SessionServiceError, 'answered HTTP 405'), (400, SessionServiceError, 'HTTP 400'),
    (429, Unavailable, 'answered HTTP 429'), (500, Unavailable, 'HTTP 500; its own log tells why'),
    (502, Unavailable, 'HTTP 502'), (503, Unavailable, 'HTTP 503'), (599, Unavailable, '599')])
def test_a_status_that_is_no_success(service, status, error, says):
    with pytest.raises(error, match=says) as caught:
        fetch(service, session_service.error(status))
    assert type(caught.value) is error
    assert caught.value.retryable
    assert service.url in str(caught.value)


def test_any_status_of_success_will_do(service):
    assert parts(fetch(service, json_answer(NAMES, 201))) == SECRETS


@pytest.mark.parametrize('expiration, expected_s', [
    ('2025-07-27T15:30:22Z', 3600.0), ('2025-07-27T15:30:22+00:00', 3600.0),
    ('2025-07-27T17:30:22+02:00', 3600.0), ('2025-07-27T08:30:22-07:00', 3600.0),
    ('2025-07-27T15:30:22', 3600.0), (' 2025-07-27T15:30:22.500Z ', 3600.5),
    (DATED.timestamp() + 900, 900.0), (int(DATED.timestamp()) + 900, 900.0),
    ('2025-07-27T14:30:32Z', 10.0)])
def test_the_life_of_a_token(expiration, expected_s):
    assert lifetime_s(expiration, DATE) == expected_s


@pytest.mark.parametrize('expiration', [
    None, '', 'never', 'tomorrow', '2025-13-45T99:99:99Z', True, [], {}, 1e308, float('nan'),
    float('inf'), 10**30, 'Z', '\ud800', int(DATED.timestamp() * 1000) + 900_000])
def test_an_expiration_that_says_nothing(expiration):
    assert lifetime_s(expiration, DATE) == DEFAULT_LIFETIME_S


@pytest.mark.parametrize('years', [-55, -1, 1, 50])
def test_the_clock_of_the_robot_does_not_matter(years):
    wrong = DATED + timedelta(days=365 * years)
    assert lifetime_s('2025-07-27T14:45:22Z', DATE, now=wrong) == 900.0


@pytest.mark.parametrize('headers', [
    (), ('Date: yesterday',), ('Date:',), ('Date: Sun, 99 Jul 2025 14:30:22 GMT',),
    ('Date: Sun, 27 Jul 2025 14:30:22 +99999999999999999999',),
    ('Date: Sun, 27 Jul 99999999999 14:30:22 GMT',), ('Date: \x01\xff',)])
def test_without_a_date_the_clock_of_the_robot_must_do(headers):
    assert lifetime_s('2025-07-27T14:45:22Z', *headers) == 900.0


def test_a_token_that_has_expired_before_it_came():
    with pytest.raises(SessionServiceError, match='already expired 22 s before it came; check'):
        lifetime_s('2025-07-27T14:30:00Z', DATE)
    with pytest.raises(SessionServiceError, match='already expired'):
        lifetime_s(0, DATE)


def bearer_file(directory: Path, secret: str) -> Path:
    path = directory / 'bearer'
    path.write_text(secret)
    return path


def test_the_bearer_token_is_read_anew(service, tmp_path):
    service.bearer = 'first'
    tokens = client(service.url, bearer_file=bearer_file(tmp_path, 'first\n'))
    assert parts(tokens.fetch()) == SECRETS
    service.bearer = 'second'
    with pytest.raises(AuthenticationFailed, match='HTTP 401'):
        tokens.fetch()
    bearer_file(tmp_path, 'second')
    assert parts(tokens.fetch()) == SECRETS


@pytest.mark.parametrize('content', [
    '', 'two words', 'two\nlines', 'a\r\nX-Evil: 1', 'x' * 20_000])
def test_a_bearer_token_that_is_none_is_not_sent(service, tmp_path, content):
    with pytest.raises(AuthenticationFailed, match=r'^Authentication failed: session_token_b'):
        client(service.url, bearer_file=bearer_file(tmp_path, content)).fetch()
    assert service.count == 0


def test_a_missing_bearer_file_is_named(service, tmp_path):
    with pytest.raises(AuthenticationFailed) as caught:
        client(service.url, bearer_file=tmp_path / 'gone').fetch()
    assert f"cannot read the secret in '{tmp_path}/gone'" in str(caught.value)


@pytest.mark.parametrize('has_bearer', [False, True])
def test_the_passwords_in_netrc_are_not_sent(service, tmp_path, monkeypatch, has_bearer):
    (tmp_path / '.netrc').write_text('machine 127.0.0.1 login me password netrc-password\n')
    (tmp_path / '.netrc').chmod(0o600)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('NETRC', str(tmp_path / '.netrc'))
    bearer = bearer_file(tmp_path, 'the-bearer') if has_bearer else None
    client(service.url, bearer_file=bearer).fetch()
    expected = 'Bearer the-bearer' if has_bearer else None
    assert service.requests[0].headers.get('authorization') == expected


@pytest.mark.parametrize('user, expected', [
    ('me:p%40ss', 'Basic bWU6cEBzcw=='), ('me:', 'Basic bWU6'), (':p', 'Basic OnA=')])
def test_the_password_in_the_url_is_sent(service, user, expected):
    client(service.url.replace('//', f'//{user}@')).fetch()
    assert service.requests[0].headers['authorization'] == expected


def test_the_bearer_token_goes_before_the_password_in_the_url(service, tmp_path):
    url = service.url.replace('//', '//me:p@')
    client(url, bearer_file=bearer_file(tmp_path, 'the-bearer')).fetch()
    assert service.requests[0].headers['authorization'] == 'Bearer the-bearer'


FAULTS = [
    session_service.error(500), session_service.error(401), session_service.error(404),
    session_service.redirect('http://127.0.0.1:1/'), session_service.not_json(),
    json_answer([]), json_answer({}), session_service.hang_up(), session_service.huge(),
    json_answer({**NAMES, 'expiration': 0}), json_answer(NAMES)]


@pytest.mark.parametrize('fault', FAULTS, ids=range(len(FAULTS)))
def test_no_message_holds_a_secret(service, fault, caplog, tmp_path):
    """Neither of the URL nor of the answer nor the bearer token."""
    url = service.url.replace('//', '//user:pass-word@') + '?key=query-secret#fragment-secret'
    tokens = client(url, bearer_file=bearer_file(tmp_path, 'bearer-secret'))
    service.queue(fault)
    with caplog.at_level(logging.DEBUG, 'flightlog_bucket'):
        try:
            shown = repr(tokens.fetch())
        except (AuthenticationFailed, SessionServiceError, Unavailable) as error:
            shown = f'{error} {error!r}'
            assert service.url in shown
    ours = [r.getMessage() for r in caplog.records if r.name.startswith('flightlog_bucket')]
    shown += f' {tokens!r} {ours}'
    for secret in ('pass-word', 'query-secret', 'fragment-secret', 'bearer-secret', *SECRETS):
        assert secret not in shown


def test_a_token_shows_no_secret():
    shown = repr(SessionToken('ASIATESTTESTTEST', 'test-secret', 'test-session-token', 9.0))
    assert shown == 'SessionToken(lifetime_s=9.0)'
