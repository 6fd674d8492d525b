"""What every way to the bucket can do, and what comes of it."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

LOG = '{log}'
"""Stands in errors for the log that was to be uploaded, which each way calls by another name."""


@dataclass(frozen=True)
class Outcome:
    """
    What a call has brought, in the words of the document.

    :param status: HTTP status
    :param error: empty: there was none
    :param fields: of a success
    """

    status: int
    error: str = ''
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Return a field of a success."""
        assert not self.error, self.error
        return self.fields[name]


class Driver(Protocol):
    """A way to the bucket of one machine."""

    def upload(self, path: Path, custom_filename: str = '') -> Outcome:
        """
        Upload a log.

        Its fields are ``s3_key``, ``file_url``, ``file_size``, ``content_type``,
        ``already_stored``, ``verdict`` and ``verdict_reason``.
        """

    def list(self, *, prefix: str = '', max_keys: int = 0,
             continuation_token: str = '') -> Outcome:
        """
        List the machine's logs: ``files`` (``key``, ``size``, ``url``, ``last_modified``).

        :param max_keys: 0: not given
        """

    def download(self, s3_key: str, target: Path) -> Outcome:
        """Download a log to a file: ``file_size``."""

    def delete(self, s3_key: str) -> Outcome:
        """Delete a log: no fields."""

    def info(self) -> Outcome:
        """Tell how the way is set."""


def without_names(error: str, path: Path, custom_filename: str) -> str:
    """
    Return the error with ``{log}`` for the log.

    :param path: of the log, as this way knows it; a bare name: it does not know the folder
    :param custom_filename: the name that the object was to get, or empty
    """
    for name in sorted({str(path), path.name, custom_filename} - {''}, key=len, reverse=True):
        error = error.replace(repr(name), LOG)
    # Where the name of an object is that of a file which has arrived, either may be meant.
    return error.replace(f'{path} ', f'{LOG} ').replace(f'the name {LOG} says', 'the name says')


def listed(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the files of a listing with what the document says of each."""
    return [{name: file[name] for name in ('key', 'size', 'url', 'last_modified')}
            for file in files]


def moment(iso: str) -> datetime:
    """Return a time that is told in ISO 8601; it must tell its zone."""
    told = datetime.fromisoformat(iso)
    assert told.tzinfo is not None, iso
    return told.astimezone(timezone.utc)
