"""``metadata.yaml`` of a rosbag2 directory."""
from functools import cached_property
import os
import threading
from typing import Optional, Union

from flightlog_bucket.logs.description import Description
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.reader import TooMuch
from flightlog_bucket.logs.rosbag2_yaml import BagInformation, parse, ROOT
from flightlog_bucket.logs.verdict import HEADER, STRUCTURE, TRUNCATED, VALID, Verdict
from flightlog_bucket.logs.yaml_tree import MAX_BYTES

MAX_FILES = 1000
"""Of a recording that are looked for; their number is the recorder's choice."""

_FIRST_KEY = f'{ROOT}:'.encode()


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this is the metadata of a rosbag2 directory."""
    for line in head.removeprefix(b'\xef\xbb\xbf').splitlines():
        text = line.strip()
        if text and text != b'---' and not text.startswith((b'#', b'%')):
            return text.startswith(_FIRST_KEY)
    return False


class Rosbag2Metadata(FlightLog):
    """The ``metadata.yaml`` of a rosbag2 directory."""

    storage = 'rosbag2'

    @property
    def information(self) -> BagInformation:
        """
        What it says.

        :raises Damage: if it is not as rosbag2 writes it
        :raises Truncated: if it ends too early
        :raises TooMuch: if it is larger than anybody's
        """
        if isinstance(self._information, ValueError):
            raise self._information
        return self._information

    @cached_property
    def _information(self) -> Union[BagInformation, ValueError]:
        if self.log.size > MAX_BYTES:
            return TooMuch(f'it has {self.log.size} bytes, more than {MAX_BYTES}')
        try:
            return parse(self.log.read_at(0, self.log.size))
        except ValueError as error:
            return error  # it is raised each time, and takes its time once

    def check(self, level: str, cancel: Optional[threading.Event] = None) -> Verdict:
        """Tell whether it is whole, and the files that it names are beside it."""
        verdict = super().check(level, cancel)
        is_known = verdict == Verdict(VALID) and level != HEADER
        missing = self._missing() if is_known else []
        if not missing:
            return verdict
        more = f' and {len(missing) - 1} more are' if len(missing) > 1 else ' is'
        return Verdict(TRUNCATED, f'{missing[0]}{more} missing')

    def check_content(self) -> Verdict:
        """Tell whether it is whole, whatever is beside it."""
        return super().check(STRUCTURE)

    def _missing(self) -> list[str]:
        folder = self.log.path.parent
        return [name for name in self.information.files[:MAX_FILES]
                if not os.path.lexists(folder / name)]

    def check_structure(self) -> Verdict:
        _ = self.information
        return Verdict(VALID)

    def _describe(self) -> Description:
        found = self.information
        # rosbag2 gives a recording without messages the last time there is.
        start_ns = found.start_ns if found.message_count else None
        duration_ns = found.duration_ns if found.message_count else None
        topics = tuple(sorted(found.topics, key=lambda topic: topic.name))
        return Description(found.storage, start_ns, duration_ns, found.message_count, topics,
                           found.compression)
