"""One answer for the files of one log."""
from collections.abc import Sequence
from dataclasses import replace

from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID
from flightlog_bucket.results import LogContent, StoredLog

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


def _badness(content: LogContent) -> int:
    return _BADNESS.get(content.verdict, 0)


def _folder(name: str) -> str:
    return name.rpartition('/')[0] + '/'
