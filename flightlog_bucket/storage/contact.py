"""Whether S3 answers, and whether it does what it is asked."""
from collections.abc import Callable
from dataclasses import dataclass
import threading
import time
from typing import Optional, TypeVar

from flightlog_bucket.errors import (
    AuthenticationFailed,
    BucketNotFound,
    Busy,
    Cancelled,
    FlightlogError,
    LocalFileError,
    NotAllowed,
    NotS3,
    StorageError,
    Unavailable,
)

E = TypeVar('E', bound=FlightlogError)

# Nothing is wrong where the policy of a session token has no permission for these.
_OPTIONAL = ('abort_multipart_upload', 'list_parts')


@dataclass(frozen=True)
class Fault:
    """
    What goes wrong now.

    :param error: the last one
    :param failing_s: seconds since the first of them
    """

    error: str
    failing_s: float


@dataclass(frozen=True)
class ContactStatus:
    """
    How S3 has answered.

    :param silence: why it cannot be reached, or is not S3, or has no such bucket; None: it can
    :param refusal: why it does not do what it is asked with this session token; None: it does
    :param tried_ago_s: since the last request ended; None: there was none
    :param succeeded_ago_s: since one was answered as it should be; None: none was
    """

    silence: Optional[Fault] = None
    refusal: Optional[Fault] = None
    tried_ago_s: Optional[float] = None
    succeeded_ago_s: Optional[float] = None


class FaultClock:
    """
    How long something has failed without a break.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error = ''
        self._since_s = 0.0

    def fail(self, error: str) -> None:
        """Note that it failed, and why."""
        if not self._error:
            self._since_s = self._clock()
        self._error = error

    def succeed(self) -> None:
        """Note that it did not fail."""
        self._error = ''

    def fault(self) -> Optional[Fault]:
        """Return what goes wrong; None: nothing does."""
        return Fault(self._error, self._clock() - self._since_s) if self._error else None


class Contact:
    """
    Learns from each request how S3 answers. Thread-safe.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._silence = FaultClock(clock)
        self._refusal = FaultClock(clock)
        self._tried_s: Optional[float] = None
        self._succeeded_s: Optional[float] = None

    def succeeded(self) -> None:
        """Note that S3 did what it was asked."""
        with self._lock:
            self._tried_s = self._succeeded_s = self._clock()
            self._silence.succeed()
            self._refusal.succeed()

    def failed(self, operation: str, error: E) -> E:
        """
        Note why a request failed; return the error.

        :param operation: of boto3's S3 client, e.g. ``put_object``
        """
        if isinstance(error, (Busy, Cancelled, LocalFileError)):
            return error  # that was not S3
        with self._lock:
            self._tried_s = self._clock()
            if isinstance(error, (Unavailable, BucketNotFound, NotS3)) \
                    or type(error) is StorageError:
                self._silence.fail(str(error))
                return error
            self._silence.succeed()
            if isinstance(error, (AuthenticationFailed, NotAllowed)):
                if operation not in _OPTIONAL:
                    self._refusal.fail(str(error))
            else:
                self._refusal.succeed()
        return error

    def status(self) -> ContactStatus:
        """Return how S3 has answered so far, without asking it."""
        with self._lock:
            return ContactStatus(self._silence.fault(), self._refusal.fault(),
                                 self._ago_s(self._tried_s), self._ago_s(self._succeeded_s))

    def _ago_s(self, moment_s: Optional[float]) -> Optional[float]:
        return None if moment_s is None else self._clock() - moment_s
