"""ROS 1 bags: http://wiki.ros.org/Bags/Format/2.0."""
from functools import cached_property
import re

from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Description, Topic
from flightlog_bucket.logs.flight_log import FlightLog
from flightlog_bucket.logs.reader import Damage, EndOfLog, LogReader, Truncated
from flightlog_bucket.logs.rosbag1_index import (
    Index,
    read_bag_header,
    read_index,
    Survey,
    survey_chunks,
    VERSION_2_LINE,
)
from flightlog_bucket.logs.rosbag1_records import FieldBudget, Record
from flightlog_bucket.logs.rosbag1_walk import Walk, walk
from flightlog_bucket.logs.verdict import VALID, Verdict

MAGIC = b'#ROSBAG'

_VERSION_LINE = re.compile(rb'#ROSBAG V([0-9]{1,3}\.[0-9]{1,3})\n')
_LONGEST_VERSION_LINE = len(b'#ROSBAG V999.999\n')


def matches(head: bytes) -> bool:
    """Tell whether a log that begins like this is a ROS 1 bag, of any version."""
    return head.startswith(MAGIC)


def is_closed(log: LogReader) -> bool:
    """
    Tell whether the bag has its index, which is written when it is closed; version 1 has none.

    :raises Damage: if it has no whole header
    """
    line = log.read_at(0, len(VERSION_2_LINE))
    if line != VERSION_2_LINE:
        return line.startswith(MAGIC)
    return read_bag_header(log).number(b'index_pos') > 0


class Rosbag1(FlightLog):
    """
    A ROS 1 bag.

    One of version 2.0 ends with an index of its connections and chunks, written when it is
    closed; of older ones only the version is looked at.
    """

    storage = 'rosbag1'

    def __init__(self, log: LogReader) -> None:
        super().__init__(log)
        self._fields = FieldBudget()

    def check_structure(self) -> Verdict:
        """
        Compare the index with the end of the bag and with the headers of the chunks.

        The beginning of the first chunk is unpacked.
        """
        version = self._version
        if version != '2.0':
            return Verdict(VALID, f'of a bag of version {version}, only the version is checked')
        if self._encryptor:
            return Verdict(VALID, f'it is encrypted ({self._encryptor}), so that only its header'
                                  ' was checked')
        self._check_is_closed()
        try:
            self._index.messages()
            survey = self._survey
            if survey.error is not None:
                raise survey.error
        except Damage as error:
            if self._index.ends_with_zeros:
                raise Truncated('zero bytes are where the end of its index should be') from error
            raise
        chunks = len(self._index.chunks)
        return Verdict(VALID, '' if survey.looked_at == chunks else
                       f'{survey.looked_at} of its {chunks} chunks were looked at')

    def _describe(self) -> Description:
        if self._version != '2.0' or self._encryptor:
            return Description(self.storage)
        try:
            self._check_is_closed()
            return self._description_of_index()
        except Truncated:
            return self._description_of_rest(self._walk)

    @cached_property
    def _version(self) -> str:
        line = self.log.read_at(0, min(_LONGEST_VERSION_LINE, self.log.size))
        version = _VERSION_LINE.match(line)
        if version:
            return version[1].decode()
        if self.log.size < len(VERSION_2_LINE) and VERSION_2_LINE.startswith(line):
            raise Truncated('the bag ends inside its first line')
        raise Damage('the version of the bag cannot be read')

    @cached_property
    def _header(self) -> Record:
        try:
            header = read_bag_header(self.log)
        except EndOfLog as error:
            raise Truncated('the bag ends inside its header') from error
        if header.end > self.log.size:
            raise Truncated('the bag ends inside its header')
        return header

    @property
    def _encryptor(self) -> str:
        return topics.text(self._header.fields.get(b'encryptor', b''))

    def _check_is_closed(self) -> None:
        index_offset = self._header.number(b'index_pos')
        if not index_offset:
            self._raise_damage()
            raise Truncated(f'the bag was never closed; {self._walk.end}')
        if index_offset > self.log.size:
            self._raise_damage()
            raise Truncated(f'the bag ends before its index; {self._walk.end}')
        try:
            _ = self._index
        except Truncated:
            self._raise_damage()
            raise

    def _raise_damage(self) -> None:
        if self._walk.error is not None:
            raise self._walk.error

    @cached_property
    def _index(self) -> Index:
        return read_index(self.log, self._header, self._fields)

    @cached_property
    def _survey(self) -> Survey:
        return survey_chunks(self.log, self._index, self._header.number(b'index_pos'),
                             self._fields)

    @cached_property
    def _walk(self) -> Walk:
        return walk(self.log, self._header.end, self._fields)

    def _description_of_index(self) -> Description:
        counts = self._index.messages()
        chunks = [chunk for chunk in self._index.chunks if chunk.counts]
        start_ns = min((chunk.start_ns for chunk in chunks), default=None)
        end_ns = max((chunk.end_ns for chunk in chunks), default=0)
        return Description(
            self.storage, start_ns,
            None if start_ns is None else max(end_ns - start_ns, 0),
            sum(counts.values()),
            topics.by_name((topics.text(connection.topic), topics.text(connection.type),
                            counts[number])
                           for number, connection in self._index.connections.items()),
            compression='+'.join(sorted(self._survey.compressions)) or 'none')

    def _description_of_rest(self, found: Walk) -> Description:
        return Description(
            self.storage, found.start_ns, found.duration_ns, topics=_uncounted(found),
            compression='+'.join(sorted(found.compressions)))


def _uncounted(found: Walk) -> tuple[Topic, ...]:
    return topics.by_name((topics.text(connection.topic), topics.text(connection.type), None)
                          for connection in found.connections.values())
