"""What the tables of an SQLite file of rosbag2 hold."""
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
import re
import struct
from typing import Optional, TypeVar

from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.reader import Damage, TooMuch, Truncated
from flightlog_bucket.logs.rosbag2_yaml import BagInformation, parse
from flightlog_bucket.logs.sqlite_file import INDEX, SqliteFile, TABLE
from flightlog_bucket.logs.sqlite_record import Record
from flightlog_bucket.logs.sqlite_schema import entries_of, Entry

_T = TypeVar('_T')

_MADE_BY_ROSBAG2 = {'schema', 'metadata', 'topics', 'message_definitions', 'messages',
                    'timestamp_idx'}
_TIME_INDEX = re.compile(r'CREATE INDEX \w+ ON "?messages"? ?\("?timestamp"?( ASC)?\)', re.I)
_MAX_LEAVES = 3000
"""Pages of which the cells are counted; those of an index name about 800,000 messages."""
_MAX_SCANNED = 20_000
"""Messages that are looked at one by one."""
_MAX_SCANNED_BYTES = 20 * 1024 * 1024
_MAX_TOPICS = 10_000
_MAX_TOPIC_CHARACTERS = 4 * 1024 * 1024
"""Of all names and types."""
_MAX_TEXT_BYTES = 64 * 1024
_MAX_METADATA_BYTES = 1024 * 1024
_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'


@dataclass(frozen=True)
class _Messages:
    """What looking at each message found."""

    start_ns: Optional[int]
    end_ns: Optional[int]
    by_topic: Counter[int]


