"""The file of a log that has arrived, until it is accepted or refused."""
from contextlib import suppress
from pathlib import Path
import threading

from flightlog_bucket.errors import Cancelled, FlightlogError
from flightlog_bucket.storage.reception import remove_received


class ArrivedFile:
    """
    Sees to it that what its sender is told of it, and what becomes of it, are the same.

    Thread-safe: while one thread looks at it, another may answer, as the node ends.

    :param path: of the file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._is_promised = self._is_refused = False

    def promise(self) -> bool:
        """Leave it to the next node; return False if it is refused already."""
        with self._lock:
            self._is_promised = not self._is_refused
            return self._is_promised

    def refuse(self, error: FlightlogError) -> None:
        """
        Remove it, unless that would break a promise.

        :param error: why it is not accepted
        """
        with self._lock:
            # Who is told of the end of the node is told that it stays.
            if isinstance(error, Cancelled) or (self._is_promised and error.retryable):
                return
            self._is_refused = True
            with suppress(OSError):  # the next node looks at it again
                remove_received(self.path)
