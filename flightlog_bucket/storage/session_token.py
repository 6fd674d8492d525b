"""
Session tokens: temporary AWS credentials, fetched with a POST.

The service's contract: ``POST session_token_url`` answers 200 and a JSON object with
``accessKeyId``, ``secretAccessKey``, ``sessionToken`` and, where it knows it, ``expiration``
(ISO 8601, or seconds since 1970). The names that AWS STS itself uses (``AccessKeyId`` ...), and
both within a ``Credentials`` object, are understood as well.
"""
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
import json
from pathlib import Path
import threading
import time
from typing import Any, Optional

from flightlog_bucket.errors import (
    AuthenticationFailed,
    Busy,
    ConfigurationError,
    FlightlogError,
    SessionServiceError,
    Unavailable,
)
from flightlog_bucket.settings import read_secret_file, redacted_url
from flightlog_bucket.threads import WorkerPool
import requests

MAX_ANSWER_BYTES = 64 * 1024
_BLOCK_BYTES = 256  # small, as a read returns when all of it has come
_MAX_THREADS = 8


@dataclass(frozen=True)
class SessionToken:
    """
    Temporary credentials. Their representation shows none of them.

    :param access_key_id: of the temporary key
    :param secret_access_key: of the temporary key
    :param session_token: that goes with every request
    :param lifetime_s: seconds from the moment at which it was fetched
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    lifetime_s: float


class SessionTokenService:
    """
    The service that gives session tokens.

    :param url: that is posted to
    :param timeout_s: an answer takes at most this many seconds
    :param default_lifetime_s: of a token whose ``expiration`` the service does not tell
    :param bearer_file: holds a bearer token for the service; read anew for every request
    :param clock: monotonic seconds
    :param now: the time of day, aware
    """

    def __init__(self, url: str, *, timeout_s: float, default_lifetime_s: float,
                 bearer_file: Optional[Path] = None,
                 clock: Callable[[], float] = time.monotonic,
                 now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._url = url
        self._shown_url = redacted_url(url)
        self._timeout_s = timeout_s
        self._default_lifetime_s = default_lifetime_s
        self._bearer_file = bearer_file
        self._clock = clock
        self._now = now
        self._free_threads = threading.BoundedSemaphore(_MAX_THREADS)

    def fetch(self) -> SessionToken:
        """
        Ask for a new session token.

        :raises Unavailable: if the service cannot be reached, is too slow or has a fault
        :raises AuthenticationFailed: if it refuses, or the bearer token cannot be read
        :raises SessionServiceError: if its answer holds no usable token
        """
        # No timeout of requests bounds a name server that is silent, nor an answer that comes
        # byte by byte. So the request runs in a thread, which is left to itself when it is late.
        if not self._free_threads.acquire(blocking=False):
            raise self._too_slow()
        pool = WorkerPool(1, 'flightlog-token')
        try:
            request = pool.submit(self._ask)
        except Busy:
            self._free_threads.release()
            raise
        request.add_done_callback(lambda _: self._free_threads.release())
        pool.shutdown(cancel_futures=False)
        try:
            return request.result(self._timeout_s)
        except FutureTimeoutError:
            raise self._too_slow() from None

    def _ask(self) -> SessionToken:
        deadline = self._clock() + self._timeout_s
        bearer = self._bearer_token()
        try:
            with requests.Session() as session, session.post(
                    self._url, auth=_Authorization(bearer), headers={'Accept': 'application/json'},
                    timeout=self._timeout_s, allow_redirects=False, stream=True) as response:
                self._check_status(response.status_code)
                body = self._read_body(response, deadline)
                date = response.headers.get('Date', '')
        except requests.Timeout:
            raise self._too_slow() from None
        except requests.RequestException as error:
            # The text of the exception can hold the whole URL, with a password or a query.
            raise Unavailable(f'cannot reach the session-token service at {self._shown_url}'
                              f' ({_cause(error)}); check session_token_url and the network'
                              ) from None
        except ValueError:  # of http.client: lengths and chunks that make no sense
            raise SessionServiceError(f'what answers at {self._shown_url} does not keep to HTTP;'
                                      ' check session_token_url') from None
        return self._token(body, date)

    def _bearer_token(self) -> str:
        if self._bearer_file is None:
            return ''
        try:
            return read_secret_file(self._bearer_file)
        except ConfigurationError as error:
            raise AuthenticationFailed(f'session_token_bearer_file: {error}') from None

    def _check_status(self, status: int) -> None:
        where = f'the session-token service at {self._shown_url}'
        if status in (401, 403):
            raise AuthenticationFailed(f'{where} refused the request with HTTP {status}; check'
                                       ' session_token_bearer_file')
        if 300 <= status < 400:
            raise SessionServiceError(f'{where} answered with a redirect (HTTP {status}), which is'
                                      ' not followed; set session_token_url to the final address')
        if status == 429 or status >= 500:
            raise Unavailable(f'{where} answered HTTP {status}; its own log tells why')
        if not 200 <= status < 300:
            raise SessionServiceError(f'{where} answered HTTP {status}; check session_token_url')

    def _read_body(self, response: requests.Response, deadline: float) -> bytes:
        body = b''
        for block in response.iter_content(_BLOCK_BYTES):
            body += block
            if len(body) > MAX_ANSWER_BYTES:
                raise SessionServiceError(f'the answer of the session-token service at'
                                          f' {self._shown_url} is larger than {MAX_ANSWER_BYTES}'
                                          ' bytes; check session_token_url')
            if self._clock() > deadline:
                raise self._too_slow()
        return body

    def _too_slow(self) -> FlightlogError:
        return Unavailable(f'the session-token service at {self._shown_url} did not answer within'
                           f' {self._timeout_s:g} s')

    def _token(self, body: bytes, date: str) -> SessionToken:
        where = f'the answer of the session-token service at {self._shown_url}'
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise SessionServiceError(f'{where} is not JSON; check session_token_url') from None
        if not isinstance(answer, dict):
            raise SessionServiceError(f'{where} is not a JSON object')
        fields = next((answer[k] for k in ('Credentials', 'credentials')
                       if isinstance(answer.get(k), dict)), answer)
        parts = {n: _field(fields, n) for n in ('accessKeyId', 'secretAccessKey', 'sessionToken')}
        missing = [name for name, value in parts.items() if not _is_credential(value)]
        if missing:
            raise SessionServiceError(f'{where} has no usable {", ".join(missing)}')
        return SessionToken(parts['accessKeyId'], parts['secretAccessKey'], parts['sessionToken'],
                            self._lifetime_s(fields, date))

    def _lifetime_s(self, fields: Mapping[str, Any], date: str) -> float:
        expiration = _moment(_field(fields, 'expiration'))
        if expiration is None:
            return self._default_lifetime_s
        # Both times are the service's, where it sends its own: a robot's clock can be years off.
        lifetime_s = (expiration - (_http_date(date) or self._now())).total_seconds()
        if lifetime_s <= 0:
            raise SessionServiceError(
                f'the session token from {self._shown_url} had already expired'
                f' {-lifetime_s:.0f} s before it came; check the clocks of the service and of this'
                ' computer')
        return lifetime_s


class _Authorization(requests.auth.AuthBase):
    """
    Sends the bearer token, else the user name and password of the URL, else nothing.

    It also keeps requests from taking a password out of ~/.netrc.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers['Authorization'] = f'Bearer {self._token}'
            return request
        user, password = requests.utils.get_auth_from_url(request.url or '')
        if user or password:
            requests.auth.HTTPBasicAuth(user, password)(request)
        return request


def _field(fields: Mapping[str, Any], name: str) -> Any:
    return fields.get(name, fields.get(name[0].upper() + name[1:]))


def _is_credential(value: Any) -> bool:
    # They become parts of HTTP headers.
    return (isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()
            and ' ' not in value)


def _moment(value: Any) -> Optional[datetime]:
    """Return what ``expiration`` says, aware; None if it says nothing."""
    try:
        if isinstance(value, str):
            # Python 3.10 reads no "Z".
            moment = datetime.fromisoformat(value.strip().replace('Z', '+00:00'))
            return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    return None


def _http_date(text: str) -> Optional[datetime]:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _cause(error: BaseException) -> str:
    """Name the innermost reason of a failed request, without its texts, which hold the URL."""
    reason: BaseException = error
    for _ in range(8):
        inner = reason.__cause__ or reason.__context__
        # urllib3 1 calls http.client in two ways, the first of which fails with a TypeError.
        if inner is None or isinstance(inner, TypeError):
            break
        reason = inner
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__
