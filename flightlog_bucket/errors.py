"""
The errors of flightlog_bucket: one tree, every one with an HTTP status and whether a retry helps.

::

    FlightlogError
    ├── ConfigurationError      400  a setting is missing or out of range
    │   └── LedgerInUse         400  another process has the state directory
    ├── InvalidRequest          400  a name, key, prefix or path that cannot be meant
    │   ├── InvalidExtension    400  not the name of a flight log
    │   ├── RangeNotSatisfiable 416  the object has no byte of the range
    │   └── ValidationFailed    400  the content is not what the name says
    │       ├── FormatMismatch  400  it is of another format
    │       ├── CorruptLog      422  it is of that format, and damaged
    │       └── FileTooLarge    413
    ├── LocalFileError          400  a file on this computer
    │   ├── LocalFileNotFound   404
    │   ├── LocalFileUnreadable 403
    │   │   └── LocalDiskFault  503  its disk, or the network that this is on, does not answer now
    │   ├── LocalFileExists     409
    │   ├── LocalFileChanged    409  written to while it was read
    │   ├── LocalDiskFull       507
    │   ├── LocalDiskUnwritable 507  nothing that arrives over the network can be written
    │   └── LedgerUnavailable   507  the ledger cannot be written: nothing is accepted
    ├── AuthenticationFailed    401  no session token is to be had, or the clock is wrong
    │   └── TokenRefused        401  S3 does not accept the session token
    ├── AccessDenied            403  another machine's folder
    │   └── NotAllowed          403  the policy of the session token does not allow it
    ├── ObjectNotFound          404
    ├── BucketNotFound          404
    ├── ObjectExists            409  a conditional write found the key taken
    ├── Unavailable             503  nobody there, or asked to come back later
    │   └── Busy                503  this process has too much to do
    ├── StorageError            502  an answer that S3 should not give
    │   ├── ChecksumMismatch    502  what arrived is not what was sent
    │   ├── MetadataTooLarge    502  this S3 server takes fewer metadata than S3 does
    │   ├── NotS3               502  who answered is not S3
    │   ├── NotSupported        502  this S3 server does not have the feature
    │   └── UploadNotFound      502  S3 does not know the multipart upload any more
    ├── SessionServiceError     502  the session-token service gave no usable token
    └── Cancelled               499  the caller, or the end of the process, stopped it
        ├── Paused              503  uploads are paused, and go on later
        └── Withdrawn           499  who asked for the upload has taken that back

``answers.py`` turns these into the ``{"error", "status"}`` of S3BucketProxy and of the REST API,
``ros/conversions.py`` into answers of the services; nothing else does.
"""
from typing import ClassVar


class FlightlogError(Exception):
    """Whatever goes wrong here: says what happened, to which file or key, and what to do."""

    status: ClassVar[int] = 500
    """The HTTP status with the same meaning."""
    retryable: ClassVar[bool] = False
    """Whether a log may wait and be sent later: the fault does not lie with the log."""
    summary: ClassVar[str] = ''
    """Opening words of the message, where callers of S3BucketProxy look for them."""

    def __init__(self, message: str) -> None:
        super().__init__(f'{self.summary}: {message}' if self.summary else message)


class ConfigurationError(FlightlogError, ValueError):
    """A setting is missing, out of range or contradicts another one."""

    status = 400


class LedgerInUse(ConfigurationError):
    """Another process keeps its ledger in the state directory."""


class InvalidRequest(FlightlogError, ValueError):
    """A name, key, prefix or path that cannot be meant."""

    status = 400


class InvalidExtension(InvalidRequest):
    """The name is not one of a flight log."""

    summary = 'Invalid file extension'


class RangeNotSatisfiable(InvalidRequest):
    """
    The object has no byte of the range that was asked for.

    :param size: bytes of the object
    """

    status = 416

    def __init__(self, message: str, *, size: int = 0) -> None:
        super().__init__(message)
        self.size = size


class ValidationFailed(InvalidRequest):
    """The content is empty, too large or not what the name says."""

    summary = 'File validation failed'


class FormatMismatch(ValidationFailed):
    """The content is of another format than the name says."""


class CorruptLog(ValidationFailed):
    """The content is damaged, so that nobody can read the log."""

    status = 422


class FileTooLarge(ValidationFailed):
    """The file reaches the size limit."""

    status = 413


class LocalFileError(FlightlogError):
    """A file on this computer cannot be used."""

    status = 400


class LocalFileNotFound(LocalFileError):
    """There is no such local file."""

    status = 404
    summary = 'File not found'


class LocalFileUnreadable(LocalFileError):
    """The operating system refuses the access."""

    status = 403


class LocalDiskFault(LocalFileUnreadable):
    """The disk of a file does not answer now: a cable, or the network that it is on."""

    status = 503
    retryable = True


class LocalFileExists(LocalFileError):
    """A download would replace a file."""

    status = 409


class LocalFileChanged(LocalFileError):
    """The file was written to while it was read."""

    status = 409
    retryable = True


class LocalDiskFull(LocalFileError):
    """There is no room for a download."""

    status = 507


class LocalDiskUnwritable(LocalFileError):
    """Nothing that arrives over the network can be written: the disk is read-only, or closed."""

    status = 507


class LedgerUnavailable(LocalFileError):
    """The ledger cannot be written, so that nothing can be accepted now."""

    status = 507
    retryable = True


class AuthenticationFailed(FlightlogError):
    """No session token is to be had, or S3 accepts none because of the clock."""

    status = 401
    retryable = True
    summary = 'Authentication failed'


class TokenRefused(AuthenticationFailed):
    """S3 does not accept the session token: it has expired or was revoked."""


class AccessDenied(FlightlogError):
    """The key belongs to another machine."""

    status = 403
    summary = 'Access denied'


class NotAllowed(AccessDenied):
    """The policy of the session token does not allow the action."""

    retryable = True


class ObjectNotFound(FlightlogError):
    """There is no object with this key."""

    status = 404
    summary = 'File not found'


class BucketNotFound(FlightlogError):
    """There is no bucket of this name."""

    status = 404
    retryable = True


class ObjectExists(FlightlogError):
    """A conditional write found an object under the key."""

    status = 409


class Unavailable(FlightlogError):
    """A service did not answer, or asked to come back later."""

    status = 503
    retryable = True


class Busy(Unavailable):
    """This process has as much to do as it may take on."""


class StorageError(FlightlogError):
    """S3 gave an answer that it should not give."""

    status = 502
    retryable = True


class ChecksumMismatch(StorageError):
    """What arrived is not what was sent."""


class MetadataTooLarge(StorageError):
    """This S3 server takes fewer user metadata than S3 does."""


class NotS3(StorageError):
    """Something else answers in the place of S3, e.g. the log-in page of a network."""


class NotSupported(StorageError):
    """The S3 server does not have the feature."""


class UploadNotFound(StorageError):
    """S3 does not know the multipart upload: it was completed, aborted or cleaned up."""


class SessionServiceError(FlightlogError):
    """The session-token service answered, with nothing that can be used."""

    status = 502
    retryable = True


class Cancelled(FlightlogError):
    """The caller, or the end of the process, stopped the call."""

    status = 499
    retryable = True


class Paused(Cancelled):
    """Uploads are paused; this one goes on when they are resumed."""

    status = 503


class Withdrawn(Cancelled):
    """
    Who asked for the upload has taken that back.

    :param goes_on: others want it, so that it is stored all the same
    """

    retryable = False

    def __init__(self, reason: str, *, goes_on: bool = False) -> None:
        super().__init__(reason)
        self.goes_on = goes_on
