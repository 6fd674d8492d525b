"""Accepting a log: name and content must be of the same, allowed format."""
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
import logging
import os
from pathlib import Path
import threading
from typing import BinaryIO, Optional

from flightlog_bucket.errors import (
    FormatMismatch,
    InvalidExtension,
    LocalFileUnreadable,
    ValidationFailed,
)
from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.formats import (
    BAG_WAL,
    EXTENSIONS,
    format_in_bag,
    format_of_name,
    formats_of_content,
    LogFormat,
)
from flightlog_bucket.logs.reader import LogReader, read_up_to
from flightlog_bucket.logs.verdict import CORRUPT, STRUCTURE, Verdict

_log = logging.getLogger(__name__)

_HEAD_BYTES = 64
_METADATA_HEAD_BYTES = 4096  # comments can be before what tells
_LFS_POINTER = b'version https://git-lfs.github.com/spec/'

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Outside of these a log's clock was not set, or the flight was simulated.
_EARLIEST_START = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LATEST_START = datetime(2100, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class LogFacts:
    """
    What is known about an accepted log.

    :param format: ``ulog``, ``ulog.encrypted``, ``rosbag1``, ``mcap``, ``sqlite3``,
        ``mcap.zstd`` or ``sqlite3.zstd``; of files in a rosbag2 directory also ``rosbag2`` and
        ``sqlite3-wal``
    :param extension: lower case, with the dot, e.g. ``.ulg``
    :param content_type: MIME type
    :param verdict: of the check; never ``mismatch``
    :param description: what is in it; a start that is no date of a flight is left out
    """

    format: str
    extension: str
    content_type: str
    verdict: Verdict
    description: Description

    @property
    def start(self) -> Optional[datetime]:
        """When the recording began, aware, UTC; None where the log does not tell it."""
        return self.description.start


def inspect(name: str, path: Path, stream: BinaryIO, *,
            allowed: Sequence[str] = EXTENSIONS, in_bag: bool = False,
            is_closed: bool = True, level: str = STRUCTURE,
            cancel: Optional[threading.Event] = None) -> LogFacts:
    """
    Check a log, and tell what is in it.

    Below the level ``full``, about 32 MiB are read at most, whatever the log's size.

    :param name: that the object will get
    :param path: of the log
    :param stream: the open log; is left at its beginning
    :param allowed: extensions, lower case, with the dot
    :param in_bag: take ``metadata.yaml`` and, with ``.db3``, ``.db3-wal`` as well
    :param is_closed: False: nobody will merge what is still in a file beside it
    :param level: how deep it is checked: ``header``, ``structure`` or ``full``
    :param cancel: once set, a ``full`` check ends with ``Cancelled``
    :raises InvalidExtension: if the name is none of an allowed format
    :raises FormatMismatch: if the content is of another format than the name says
    :raises ValidationFailed: if the log is empty
    :raises LocalFileUnreadable: if the disk does not give what is looked at
    :raises LocalFileChanged: if a part of it is still in a file beside it
    """
    log_format = format_for(name, allowed, in_bag=in_bag)
    try:
        stream.seek(0)
        head = read_up_to(stream, _METADATA_HEAD_BYTES if in_bag else _HEAD_BYTES)
        if not log_format.matches(head):
            reason = _what_is_wrong(name, path, log_format, head, allowed)
            verdict, description = Verdict(CORRUPT, reason), Description(log_format.name)
        else:
            if is_closed:
                log_format.check_beside(path)
            log = log_format.open(LogReader(path, stream))
            verdict, description = log.check(level, cancel), log.describe()
        stream.seek(0)
    except OSError as error:
        raise LocalFileUnreadable(f'cannot read {_shown(path)}: {error.strerror}') from error
    return LogFacts(log_format.name, log_format.extension, log_format.content_type, verdict,
                    _with_possible_start(path, description))


def format_for(name: str, allowed: Sequence[str], *, in_bag: bool = False) -> LogFormat:
    """
    Return the format that a name says.

    :param name: of the log
    :param allowed: extensions, lower case, with the dot
    :param in_bag: also the names of what belongs to a rosbag2 directory
    :raises InvalidExtension: if it is none of these
    """
    log_format = format_in_bag(name) if in_bag else None
    if log_format is not None and (log_format is not BAG_WAL or '.db3' in allowed):
        return log_format
    log_format = format_of_name(name)
    if log_format is None or log_format.extension not in allowed:
        raise InvalidExtension(f'{name!r} does not end in {_either(allowed)}')
    return log_format


def _what_is_wrong(name: str, path: Path, said: LogFormat, head: bytes,
                   allowed: Sequence[str]) -> str:
    """Return in what way a log is corrupt; raise if it is none, or another one."""
    shown = _shown(path)
    if not head:
        raise ValidationFailed(f'{shown} is empty')
    if head.startswith(_LFS_POINTER):
        return 'it is a Git LFS pointer, not the log itself; run "git lfs pull" first'
    found = formats_of_content(head)
    if found:
        says = 'the name says' if name == path.name else f'the name {name!r} says'
        raise FormatMismatch(f'{shown}: {says} {said.title}, the content is {found[0].content};'
                             f' {_advice(said, found, allowed)}')
    if not any(head):
        return f'the content is not {said.content}, it begins with zero bytes only'
    raise FormatMismatch(f'{shown}: the content is not {said.content}, it begins with'
                         f' {head[:8].hex(" ")}')


def _advice(said: LogFormat, found: tuple[LogFormat, ...], allowed: Sequence[str]) -> str:
    """Name the extension that the content asks for; of several, the one nearest to the name."""
    nearest = [f.extension for f in found if f.extension.startswith(said.extension)]
    extensions = nearest or [f.extension for f in found]
    usable = [e for e in extensions if e in allowed]
    if usable:
        return f'rename it, or give a custom_filename that ends in {_either(usable)}'
    return f'{_either(extensions)} is not among the allowed extensions, {", ".join(allowed)}'


def _with_possible_start(path: Path, description: Description) -> Description:
    start_ns = description.start_ns
    # Compared as a number: timedelta and datetime overflow far below 2**64 ns.
    if start_ns is None or _ns(_EARLIEST_START) <= start_ns < _ns(_LATEST_START):
        return description
    _log.debug('%s: its start is %d ns, which is no date of a flight', _shown(path), start_ns)
    return replace(description, start_ns=None)


def _ns(moment: datetime) -> int:
    return int((moment - _EPOCH).total_seconds()) * 10**9


def _either(words: Sequence[str]) -> str:
    return ' or '.join(filter(None, (', '.join(words[:-1]), *words[-1:])))


def _shown(path: Path) -> str:
    """Return the path in quotes, with whatever cannot be printed escaped."""
    return repr(os.fspath(path))
