"""What the field API answers, as its OpenAPI description has it."""
from typing import Any, Optional, Union

from flightlog_bucket.api.descriptions import Failure
from pydantic import BaseModel


class Answer(BaseModel):
    """Of a request that was carried out; ``status`` is the HTTP status."""

    success: bool
    status: int


class Counts(BaseModel):
    """How many logs are in which state."""

    queued: int
    uploading: int
    stored: int
    rejected: int


class Backlog(BaseModel):
    """What is not stored yet, and not rejected either."""

    count: int
    bytes: int


class Health(BaseModel):
    """How one part of the work stands; ``level`` is ok, warn, error or stale (not known)."""

    name: str
    level: str
    message: str
    values: dict[str, Union[bool, int, float, str, None]]


class Disk(BaseModel):
    """The room on the disk that keeps what is accepted."""

    free_bytes: int
    total_bytes: int


class Link(BaseModel):
    """Whether anything gets from the robot to S3; ``state`` is up, down or unknown."""

    state: str
    message: str


class Accepts(BaseModel):
    """Which logs may be uploaded; they must be smaller than ``max_file_size`` (bytes)."""

    extensions: list[str]
    max_file_size: int


class State(Answer):
    """
    How the robot stands.

    ``counts``, ``backlog`` and ``disk`` are null while they are not known; ``rate`` is in bytes
    per second, ``max_bandwidth`` as well (0: no limit).
    """

    machine: str
    version: str
    time: str
    paused: bool
    max_bandwidth: int
    counts: Optional[Counts]
    backlog: Optional[Backlog]
    rate: float
    remaining_s: Optional[float]
    health: list[Health]
    disk: Optional[Disk]
    link: Link
    last_errors: list[str]
    accepts: Accepts


class Transfer(BaseModel):
    """
    How one transfer stands.

    An upload is queued, uploading, stored or rejected; a download is downloading, done or failed.
    """

    id: int
    direction: str
    name: str
    path: str
    key: str
    state: str
    sent_bytes: int
    total_bytes: int
    rate: float
    remaining_s: Optional[float]
    attempts: int
    reason: str
    next_attempt: Optional[str]
    verdict: str
    is_received: bool
    is_deleted: bool


class Transfers(Answer):
    """Transfers, and how many there are."""

    transfers: list[Transfer]
    total: int


class Retried(Answer):
    """How many uploads are tried again."""

    retried: int


class Discarded(Answer):
    """How many logs were discarded."""

    discarded: int


class Paused(Answer):
    """Whether uploads are paused."""

    paused: bool


class Log(BaseModel):
    """
    A stored log, and what is known of it.

    ``name`` is its key without the folder of the machine.
    """

    key: str
    name: str
    size: int
    last_modified: str
    url: Optional[str]
    format: str
    verdict: str
    verdict_reason: str
    start: Optional[str]
    duration_s: float
    message_count: int
    topics: list[str]
    description: Optional[dict[str, Any]]


class Logs(Answer):
    """
    Stored logs.

    ``next_cursor`` goes on with the search, also where nothing was found so far. ``source`` is
    bucket, or ledger where the bucket does not answer; ``note`` tells what a person should know.
    """

    logs: list[Log]
    next_cursor: Optional[str]
    source: str
    note: str


_REASONS = {
    400: 'A value cannot be meant.', 401: 'The bearer token is missing, or wrong.',
    403: 'The request comes from another page, or a file cannot be read.',
    404: 'A transfer is not known, or its file is gone.',
    413: 'The request is too large.',
    421: 'The robot is not called that.', 499: 'The node is ending.',
    500: 'A mistake of the node, which its log explains.',
    502: 'S3, or the session-token service, gave an answer that it should not give.',
    503: 'Too much to do, or no answer in time; try again.',
    507: 'The ledger cannot be read or written.'}

_ANY = (400, 401, 403, 413, 421, 499, 500, 503, 507)


def responses(answer: type[BaseModel], *more: int) -> dict[Union[int, str], dict[str, Any]]:
    """
    Return what an operation may answer, for its description.

    :param answer: of a request that was carried out
    :param more: the statuses that it has beside those that all have
    """
    return {200: {'model': answer, 'description': answer.__name__}, **failures(*more)}


def failures(*more: int) -> dict[Union[int, str], dict[str, Any]]:
    """
    Return what an operation may answer to a request that is not carried out.

    ``default`` keeps FastAPI from telling of its own error 422, which is answered with 400.
    """
    return {**{status: {'model': Failure, 'description': _REASONS[status]}
               for status in sorted({*_ANY, *more})},
            'default': {'model': Failure, 'description': 'Any other error.'}}