class Rosbag2Tables:
    """
    The tables of an SQLite file of rosbag2.

    :param file: that holds them
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._columns_of: dict[str, dict[str, int]] = {}

    def check(self) -> None:
        """
        Compare schema, topics, first and last message and the index.

        :raises Damage: if they are not rosbag2's
        :raises Truncated: if the recorder was killed before it had made all of the tables
        """
        self._check_names()
        self._check_columns()
        topics = self._topics
        for message in (self._edge(last=False), self._edge(last=True)):
            if message is not None:
                if not topics:
                    raise Damage('it has messages, and no topics')
                self._time_and_topic(message)
                if not message.is_blob(self._columns('messages')['data']):
                    raise Damage('a message has no data')
        start_ns, end_ns = self._indexed_ns(last=False), self._indexed_ns(last=True)
        if start_ns is not None and end_ns is not None and start_ns > end_ns:
            raise Damage('the index of the timestamps is not in their order')

    def span_ns(self) -> tuple[Optional[int], Optional[int]]:
        """Return the first timestamp and the last, in ns; None: not known, or no messages."""
        if self._time_index is None:
            scan = _known(lambda: self._scan)
            return (scan.start_ns, scan.end_ns) if scan else (None, None)
        return (_known(lambda: self._indexed_ns(last=False)),
                _known(lambda: self._indexed_ns(last=True)))

    def message_count(self) -> Optional[int]:
        """Return how many messages there are; None: it takes too much reading."""
        count = _known(lambda: self._count)
        if count is None and self._metadata is not None:
            # Recorders give the messages numbers without gaps.
            numbers = _known(self._row_numbers)
            count = self._metadata.message_count
            count = count if numbers == count else None
        return count

    def topics(self) -> tuple[Topic, ...]:
        """Return the topics by name, with their counts if those are known."""
        found = _known(lambda: self._topics) or {}
        scan = _known(lambda: self._scan)
        if scan is not None:
            topics = [Topic(topic.name, topic.type, scan.by_topic[number])
                      for number, topic in found.items()]
        elif self._metadata is not None and self._metadata.message_count == self.message_count():
            counts = {topic.name: topic.message_count for topic in self._metadata.topics}
            topics = [Topic(topic.name, topic.type, counts.get(topic.name))
                      for topic in found.values()]
        else:
            topics = list(found.values())
        return tuple(sorted(topics, key=lambda topic: topic.name))

    def compression(self) -> str:
        """Return what the messages are packed with, or ``none``."""
        if self._metadata is not None:
            is_by_message = self._metadata.compression_mode == 'message'
            return self._metadata.compression if is_by_message else 'none'
        message = _known(lambda: self._edge(last=False))
        if message is None:
            return 'none'
        data = _known(lambda: message.blob(self._columns('messages')['data'], 4))
        return 'zstd' if data == _ZSTD_MAGIC else 'none'

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.name.lower(): entry for entry in entries_of(self._file)}

    def _check_names(self) -> None:
        for name in ('topics', 'messages'):
            if name in self._entries and not self._entries[name].is_table:
                raise Damage(f'{name} is not the table of rosbag2')
        missing = [name for name in ('topics', 'messages') if name not in self._entries]
        if not missing:
            return
        has_messages = 'messages' in self._entries and self._edge(last=False) is not None
        if self._entries.keys() <= _MADE_BY_ROSBAG2 and not has_messages:
            raise Truncated(f'there is no table {missing[0]} yet: its recorder was killed')
        raise Damage(f'there is no table {missing[0]}: it is no recording of rosbag2')

    def _check_columns(self) -> None:
        for name, wanted in (('topics', ('id', 'name', 'type')),
                             ('messages', ('id', 'topic_id', 'timestamp', 'data'))):
            for column in wanted:
                if column not in self._columns(name):
                    raise Damage(f'the table {name} has no column {column}')

    def _table(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None or not entry.is_table:
            raise Damage(f'there is no table {name}')
        return entry

    def _columns(self, name: str) -> dict[str, int]:
        if name not in self._columns_of:
            self._columns_of[name] = self._table(name).columns()
        return self._columns_of[name]

    @cached_property
    def _time_index(self) -> Optional[Entry]:
        for entry in (_known(lambda: self._entries) or {}).values():
            if (entry.type == 'index' and entry.table == 'messages' and entry.root > 0
                    and _TIME_INDEX.fullmatch(' '.join(entry.sql.split()))):
                return entry
        return None

    @cached_property
    def _topics(self) -> dict[int, Topic]:
        columns, root = self._columns('topics'), self._table('topics').root
        found = self._file.leaves(root, TABLE, _MAX_TOPICS)
        if found is None:
            raise TooMuch(f'there are more than {_MAX_TOPICS} pages of topics')
        topics: dict[int, Topic] = {}
        rows, characters_left = 0, _MAX_TOPIC_CHARACTERS
        for number in found[1]:
            for row in self._file.records(self._file.page(number, TABLE), TABLE):
                name = row.text(columns['name'], _MAX_TEXT_BYTES)
                topic_type = row.text(columns['type'], _MAX_TEXT_BYTES)
                place = columns['id']
                topic_id = row.rowid if row.is_null(place) else row.integer(place)
                topics[topic_id] = Topic(name, topic_type)
                # Rows, not numbers: a page can name one row thousands of times.
                rows, characters_left = rows + 1, characters_left - len(name) - len(topic_type)
                if rows > _MAX_TOPICS or characters_left < 0:
                    raise TooMuch(f'there are more than {_MAX_TOPICS} topics, or their names have'
                                  f' more than {_MAX_TOPIC_CHARACTERS} characters')
        return topics

    def _edge(self, *, last: bool) -> Optional[Record]:
        """Return the message with the lowest number, or with the highest; None: there is none."""
        return self._edge_of(self._table('messages').root, TABLE, last=last)

    def _edge_of(self, root: int, kind: int, *, last: bool) -> Optional[Record]:
        page = self._file.edge(root, kind, last=last)
        if not page.cells:
            return None
        return self._file.record(page, page.pointers[-1 if last else 0], kind)

    def _row_numbers(self) -> int:
        first, last = self._edge(last=False), self._edge(last=True)
        return 0 if first is None or last is None else last.rowid - first.rowid + 1

    def _indexed_ns(self, *, last: bool) -> Optional[int]:
        if self._time_index is None:
            return None
        entry = self._edge_of(self._time_index.root, INDEX, last=last)
        return None if entry is None else entry.integer(0)

    @cached_property
    def _count(self) -> int:
        if self._time_index is None:
            root, kind = self._table('messages').root, TABLE
        else:
            root, kind = self._time_index.root, INDEX
        found = self._file.leaves(root, kind, _MAX_LEAVES)
        if found is None or len(found[1]) > _MAX_LEAVES:
            raise TooMuch(f'the messages are on more than {_MAX_LEAVES} pages')
        inner_cells, leaves = found
        # An index has entries on its inner pages too, a table has none.
        count = inner_cells if kind == INDEX else 0
        return count + sum(self._file.cell_count(leaf, kind) for leaf in leaves)

    @cached_property
    def _scan(self) -> _Messages:
        if self._count > _MAX_SCANNED:
            raise TooMuch(f'there are more than {_MAX_SCANNED} messages')
        most = _MAX_SCANNED_BYTES // max(self._file.header.page_bytes, 8192)
        found = self._file.leaves(self._table('messages').root, TABLE, most)
        if found is None or len(found[1]) > most:
            raise TooMuch(f'the messages are on more than {most} pages')
        times, by_topic = [], Counter[int]()
        for number in found[1]:
            for message in self._file.records(self._file.page(number, TABLE), TABLE):
                time_ns, topic_id = self._time_and_topic(message)
                times.append(time_ns)
                by_topic[topic_id] += 1
                if len(times) > _MAX_SCANNED:
                    raise TooMuch(f'there are more than {_MAX_SCANNED} messages')
        return _Messages(min(times, default=None), max(times, default=None), by_topic)

    def _time_and_topic(self, message: Record) -> tuple[int, int]:
        columns = self._columns('messages')
        return message.integer(columns['timestamp']), message.integer(columns['topic_id'])

    @cached_property
    def _metadata(self) -> Optional[BagInformation]:
        """What newer recorders write here when they close the file; also in metadata.yaml."""
        return _known(self._parsed_metadata)

    def _parsed_metadata(self) -> Optional[BagInformation]:
        row = self._edge_of(self._table('metadata').root, TABLE, last=True)
        if row is None:
            return None
        text = row.text(self._columns('metadata')['metadata'], _MAX_METADATA_BYTES)
        return parse(text.encode())


def _known(value: Callable[[], _T]) -> Optional[_T]:
    """Return what a function gives; None where the file is damaged, or too large, for it."""
    try:
        return value()
    except (ValueError, LookupError, struct.error):
        return None
