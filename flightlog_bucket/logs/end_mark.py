"""Whether a log has the mark that its format puts at the end of a closed recording."""
from collections.abc import Callable
import os
from pathlib import Path
from typing import BinaryIO

from flightlog_bucket.logs.formats import format_of_name
from flightlog_bucket.logs.reader import Damage, LogReader, OPEN_NO_LINK


def has_end_mark(path: Path) -> bool:
    """
    Tell whether a recorder has closed the log, as far as its format shows it.

    A ULog and a ``metadata.yaml`` have no mark: they always pass. A ``.db3`` passes when nothing
    is left in a ``-wal`` or a hot ``-journal`` beside it; such a file itself never does.

    :raises OSError: if the file cannot be read
    """
    if path.name.lower().endswith(('-wal', '-journal')):
        return False
    log_format = format_of_name(path.name)
    if log_format is None or log_format.name not in _MARKS:
        return True
    fd = os.open(path, OPEN_NO_LINK)
    with open(fd, 'rb', buffering=0) as stream:
        return _MARKS[log_format.name](path, stream)


def _mcap(path: Path, stream: BinaryIO) -> bool:
    from flightlog_bucket.logs import mcap
    log = LogReader(path, stream)
    end = len(mcap.MAGIC)
    # The magic opens the file as well.
    return log.size >= 2 * end and log.read_at(log.size - end, end) == mcap.MAGIC


def _rosbag1(path: Path, stream: BinaryIO) -> bool:
    from flightlog_bucket.logs import rosbag1
    try:
        return rosbag1.is_closed(LogReader(path, stream))
    except Damage:
        return False


def _sqlite3(path: Path, stream: BinaryIO) -> bool:
    from flightlog_bucket.logs import rosbag2_sqlite
    wal, journal = (path.with_name(path.name + end) for end in ('-wal', '-journal'))
    return not (_size(wal) or (_size(journal) and rosbag2_sqlite.is_hot_journal(str(journal))))


def _zstd(path: Path, stream: BinaryIO) -> bool:
    from flightlog_bucket.logs import zstd
    return zstd.is_whole(stream)


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


_MARKS: dict[str, Callable[[Path, BinaryIO], bool]] = {
    'mcap': _mcap, 'rosbag1': _rosbag1, 'sqlite3': _sqlite3,
    'mcap.zstd': _zstd, 'sqlite3.zstd': _zstd}
