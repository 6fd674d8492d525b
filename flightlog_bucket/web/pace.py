"""Whether the other side of a connection still moves."""
from typing import Optional

HEAD_S = 10.0
"""In which the head of a request must be there, from its first byte."""
WINDOW_S = 20.0
"""In which a body, or the reader of an answer, must move ``WINDOW_BYTES``."""
WINDOW_BYTES = 20 * 1024
LOOK_S = 2.5
"""Between two looks."""

NOTHING, HEAD, BODY, READER = '', 'head', 'body', 'reader'


class Pace:
    """
    Measures what a client does while this server waits for it, and only then.

    :param now_s: monotonic seconds
    """

    def __init__(self, now_s: float) -> None:
        self._waits_for = NOTHING
        self._since_s = now_s
        self._moved = 0

    def look(self, now_s: float, waits_for: str, moved: int) -> Optional[str]:
        """
        Take note of how it stands.

        :param now_s: monotonic seconds
        :param waits_for: what the server needs next of the client, if anything
        :param moved: bytes so far, of that kind
        :returns: why the connection is to be closed; None: it is not
        """
        if waits_for != self._waits_for or waits_for == NOTHING:
            self._begin(now_s, waits_for, moved)
            return None
        waited_s = now_s - self._since_s
        if waits_for == HEAD:
            return f'no whole request within {HEAD_S:.0f} s' if waited_s >= HEAD_S else None
        if moved - self._moved >= WINDOW_BYTES:
            self._begin(now_s, waits_for, moved)
        elif waited_s >= WINDOW_S:
            return f'{moved - self._moved} bytes of a {waits_for} in {waited_s:.0f} s'
        return None

    def _begin(self, now_s: float, waits_for: str, moved: int) -> None:
        self._waits_for, self._since_s, self._moved = waits_for, now_s, moved
