"""Reading all of an SQLite file of rosbag2 with SQLite."""
from collections import Counter
from collections.abc import Callable
from contextlib import closing
import errno
import os
import sqlite3
from typing import Optional
from urllib.parse import quote

from flightlog_bucket.logs import topics
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.reader import Damage
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED

_PRAGMAS = ('trusted_schema = OFF', 'cell_size_check = ON', 'mmap_size = 0',
            'cache_size = -8192', 'hard_heap_limit = 134217728')
# The type that the schema states is only a label; the text of the statement decides.
_REAL_TABLES = ("SELECT count(*) FROM sqlite_master WHERE name IN ('messages', 'topics')"
                " AND type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE%'")
_COMPUTED_COLUMNS = ("SELECT (SELECT count(*) FROM pragma_table_xinfo('messages') WHERE hidden)"
                     " + (SELECT count(*) FROM pragma_table_xinfo('topics') WHERE hidden)")
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
    return read_opened(lambda: opened(path), structure)


def read_opened(opener: Callable[[], sqlite3.Connection], structure: str) -> Reading:
    """
    Read every page and every message of an SQLite file.

    :param opener: opens it
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    try:
        with closing(opener()) as database:
            return _read(database, structure)
    except sqlite3.OperationalError as error:
        if 'disk I/O error' in str(error):
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
        return _damaged(f'SQLite says: {error}', structure)
    except sqlite3.DatabaseError as error:
        return _damaged(f'SQLite says: {error}', structure)
    except Damage as error:
        return _damaged(str(error), structure)


def _damaged(reason: str, structure: str) -> Reading:
    # A file that is cut off has pages that are missing, or were not written: that is no news.
    return Reading() if structure == TRUNCATED else Reading(CORRUPT, reason)


def opened(path: str) -> sqlite3.Connection:
    """
    Open a file as it is, without the ``-wal`` beside it, which would be merged into it.

    :raises OSError: if it is gone
    """
    # SQLite opens what a link leads to by that name.
    real = os.path.realpath(path)
    if not os.path.exists(real) or not os.path.samefile(path, real):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real)
    uri = f'file://{quote(os.fsencode(real))}?mode=ro&immutable=1'
    database = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            database.execute(f'PRAGMA {pragma}').close()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _read(database: sqlite3.Connection, structure: str) -> Reading:
    if database.execute(_REAL_TABLES).fetchone() != (2,):
        raise Damage('the tables topics and messages are not there')
    if database.execute(_COMPUTED_COLUMNS).fetchone() != (0,):
        raise Damage('there are computed columns')
    if structure != TRUNCATED:
        said = database.execute('PRAGMA integrity_check(1)').fetchone()[0]
        if said != 'ok':
            raise Damage(f'SQLite says: {said.splitlines()[-1]}')
    if database.execute(_WRONG_TOPICS).fetchone() != (0,):
        raise Damage('a topic has no name or no type')
    return _counted(database)


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
    rows = database.execute('SELECT id, CAST(name AS BLOB), CAST(type AS BLOB) FROM topics')
    return topics.by_name((topics.text(name), topics.text(kind), counts[topic_id])
                          for topic_id, name, kind in rows)
