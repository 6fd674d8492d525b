"""Whether a log may go into the bucket, where it goes, and what its object says of it."""
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
import logging
import threading
from typing import Optional

from flightlog_bucket import logs
from flightlog_bucket.errors import ConfigurationError, CorruptLog, FileTooLarge, InvalidRequest
from flightlog_bucket.logs.library.installed import check_installed
from flightlog_bucket.logs.verdict import CORRUPT, FULL, STRUCTURE
from flightlog_bucket.results import LogContent
from flightlog_bucket.settings import BucketSettings
from flightlog_bucket.storage import keys
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile
from flightlog_bucket.storage.log_metadata import content_of, metadata

CORRUPT_FOLDER = 'corrupt/'
"""Of the machine; where logs go that nobody can read, if they are kept at all."""
_REMEMBERED = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Admitted:
    """
    A log that may go into the bucket.

    :param candidates: its keys, in the order in which they are tried
    :param content_type: MIME type
    :param metadata: of the object
    :param content: what is known of the log
    """

    candidates: Sequence[str]
    content_type: str
    metadata: dict[str, str]
    content: LogContent


class Admission:
    """
    Checks logs. Thread-safe.

    What a ``full`` check found is remembered for a while: a try that the network ends is not
    checked anew.

    :param settings: of the bucket
    :raises ConfigurationError: if full checks are wanted, and cannot be made here
    """

    def __init__(self, settings: BucketSettings) -> None:
        if settings.validation_level == FULL:
            check_installed()
        self._settings = settings
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Fingerprint, str], logs.LogFacts] = OrderedDict()

    def check(self, file: LocalFile, *, custom_filename: str, folder: str,
              is_closed: bool) -> None:
        """
        Raise what ``admit()`` would raise, as far as it takes no full check.

        :param file: open
        :param custom_filename: the name that the object would get; empty: the file's own
        :param folder: of a rosbag2 directory, or empty
        :param is_closed: False: its recorder was killed
        """
        if folder:
            keys.check_filename(folder)
        level = self._settings.validation_level
        facts = self._inspect(file, self._name(file, custom_filename), in_bag=bool(folder),
                              is_closed=is_closed, level=STRUCTURE if level == FULL else level)
        self._check_verdict(file, facts)

    def admit(self, file: LocalFile, cancel: threading.Event, *, custom_filename: str,
              folder: str, is_closed: bool, is_stored: bool = False) -> Admitted:
        """
        Check a log, and tell where it goes.

        :param file: open
        :param cancel: ends a full check
        :param custom_filename: the name that the object gets; empty: the file's own
        :param folder: of a rosbag2 directory, whose files go there; or empty
        :param is_closed: False: its recorder was killed
        :param is_stored: it is in the bucket already
        :raises CorruptLog: if it is, unless such logs are kept, or it is there already
        """
        name = self._name(file, custom_filename)
        facts = self._facts(file, name, in_bag=bool(folder), is_closed=is_closed, cancel=cancel)
        if not is_stored:
            self._check_verdict(file, facts)
        place = CORRUPT_FOLDER if facts.verdict.outcome == CORRUPT else ''
        if folder:
            place, filename = f'{place}{keys.check_filename(folder)}/', name
        else:
            start = facts.start or datetime.fromtimestamp(file.modified_s, timezone.utc)
            filename = keys.stamped(start, name)
        content = content_of(facts)
        return Admitted(
            self._candidates(place, filename, facts.extension),
            facts.content_type, metadata(name, self._settings.robot_instance_id, content), content)

    def _candidates(self, place: str, filename: str, extension: str) -> list[str]:
        versions = keys.versions(self._settings.machine_prefix + place, filename, extension)
        found = [next(versions)]
        with suppress(InvalidRequest):  # with "_2" it is too long for S3
            found.extend(versions)
        return found

    def _name(self, file: LocalFile, custom_filename: str) -> str:
        limit = self._settings.max_file_size_bytes
        if file.size >= limit:
            raise FileTooLarge(f'{file.shown} has {file.size} bytes; a log must have fewer than'
                               f' {limit} (max_file_size)')
        return (keys.check_filename(custom_filename) if custom_filename
                else keys.safe_filename(file.path.name))

    def _facts(self, file: LocalFile, name: str, *, in_bag: bool, is_closed: bool,
               cancel: threading.Event) -> logs.LogFacts:
        level = self._settings.validation_level
        if level != FULL:
            return self._inspect(file, name, in_bag=in_bag, is_closed=is_closed, level=level)
        known = (file.fingerprint, name)
        with self._lock:
            facts = self._known.get(known)
        if facts is None:
            try:
                facts = self._inspect(file, name, in_bag=in_bag, is_closed=is_closed, level=level,
                                      cancel=cancel)
            except ConfigurationError as error:
                # A library that was there at the start: no reason to refuse a log, or to wait.
                _log.warning('%s: only the structure is checked: %s', file.path, error)
                return self._inspect(file, name, in_bag=in_bag, is_closed=is_closed,
                                     level=STRUCTURE)
            with self._lock:
                self._known[known] = facts
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return facts

    def _inspect(self, file: LocalFile, name: str, *, in_bag: bool, is_closed: bool, level: str,
                 cancel: Optional[threading.Event] = None) -> logs.LogFacts:
        with file.stream() as stream:
            return logs.inspect(name, file.path, stream,
                                allowed=self._settings.allowed_extensions, in_bag=in_bag,
                                is_closed=is_closed, level=level, cancel=cancel)

    def _check_verdict(self, file: LocalFile, facts: logs.LogFacts) -> None:
        if facts.verdict.outcome == CORRUPT and not self._settings.upload_corrupt:
            raise CorruptLog(f'{file.shown} is corrupt: {facts.verdict.reason}; it stays where it'
                             ' is. To keep such logs in the bucket, set upload_corrupt')
