"""One answer for the files of one log."""
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Union

from flightlog_bucket.errors import FlightlogError, Withdrawn
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID
from flightlog_bucket.results import LogContent, StoredLog

CANCELLED = ': the upload was cancelled'
"""Ends what is told of a file of which nothing is left in the bucket."""

_BADNESS = {'': 0, VALID: 1, TRUNCATED: 2, CORRUPT: 3}


def as_one(logs: Sequence[StoredLog]) -> StoredLog:
    """
    Return what a person is told of a log that is in the bucket.

    :param logs: one, or the files of a rosbag2 directory, whose folder is the key then; the
        verdict is that of the worst of them
    """
    # The folder of a recording is not the one in which its corrupt files are kept.
    first = min(logs, key=lambda log: _badness(log.content))
    if len(logs) > 1:
        first = replace(first, s3_key=_folder(first.s3_key), file_url=_folder(first.file_url))
    return replace(first, file_size=sum(log.file_size for log in logs),
                   already_stored=all(log.already_stored for log in logs),
                   content=max((log.content for log in logs), key=_badness))


def why_not(path: Path, outcomes: Sequence[Union[StoredLog, FlightlogError]]) -> FlightlogError:
    """
    Return what a person is told of a log that is not stored, or not whole.

    :param path: that was asked for, of a file or a rosbag2 directory
    :param outcomes: of its files, at least one of them an error; of a cancelled log, what became
        of each of them is told
    """
    errors = [outcome for outcome in outcomes if isinstance(outcome, FlightlogError)]
    withdrawn = [error for error in errors if isinstance(error, Withdrawn)]
    if not withdrawn or len(outcomes) == 1:
        return errors[0]
    ended = [error for error in withdrawn if not error.goes_on]
    others = [error for error in errors if not isinstance(error, Withdrawn)]
    if not ended and not others:
        return withdrawn[0]
    counts = ((len(ended), 'cancelled'),
              (len(withdrawn) - len(ended), 'going on in the background, as others want them'),
              (len(outcomes) - len(errors), 'stored already, which stay in the bucket'),
              (len(others), 'not stored'))
    said = f'{path}: the upload was cancelled'
    if len(ended) < len(outcomes):
        said += f'. Of its {len(outcomes)} files: ' + ', '.join(
            f'{count} {what}' for count, what in counts if count)
    more = [str(error) for error in ended if not str(error).endswith(CANCELLED)][:1]
    return Withdrawn('; '.join([said, *more, *map(str, others[:1])]), goes_on=not ended)


def _badness(content: LogContent) -> int:
    return _BADNESS.get(content.verdict, 0)


def _folder(name: str) -> str:
    return name.rpartition('/')[0] + '/'
