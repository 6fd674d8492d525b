"""What recorders and persons name: accepted without waiting for it to settle."""
from dataclasses import replace
import os
from pathlib import Path
import stat
from typing import Optional

from flightlog_bucket.errors import (
    InvalidExtension,
    InvalidRequest,
    LocalFileChanged,
    LocalFileNotFound,
)
from flightlog_bucket.logs.formats import format_of_name, METADATA
from flightlog_bucket.logs.rosbag2_directory import (
    bag_of,
    COMPRESSED_END,
    split_number,
)
from flightlog_bucket.transfers.bag_directory import Announced, BagDirectories
from flightlog_bucket.transfers.following import Following
from flightlog_bucket.transfers.listing import ACTIVE_END, list_directory, Listing, status_of
from flightlog_bucket.transfers.records import Bag, Transfer
from flightlog_bucket.transfers.settled import Settling
from flightlog_bucket.transfers.single_files import SingleFiles


class Announcing:
    """
    Accepts what is named to it; see ``Discovery`` for what its methods raise.

    :param allowed_extensions: lower case, with the dot
    """

    def __init__(self, bags: BagDirectories, files: SingleFiles, following: Following,
                 settling: Settling, allowed_extensions: tuple[str, ...]) -> None:
        self._bags = bags
        self._files = files
        self._following = following
        self._settling = settling
        self._allowed = allowed_extensions

    def announce(self, path: Path) -> list[Transfer]:
        """
        Accept a log of which its recorder says that it is closed.

        :param path: absolute, without symbolic links
        """
        if os.path.isdir(path):
            return self._announce_bag(path, Announced(is_whole=True))
        if path.name == METADATA and bag_of(path) is not None:
            return self._announce_bag(path.parent, Announced(is_whole=True))
        path = self._closed(path)
        directory = bag_of(path)
        if directory is None:
            return self._files.announced(path)
        number = split_number(path.name)
        return self._announce_bag(
            directory, Announced(-1 if number is None else number, path.name))

    def accept_directory(self, path: Path, *, urgent: bool, again: bool,
                         revocable: bool) -> list[Transfer]:
        """
        Accept all files of a bag that a person names.

        :param path: absolute, without symbolic links
        """
        listing = self._listing(path)
        files = self._bags.files(listing)
        if not files.logs:
            raise InvalidRequest(f'{os.fspath(path)!r} holds no file of a rosbag2 recording that'
                                 f" ends in one of {', '.join(self._allowed)}")
        if not files.has_metadata:
            for name in files.logs:
                self._check_not_open(path / name)
        return self._bags.accept_whole(listing, urgent=urgent, again=again, revocable=revocable)

    def bag_for(self, path: Path) -> Optional[Bag]:
        """
        Return the bag that a file belongs to; it is in the ledger then.

        :param path: absolute, without symbolic links
        """
        directory = bag_of(path)
        if directory is None:
            return None
        listing = self._listing(directory)
        return self._bags.bag(listing) if self._bags.files(listing).logs else None

    def _announce_bag(self, directory: Path, announced: Announced) -> list[Transfer]:
        listing = self._listing(directory)
        if not self._bags.files(listing).logs:
            raise InvalidRequest(f'{os.fspath(directory)!r} is a directory, and holds no file of'
                                 f" a rosbag2 recording that ends in one of"
                                 f" {', '.join(self._allowed)}")
        if announced.is_whole:
            # What comes later is not: should it be recorded on, that is looked at as ever.
            numbers = (split_number(name) for name in listing.files)
            announced = replace(announced, up_to=max((n for n in numbers if n is not None),
                                                     default=-1))
        said = self._following.follow(directory, replace(announced, is_whole=False))
        # Kept, so that the rest of the bag is looked at after a restart, too.
        self._bags.bag(listing)
        look = self._bags.look(listing, replace(said, is_whole=announced.is_whole), is_asked=True)
        self._following.looked(directory, look)
        return look.accepted

    def _closed(self, path: Path) -> Path:
        """Return the file that is meant by the path that a recorder names."""
        if path.name.endswith(ACTIVE_END):
            closed = path.with_name(path.name.removesuffix(ACTIVE_END))
            if status_of(closed) is None:
                raise InvalidExtension(f'{path.name!r} is not closed: its recorder takes'
                                       f' {ACTIVE_END} away when it is')
            path = closed
        log_format = format_of_name(path.name)
        if log_format is None or log_format.extension not in self._allowed:
            raise InvalidExtension(f"{path.name!r} does not end in one of"
                                   f" {', '.join(self._allowed)}")
        if status_of(path) is not None:
            return path
        compressed = path.with_name(path.name + COMPRESSED_END)
        if status_of(compressed) is not None and format_of_name(compressed.name) is not None:
            return compressed
        if os.path.lexists(path):
            raise InvalidRequest(f'{os.fspath(path)!r} is not a regular file')
        raise LocalFileNotFound(f'there is no {os.fspath(path)!r}')

    def _check_not_open(self, path: Path) -> None:
        try:
            is_open = self._settling.is_open(path)
        except OSError:
            return
        if is_open:
            raise LocalFileChanged(f'{os.fspath(path)!r} is open for writing: this bag is still'
                                   ' being recorded; give its directory when it is closed')

    @staticmethod
    def _listing(directory: Path) -> Listing:
        try:
            if not stat.S_ISDIR(os.stat(directory).st_mode):
                raise InvalidRequest(f'{os.fspath(directory)!r} is not a directory')
            return list_directory(directory)
        except (FileNotFoundError, NotADirectoryError):
            raise LocalFileNotFound(f'there is no {os.fspath(directory)!r}') from None
        except OSError as error:
            raise LocalFileNotFound(
                f'{os.fspath(directory)!r} cannot be read: {error.strerror}') from error
