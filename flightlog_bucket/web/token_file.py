"""The bearer token that requests must have, in a file that may get another one at any time."""
from collections.abc import Callable
import hashlib
import hmac
import logging
import os
from pathlib import Path
import time
from typing import Optional

from flightlog_bucket.errors import ConfigurationError
from flightlog_bucket.settings import read_secret_file

SHORTEST = 16
"""Characters: fewer can be guessed."""
LOOK_S = 1.0
"""Between two looks at the file."""

_Version = tuple[int, int, int]

_log = logging.getLogger(__name__)


class TokenFile:
    """
    Knows whether a token is the right one, by what the file holds now. Not thread-safe.

    Where the file cannot be read any more, no token is right: whoever takes a token away means
    it.

    :param path: of the file
    :param clock: monotonic seconds
    :raises ConfigurationError: if it holds no token that can be meant
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._version = self._version_now()
        self._digest: Optional[bytes] = _digest(_read(path))
        self._looked_s = clock()

    def is_right(self, token: bytes) -> bool:
        """Tell whether a request with this token may be answered."""
        self._look()
        # Of the hashes: how long a comparison takes tells nothing of them, nor of a length.
        given = hashlib.sha256(token).digest()
        return self._digest is not None and hmac.compare_digest(given, self._digest)

    def _look(self) -> None:
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        version = self._version_now()
        if version == self._version:
            return
        self._version = version
        try:
            self._digest = _digest(_read(self._path))
            _log.info('HTTP: there is another token in http_token_file')
        except ConfigurationError as error:
            self._digest = None
            _log.error('HTTP: no request is answered until this is mended: %s', error)

    def _version_now(self) -> Optional[_Version]:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        # The time of the change is nobody's to set.
        return status.st_ctime_ns, status.st_size, status.st_ino


def _read(path: Path) -> str:
    try:
        token = read_secret_file(path)
    except ConfigurationError as error:
        raise ConfigurationError(f'http_token_file: {error}') from None
    if len(token) < SHORTEST:
        raise ConfigurationError(
            f'http_token_file: the token in {os.fspath(path)!r} has {len(token)} characters; give'
            f' {SHORTEST} or more, e.g. of: openssl rand -hex 16')
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
