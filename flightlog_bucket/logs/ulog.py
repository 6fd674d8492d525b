"""
ULog, what PX4 writes: https://docs.px4.io/main/en/dev_log/ulog_file_format.html.

A ULog has no end mark; one that a power cut ended in mid-message is a valid log.
"""
from datetime import datetime, timezone
from functools import cached_property
import os
from pathlib import Path
import re
import threading
from typing import Optional, Union

from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import LogReader
from flightlog_bucket.logs.ulog_messages import MAX_TEXT, Messages
from flightlog_bucket.logs.ulog_survey import Survey
from flightlog_bucket.logs.verdict import VALID, Verdict

MAGIC = b'ULog\x01\x12\x35'
# The magic that the document names; no known recorder writes it.
DOCUMENTED_MAGIC = b'ULogData'
ENCRYPTED_MAGICS = (b'ULogEnc', b'ULogKey')

_AS_DOCUMENTED = ('it begins with "ULogData", which no recorder is known to write, so that only'
                  ' this was checked')
_DAY = re.compile(r'([0-9]{4})-([0-9]{2})-([0-9]{2})')
_TIME = re.compile(r'([0-9]{2})_([0-9]{2})_([0-9]{2})\.ulge?', re.IGNORECASE)


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is a ULog: the magic and a version byte."""
    return head.startswith(DOCUMENTED_MAGIC) or (
        head.startswith(MAGIC) and len(head) > len(MAGIC))


def is_encrypted(head: bytes) -> bool:
    """Tell whether this is the head of an encrypted ULog (PX4 1.14 and later)."""
    return head.startswith(ENCRYPTED_MAGICS)


def _start_of_name_ns(log: Path) -> Optional[int]:
    # The path as given, and where its links lead: either can be the one that PX4 made.
    for path in (log.absolute(), Path(os.path.realpath(log))):
        day, time = _DAY.fullmatch(path.parent.name), _TIME.fullmatch(path.name)
        if day and time:
            numbers = [int(n) for n in day.groups() + time.groups()]
            year, month, mday, hour, minute, second = numbers
            start = datetime(year, month, mday, hour, minute, second, tzinfo=timezone.utc)
            return int(start.timestamp()) * 10**9
    return None


class Ulog(FlightLog):
    """
    A ULog.

    The timestamps inside count from the boot of the autopilot. The start by the calendar is told
    by a GPS receiver, or else by the path that PX4 wrote.

    :param log: reads it
    :param is_bounded: False: of a log of any size, every message is looked at
    """

    storage = 'ulog'

    def __init__(self, log: LogReader, *, is_bounded: bool = True) -> None:
        super().__init__(log)
        self._is_bounded = is_bounded

    def check_structure(self) -> Verdict:
        """Compare the messages with the definitions, and look whether the last one is whole."""
        if self._is_as_documented:
            return Verdict(VALID, _AS_DOCUMENTED)
        if self._survey.error is not None:
            raise self._survey.error
        return Verdict(VALID)

    def _read_whole(self, structure: Verdict, cancel: Optional[threading.Event]) -> Reading:
        if self._is_as_documented:
            return Reading(structure.outcome, structure.reason)
        return super()._read_whole(structure, cancel)

    def _describe(self) -> Description:
        if self._is_as_documented:
            return Description(self.storage, _start_of_name_ns(self.log.path))
        messages, is_whole = self._survey.messages, self._survey.is_whole
        duration_us, topics = self._survey.duration_us, _topics(messages, is_whole)
        return Description(
            self.storage, self._start_ns(), None if duration_us is None else duration_us * 1000,
            sum(t.message_count for t in messages.topics.values()) if is_whole else None,
            topics, compression='none',
            vehicle_uuid=_text(messages.information.get('sys_uuid')),
            hardware=_text(messages.information.get('ver_hw')),
            firmware_version=_release(messages.information.get('ver_sw_release')),
            firmware_hash=_text(messages.information.get('ver_sw')),
            dropouts=messages.dropouts if is_whole else None,
            dropout_ms=messages.dropout_ms if is_whole else None)

    def _start_ns(self) -> Optional[int]:
        gps_us, clock_us = self._survey.gps_start_us, self._survey.clock_start_us
        if gps_us is not None:
            return gps_us * 1000
        name_ns = _start_of_name_ns(self.log.path)
        return clock_us * 1000 if name_ns is None and clock_us is not None else name_ns

    @cached_property
    def _survey(self) -> Survey:
        return Survey(self.log, is_bounded=self._is_bounded)

    @cached_property
    def _is_as_documented(self) -> bool:
        return self.log.read_at(0, len(DOCUMENTED_MAGIC)) == DOCUMENTED_MAGIC


def _topics(messages: Messages, is_whole: bool) -> tuple[Topic, ...]:
    """Return the topics; once they were counted, those that have messages."""
    return tuple(
        Topic(topic_name(t.name, t.multi_id), t.name[:MAX_TEXT],
              t.message_count if is_whole else None)
        for _, t in sorted(messages.topics.items()) if t.message_count or not is_whole)


def topic_name(name: str, multi_id: int) -> str:
    """Return the name of a topic, with the number of its instance if it is not the first."""
    return name[:MAX_TEXT] + (f'[{multi_id}]' if multi_id else '')


def _text(value: Union[str, int, None]) -> str:
    return value if isinstance(value, str) else ''


def _release(value: Union[str, int, None]) -> str:
    """Return a version such as ``v1.14.0 (beta)``; nothing of what was never released."""
    if not isinstance(value, int):
        return ''
    major, minor, patch, kind = value.to_bytes(4, 'big')
    names = ((255, ''), (192, ' (RC)'), (128, ' (beta)'), (64, ' (alpha)'))
    return next((f'v{major}.{minor}.{patch}{name}' for least, name in names if kind >= least), '')


class EncryptedUlog(FlightLog):
    """An encrypted ULog (PX4 1.14 and later): nothing of it can be read here."""

    storage = 'ulog.encrypted'

    def check(self, level: str, cancel: Optional[threading.Event] = None) -> Verdict:
        """Say that it was not checked."""
        return Verdict(VALID, 'it is encrypted, so that nothing of it was checked')

    def check_structure(self) -> Verdict:
        return self.check('')

    def _describe(self) -> Description:
        return Description(self.storage, _start_of_name_ns(self.log.path))
