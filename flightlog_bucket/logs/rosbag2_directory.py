"""
A rosbag2 directory: ``metadata.yaml`` and the files that it names, one recording.

rosbag2 names its files ``{directory name}_{number}`` and the extension of the storage; with FILE
compression ``.zstd`` follows. ``metadata.yaml`` is written when the recording ends:
https://github.com/ros2/rosbag2/blob/rolling/docs/storage_plugin_development.md.
"""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import re
from typing import Optional

from flightlog_bucket.logs.formats import format_of_name, METADATA
from flightlog_bucket.logs.reader import OPEN_NO_LINK

WAL_END = '.db3-wal'
COMPRESSED_END = '.zstd'

_NUMBERED = re.compile(r'(?P<bag>.+)_(?P<number>[0-9]{1,9})\.(?:mcap|db3)(?:\.zstd)?(?:-wal)?')
STORED_BY_ROSBAG2 = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
_METADATA_KEY = b'rosbag2_bagfile_information'
_METADATA_HEAD_BYTES = 4096


@dataclass(frozen=True)
class BagFiles:
    """
    The names of the files of a bag.

    :param logs: in the order in which they were recorded
    :param write_ahead: ``-wal`` files, which hold the latest messages of the ``.db3`` beside them
    :param has_metadata: whether ``metadata.yaml`` is there
    """

    logs: tuple[str, ...]
    write_ahead: tuple[str, ...]
    has_metadata: bool


def bag_of(path: Path) -> Optional[Path]:
    """Return the rosbag2 directory that a file belongs to, by its name and place; None: none."""
    if not is_bag_file(path.name):
        return None
    if is_named_after(path.parent.name, path.name) or has_metadata(path.parent):
        return path.parent
    return None


def is_bag_file(name: str) -> bool:
    """Tell whether rosbag2 gives files such names."""
    log_format = format_of_name(name)
    if log_format is not None:
        return log_format.extension in STORED_BY_ROSBAG2
    return name == METADATA or name.endswith(WAL_END)


def is_named_after(directory_name: str, name: str) -> bool:
    """Tell whether a file has the name that rosbag2 gives the files of this directory."""
    match = _NUMBERED.fullmatch(name)
    return match is not None and match['bag'] == directory_name


def split_number(name: str) -> Optional[int]:
    """Return the number of a file of a bag, from 0; None where its name has none."""
    match = _NUMBERED.fullmatch(name)
    return int(match['number']) if match else None


def has_metadata(directory: Path) -> bool:
    """Tell whether rosbag2's ``metadata.yaml`` is in the directory; not another one."""
    path = directory / METADATA
    try:
        fd = os.open(path, OPEN_NO_LINK)
    except (OSError, ValueError):
        return False
    try:
        return _METADATA_KEY in os.read(fd, _METADATA_HEAD_BYTES)
    except OSError:
        return False
    finally:
        os.close(fd)


def arrange(names: Iterable[str], allowed: Sequence[str]) -> BagFiles:
    """
    Return which of the files in a directory are the bag's.

    :param names: of the regular files
    :param allowed: extensions, lower case, with the dot
    """
    logs, write_ahead, with_metadata = [], [], False
    for name in names:
        log_format = format_of_name(name)
        if log_format is not None:
            if log_format.extension in allowed and is_bag_file(name):
                logs.append(name)
        elif name == METADATA:
            with_metadata = True
        elif name.endswith(WAL_END) and '.db3' in allowed:
            write_ahead.append(name)
    return BagFiles(tuple(sorted(logs, key=_order)), tuple(sorted(write_ahead, key=_order)),
                    with_metadata)


def _order(name: str) -> tuple[int, str]:
    number = split_number(name)
    return (-1 if number is None else number, name)
