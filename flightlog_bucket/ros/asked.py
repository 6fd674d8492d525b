"""What a person who names a path asks for."""
from dataclasses import dataclass
import os
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.errors import InvalidRequest, LocalFileChanged
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.records import Bag


@dataclass(frozen=True)
class Asked:
    """
    One file of what is asked for; see ``Ledger.accept()``.

    :param path: absolute, without symbolic links
    """

    path: Path
    fingerprint: Fingerprint
    name: str
    bag: Optional[Bag]
    note: str


def asked_for(discovery: Discovery, path: Path, name: str) -> list[Asked]:
    """
    Return the files that are meant.

    :param discovery: knows the rosbag2 directories
    :param path: absolute, of a file or a rosbag2 directory
    :param name: that the object is to get; empty: the file's own
    :raises LocalFileChanged: if it is open for writing
    :raises InvalidRequest: if it is a directory that holds no bag, or that shall get a name
    """
    if path.is_dir():
        if name:
            raise InvalidRequest(f'{path} is a directory, whose files keep their names; give no'
                                 ' custom_filename')
        return [Asked(t.path, t.fingerprint, t.name, t.bag, t.note)
                for t in discovery.accept_directory(path)]
    # By whatever name a file is reached, it is one file.
    real = Path(os.path.realpath(path))
    name = name or (path.name if path.name != real.name else '')
    with LocalFile(real, threading.Event()) as file:
        fingerprint = file.fingerprint
    if is_open_for_writing(real):
        raise LocalFileChanged(f'{real} is open for writing; upload it when its recorder has'
                               ' closed it')
    return [Asked(real, fingerprint, name, None if name else discovery.bag_for(real), '')]
