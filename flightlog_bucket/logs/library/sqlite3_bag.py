"""Reading all of an SQLite file of rosbag2 with SQLite."""
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
import errno
import os
import sqlite3
from typing import Optional
from urllib.parse import quote

from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.answer import unfinished
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID

_PRAGMAS = ('trusted_schema = OFF', 'cell_size_check = ON',
            'mmap_size = 0', 'cache_size = -8192')
_DISK_ERROR = 'disk I/O error'
# The type that the schema states is only a label; the text of the statement decides.
_REAL_TABLES = ("SELECT count(*) FROM sqlite_master WHERE name IN ('messages', 'topics')"
                " AND type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE%'")
_COMPUTED_COLUMNS = (
    "SELECT (SELECT count(*) FROM pragma_table_xinfo('messages') WHERE hidden"
    " AND lower(name) IN ('id', 'topic_id', 'timestamp', 'data'))"
    " + (SELECT count(*) FROM pragma_table_xinfo('topics') WHERE hidden"
    " AND lower(name) IN ('id', 'name', 'type'))")
_WRONG_TOPICS = ("SELECT count(*) FROM topics WHERE typeof(name) <> 'text'"
                 " OR typeof(type) <> 'text'")
# Grouped by SQLite, all messages would be sorted.
_MESSAGES = ("SELECT topic_id, timestamp, typeof(topic_id) = 'integer'"
             " AND typeof(timestamp) = 'integer' AND typeof(data) = 'blob' FROM messages")


def read(path: str, structure: str) -> Reading:
    """
    Read every page and every message of an SQLite file.

    :param path: of the file
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    return read_opened(lambda: connected(path), structure)


def read_opened(opener: Callable[[], sqlite3.Connection], structure: str) -> Reading:
    """
    Read every page and every message of an SQLite file.

    :param opener: gives a connection to it that has not been used
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    try:
        with closing(opener()) as database:
            for pragma in _PRAGMAS:
                database.execute(f'PRAGMA {pragma}').close()
            return _read(database, structure)
    except sqlite3.OperationalError as error:
        if _DISK_ERROR in str(error):
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
        return _damaged(f'SQLite says: {error}', structure)
    except sqlite3.DatabaseError as error:
        return _damaged(f'SQLite says: {error}', structure)
    except Damage as error:
        return _damaged(str(error), structure)


def _damaged(reason: str, structure: str) -> Reading:
    # A file that is cut off has pages that are missing, or were not written: that is no news.
    return Reading() if structure == TRUNCATED else Reading(CORRUPT, reason)


def connected(path: str) -> sqlite3.Connection:
    """
    Open a file as it is, without the ``-wal`` beside it, which would be merged into it.

    Nothing of it is read yet.

    :raises OSError: if it is gone
    """
    # SQLite opens what a link leads to by that name.
    real = os.path.realpath(path)
    if not os.path.exists(real) or not os.path.samefile(path, real):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real)
    uri = f'file://{quote(os.fsencode(real))}?mode=ro&immutable=1'
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _read(database: sqlite3.Connection, structure: str) -> Reading:
    if database.execute(_REAL_TABLES).fetchone() != (2,):
        raise Damage('the tables topics and messages are not there')
    if database.execute(_COMPUTED_COLUMNS).fetchone() != (0,):
        raise Damage('there are computed columns')
    not_checked = '' if structure == TRUNCATED else _check_pages(database)
    if database.execute(_WRONG_TOPICS).fetchone() != (0,):
        raise Damage('a topic has no name or no type')
    counted = _counted(database)
    return replace(counted, reason=not_checked)


def _check_pages(database: sqlite3.Connection) -> str:
    """
    Look at each page of the file.

    :returns: why SQLite cannot look at all: somebody's own tables may use what only their
        program has, e.g. a collation; then those of rosbag2 are looked at
    :raises Damage: if one is damaged
    """
    why = _integrity(database, '1')
    if why:
        for table in ('messages', 'topics'):
            _integrity(database, f"'{table}'")
    return why and unfinished(VALID, f'SQLite says: {why}').reason


def _integrity(database: sqlite3.Connection, what: str) -> str:
    try:
        said = database.execute(f'PRAGMA integrity_check({what})').fetchone()[0]
    except sqlite3.OperationalError as error:
        if _DISK_ERROR in str(error):
            raise
        # Damage of a page is another error, or what is said.
        return str(error)
    if said != 'ok':
        raise Damage(f'SQLite says: {said.splitlines()[-1]}')
    return ''


def _counted(database: sqlite3.Connection) -> Reading:
    counts: Counter[int] = Counter()
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None
    for topic_id, time_ns, is_right in database.execute(_MESSAGES):
        if not is_right:
            raise Damage('a message has values of other types than those of rosbag2')
        counts[topic_id] += 1
        if start_ns is None or time_ns < start_ns:
            start_ns = time_ns
        if end_ns is None or time_ns > end_ns:
            end_ns = time_ns
    duration_ns = None if start_ns is None or end_ns is None else end_ns - start_ns
    return Reading(start_ns=start_ns, duration_ns=duration_ns, message_count=sum(counts.values()),
                   topics=_topics(database, counts))


def _topics(database: sqlite3.Connection, counts: Counter[int]) -> tuple[Topic, ...]:
    known = {topic_id for topic_id, in database.execute('SELECT id FROM topics')}
    lost = sum(count for topic_id, count in counts.items() if topic_id not in known)
    if lost:
        # rosbag2 joins the tables, and would leave them out without a word.
        raise Damage(f'the table topics lacks the topic of {lost} of the messages')
    rows = database.execute('SELECT id, CAST(name AS BLOB), CAST(type AS BLOB) FROM topics')
    return topics.by_name((topics.text(name), topics.text(kind), counts[topic_id])
                          for topic_id, name, kind in rows)
