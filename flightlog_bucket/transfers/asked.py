"""What a person who names a path asks for."""
from dataclasses import dataclass
import os
from pathlib import Path
import threading
from typing import Optional, Protocol

from flightlog_bucket.errors import InvalidRequest, LocalFileChanged
from flightlog_bucket.storage.keys import check_filename
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile
from flightlog_bucket.transfers.open_files import is_open_for_writing
from flightlog_bucket.transfers.records import Bag, Transfer


class BagsByName(Protocol):
    """Knows the rosbag2 directories, e.g. ``Discovery``, whose methods these are."""

    def accept_directory(self, path: Path, *, revocable: bool = False) -> list[Transfer]:
        """Accept all files of a bag."""

    def bag_for(self, path: Path) -> Optional[Bag]:
        """Return the bag that a file belongs to, None if to none."""


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


def asked_for(bags: BagsByName, path: Path, name: str, *,
              revocable: bool = False) -> list[Asked]:
    """
    Return the files that are meant.

    :param bags: knows the rosbag2 directories
    :param path: absolute, of a file or a rosbag2 directory
    :param name: that the object is to get; empty: the file's own
    :param revocable: see ``Ledger.accept()``
    :raises LocalFileChanged: if it is open for writing
    :raises InvalidRequest: if it is a directory that holds no bag, or that shall get a name
    """
    if os.path.isdir(path):  # Path.is_dir() raises for a name that is too long
        if name:
            raise InvalidRequest(f'{path} is a directory, whose files keep their names; give no'
                                 ' custom_filename')
        return [Asked(t.path, t.fingerprint, t.name, t.bag, t.note)
                for t in bags.accept_directory(path, revocable=revocable)]
    if name:
        check_filename(name)
    # By whatever name a file is reached, it is one file.
    real = Path(os.path.realpath(path))
    name = name or (path.name if path.name != real.name else '')
    with LocalFile(real, threading.Event()) as file:
        fingerprint = file.fingerprint
    if is_open_for_writing(real):
        raise LocalFileChanged(f'{real} is open for writing; upload it when its recorder has'
                               ' closed it')
    return [Asked(real, fingerprint, name, None if name else bags.bag_for(real), '')]
