"""Tickets: what a link for a download carries, since a browser sends no token with it."""
from collections.abc import Callable
import hashlib
import hmac
import secrets
import time

LIFE_S = 600


class Tickets:
    """
    Makes tickets, and knows its own; they end with the process.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def issue(self, s3_key: str) -> str:
        """Return a ticket for one log, good for ``LIFE_S``."""
        ends_s = int(self._clock()) + LIFE_S
        return f'{ends_s}.{self._signature(ends_s, s3_key)}'

    def is_good(self, ticket: str, s3_key: str) -> bool:
        """Tell whether a ticket is for this log, and has not expired."""
        ends, _, signature = ticket.partition('.')
        # No other spelling of a number is one of ours, and none is long.
        if not (ends.isascii() and ends.isdecimal() and len(ends) < 20 and signature.isascii()):
            return False
        is_ours = hmac.compare_digest(signature, self._signature(int(ends), s3_key))
        return is_ours and self._clock() < int(ends)

    def _signature(self, ends_s: int, s3_key: str) -> str:
        text = f'{ends_s} {s3_key}'.encode('utf-8', 'surrogatepass')
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
