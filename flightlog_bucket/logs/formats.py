"""The formats of flight logs that can be stored: one row each."""
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, TYPE_CHECKING

if TYPE_CHECKING:
    from flightlog_bucket.logs.flight_log import FlightLog
    from flightlog_bucket.logs.reader import LogReader

METADATA = 'metadata.yaml'


@dataclass(frozen=True)
class LogFormat:
    """
    A format of flight logs.

    :param name: its short name, for programs
    :param extension: lower case, with the dot
    :param title: what a name with this extension says
    :param content: what content of this format is, in a sentence
    :param content_type: MIME type
    :param matches: whether a log that begins with these bytes has this format
    :param open: a log of which the header is right
    :param check_beside: raises if a part of the log is in another file beside it
    """

    name: str
    extension: str
    title: str
    content: str
    content_type: str
    matches: Callable[[bytes], bool]
    open: 'Callable[[LogReader], FlightLog]'
    check_beside: Callable[[Path], None] = lambda path: None


def _of(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a format's module, which is imported with its first log only."""
    def call(*given: object) -> Any:
        return getattr(import_module(f'flightlog_bucket.logs.{module}'), name)(*given)
    return call


FORMATS = (
    LogFormat('ulog', '.ulg', 'ULog', 'a ULog', 'application/x-ulog',
              _of('ulog', 'matches'), _of('ulog', 'Ulog')),
    LogFormat('ulog.encrypted', '.ulge', 'encrypted ULog', 'an encrypted ULog',
              'application/octet-stream', _of('ulog', 'is_encrypted'),
              _of('ulog', 'EncryptedUlog')),
    LogFormat('rosbag1', '.bag', 'ROS 1 bag', 'a ROS 1 bag', 'application/x-rosbag',
              _of('rosbag1', 'matches'), _of('rosbag1', 'Rosbag1')),
    LogFormat('mcap', '.mcap', 'MCAP', 'an MCAP file', 'application/x-mcap',
              _of('mcap', 'matches'), _of('mcap', 'Mcap')),
    LogFormat('sqlite3', '.db3', 'SQLite', 'an SQLite database', 'application/vnd.sqlite3',
              _of('rosbag2_sqlite', 'matches'), _of('rosbag2_sqlite', 'Rosbag2Sqlite'),
              _of('rosbag2_sqlite', 'check_merged')),
    LogFormat('mcap.zstd', '.mcap.zstd', 'compressed MCAP', 'Zstandard-compressed',
              'application/zstd', _of('zstd', 'matches'), _of('zstd', 'CompressedMcap')),
    LogFormat('sqlite3.zstd', '.db3.zstd', 'compressed SQLite', 'Zstandard-compressed',
              'application/zstd', _of('zstd', 'matches'), _of('zstd', 'CompressedSqlite')),
)

# What is a log only together with the other files of a rosbag2 directory.
BAG_METADATA = LogFormat(
    'rosbag2', '.yaml', 'rosbag2 metadata', 'the metadata of a rosbag2 directory',
    'application/yaml', _of('rosbag2_metadata', 'matches'),
    _of('rosbag2_metadata', 'Rosbag2Metadata'))
BAG_WAL = LogFormat(
    'sqlite3-wal', '.db3-wal', 'SQLite write-ahead log', 'a write-ahead log of SQLite',
    'application/octet-stream', _of('rosbag2_sqlite', 'is_wal'),
    _of('rosbag2_sqlite', 'WriteAheadLog'))

EXTENSIONS = tuple(log_format.extension for log_format in FORMATS)


def format_of_name(name: str) -> Optional[LogFormat]:
    """Return the format that a file name says, whatever its case; None: that of no log."""
    for log_format in FORMATS:
        end = len(log_format.extension)
        if len(name) > end and name[-end:].lower() == log_format.extension:
            return log_format
    return None


def format_in_bag(name: str) -> Optional[LogFormat]:
    """Return the format of a file that belongs to a rosbag2 directory, and is no log alone."""
    if name == METADATA:
        return BAG_METADATA
    end = BAG_WAL.extension
    return BAG_WAL if len(name) > len(end) and name[-len(end):].lower() == end else None


def formats_of_content(head: bytes) -> tuple[LogFormat, ...]:
    """Return the formats that a log beginning with ``head`` may have."""
    return tuple(log_format for log_format in FORMATS if log_format.matches(head))
