"""A rosbag2 directory as a whole: ``metadata.yaml``, and each of the files that it names."""
from collections.abc import Iterator
from contextlib import contextmanager
import errno
from functools import cached_property
import os
from pathlib import Path
import stat
import threading
from typing import Optional

from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.formats import BAG_METADATA, format_of_name, LogFormat, METADATA
from flightlog_bucket.logs.reader import LogReader, OPEN_NO_LINK
from flightlog_bucket.logs.rosbag2_directory import arrange, STORED_BY_ROSBAG2
from flightlog_bucket.logs.rosbag2_metadata import MAX_FILES, Rosbag2Metadata
from flightlog_bucket.logs.rosbag2_yaml import BagInformation
from flightlog_bucket.logs.verdict import (
    CORRUPT,
    HEADER,
    one_line,
    TRUNCATED,
    VALID,
    Verdict,
)

_HEAD_BYTES = 4096
_WORST_FIRST = (CORRUPT, TRUNCATED, VALID)


class Rosbag2Bag:
    """
    A rosbag2 directory; it answers as a ``FlightLog`` does.

    Nothing but the files that ``metadata.yaml`` names is opened, and none through a link.

    :param path: of the directory
    """

    storage = 'rosbag2'

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self, level: str, cancel: Optional[threading.Event] = None) -> Verdict:
        """
        Tell whether the recording is whole: the worst verdict of its files.

        :param level: ``header``, ``structure`` or ``full``, for each of the files
        :param cancel: once set, a ``full`` check ends with ``Cancelled``
        :raises OSError: if the disk does not give what is looked at
        """
        verdict, _, found = self._metadata
        if found is None and verdict.outcome != VALID:
            return verdict
        names = self._listed() if found is None else found.files
        contents: list[Description] = []
        verdicts = [self._check_file(name, level, cancel, contents)
                    for name in names[:MAX_FILES]]
        if len(names) > MAX_FILES:
            verdicts.append(Verdict(VALID, f'only {MAX_FILES} of the {len(names)} files'
                                           ' were looked at'))
        elif found and level != HEADER and all(verdict.is_usable for verdict in verdicts):
            verdicts.append(_compare(found, contents))
        worst = min([*verdicts, verdict], key=lambda verdict: (
            _WORST_FIRST.index(verdict.outcome), not verdict.reason))
        return Verdict(worst.outcome, one_line(worst.reason))

    def describe(self) -> Description:
        """
        Tell what is in the recording, as its ``metadata.yaml`` does.

        :raises OSError: if the disk does not give what is looked at
        """
        return self._metadata[1]

    @cached_property
    def _metadata(self) -> tuple[Verdict, Description, Optional[BagInformation]]:
        """The verdict on metadata.yaml, its description, and what it says if all is known."""
        nothing = Description(self.storage)
        try:
            with self._opened(METADATA) as log:
                wrong = _wrong_head(log, BAG_METADATA)
                if wrong:
                    outcome = CORRUPT if log.size else TRUNCATED
                    return Verdict(outcome, f'{METADATA} {wrong}'), nothing, None
                metadata = Rosbag2Metadata(log)
                verdict = metadata.check_content()
                if verdict != Verdict(VALID):
                    return Verdict(verdict.outcome, f'{METADATA}: {verdict.reason}'), nothing, None
                return verdict, metadata.describe(), metadata.information
        except FileNotFoundError:
            reason = f'there is no {METADATA}: its recorder was killed'
            return Verdict(TRUNCATED, reason), nothing, None
        except _NoFile as error:
            return Verdict(CORRUPT, f'{METADATA} {error}'), nothing, None

    def _listed(self) -> tuple[str, ...]:
        """Return the files that are there by their names: metadata.yaml is too large to say."""
        return arrange(os.listdir(self.path), STORED_BY_ROSBAG2).logs

    def _check_file(self, name: str, level: str, cancel: Optional[threading.Event],
                    contents: list[Description]) -> Verdict:
        """Return the verdict on a file, and add its description."""
        log_format = format_of_name(name)
        if log_format is None or log_format.extension not in STORED_BY_ROSBAG2:
            return Verdict(CORRUPT, f'{name!r} is not the name of a file of rosbag2')
        try:
            with self._opened(name) as log:
                wrong = _wrong_head(log, log_format)
                if wrong:
                    return Verdict(CORRUPT, f'{name} {wrong}')
                opened = log_format.open(log)
                verdict = opened.check(level, cancel)
                contents.append(opened.describe())
        except FileNotFoundError:
            return Verdict(TRUNCATED, f'{name} is missing')
        except _NoFile as error:
            return Verdict(CORRUPT, f'{name} {error}')
        return Verdict(verdict.outcome, verdict.reason and f'{name}: {verdict.reason}')

    @contextmanager
    def _opened(self, name: str) -> Iterator[LogReader]:
        path = self.path / name
        try:
            fd = os.open(path, OPEN_NO_LINK)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _NoFile('is a link') from error
            if error.errno in (errno.ENXIO, errno.ENAMETOOLONG):
                raise _NoFile('is no file') from error
            raise
        except ValueError as error:
            raise _NoFile('cannot be the name of a file') from error
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise _NoFile('is no file')
            with open(fd, 'rb', buffering=0, closefd=False) as stream:
                yield LogReader(path, stream)
        finally:
            os.close(fd)


class _NoFile(ValueError):
    """A name in the directory is not that of a regular file."""


def _wrong_head(log: LogReader, log_format: LogFormat) -> str:
    """Return what is wrong with the beginning of a file; empty: nothing is."""
    if not log.size:
        return 'is empty'
    if log_format.matches(log.read_at(0, min(log.size, _HEAD_BYTES))):
        return ''
    return f'is not {log_format.content}'


def _compare(found: BagInformation, contents: list[Description]) -> Verdict:
    """Compare the counts of metadata.yaml with those of all files, as far as these are known."""
    counts = [content.message_count for content in contents]
    total = sum(count for count in counts if count is not None)
    if None in counts or total == found.message_count:
        return Verdict(VALID)
    # Neither is damage: it was not written again after the last messages, or these were lost.
    return Verdict(TRUNCATED, f'{METADATA} counts {found.message_count} messages, the files have'
                              f' {total}')
