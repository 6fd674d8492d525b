"""Why files were not accepted, for who asks later."""
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.transfers.outcomes import Outcomes

_MOST = 1000


class Refusals:
    """
    The last refusals, in memory. Thread-safe.

    :param outcomes: what a person reads of errors
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._lock = threading.Lock()
        self._errors: OrderedDict[Path, FlightlogError] = OrderedDict()

    def of(self, path: Path) -> Optional[FlightlogError]:
        """Return why a file was refused; None: it was not."""
        with self._lock:
            return self._errors.get(path)

    @contextmanager
    def noting(self, path: Path) -> Iterator[None]:
        """Remember the error that ends the block; without one, forget an earlier one."""
        try:
            yield
        except FlightlogError as error:
            self._outcomes.note(path, str(error))
            with self._lock:
                self._errors[path] = error
                if len(self._errors) > _MOST:
                    self._errors.popitem(last=False)
            raise
        with self._lock:
            self._errors.pop(path, None)
