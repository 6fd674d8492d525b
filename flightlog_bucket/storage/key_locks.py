"""One upload at a time for each key."""
from collections.abc import Iterator
from contextlib import contextmanager
import threading

from flightlog_bucket.errors import Busy


class KeyLocks:
    """One lock for each key that is being written."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held: set[str] = set()

    @contextmanager
    def hold(self, key: str, timeout_s: float) -> Iterator[None]:
        """
        Keep other threads from the key meanwhile.

        :param key: that is written to
        :param timeout_s: seconds to wait for it
        :raises Busy: if another upload to it takes longer
        """
        with self._condition:
            if not self._condition.wait_for(lambda: key not in self._held, timeout_s):
                raise Busy(f'another upload to {key!r} is under way; try again when it has ended')
            self._held.add(key)
        try:
            yield
        finally:
            with self._condition:
                self._held.discard(key)
                self._condition.notify_all()
