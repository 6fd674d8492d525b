"""Looking through the watched folders, and at single files and bags in them."""
from collections.abc import Callable, Iterable
import os
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.logs.formats import METADATA
from flightlog_bucket.logs.rosbag2_directory import (
    has_metadata,
    is_bag_file,
    is_named_after,
    WAL_END,
)
from flightlog_bucket.transfers.bag_directory import Announced, BagDirectories
from flightlog_bucket.transfers.following import Following
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import (
    list_directory,
    list_files,
    Listing,
    WatchedFolders,
)
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.rows import content_of
from flightlog_bucket.transfers.single_files import SingleFiles
from flightlog_bucket.transfers.warnings import Warnings

_AT_ONCE = 500
"""Files that are compared with the ledger in one go."""
_WARNING_PERIOD_S = 60.0


class Scanning:
    """
    Accepts what is finished of what it is led to.

    :param on_accepted: is called when something was accepted
    :param lock: is held during each look
    :param clock: monotonic seconds
    :param stopped: when nothing is to be looked at any more
    """

    def __init__(self, ledger: Ledger, folders: WatchedFolders, bags: BagDirectories,
                 files: SingleFiles, following: Following, on_accepted: Callable[[], None],
                 lock: threading.Lock, clock: Callable[[], float],
                 stopped: threading.Event) -> None:
        self._ledger = ledger
        self._folders = folders
        self._bags = bags
        self._files = files
        self._following = following
        self._on_accepted = on_accepted
        self._lock = lock
        self._clock = clock
        self._stopped = stopped
        self._warnings = Warnings(_WARNING_PERIOD_S, clock)

    def look_through(self, start: Optional[Path] = None) -> None:
        """
        Look at everything in the watched folders.

        :param start: only from this directory on
        """
        waiting: list[Listing] = []
        count = 0
        for listing in self._folders.walk(self._stopped.is_set, start):
            waiting.append(listing)
            count += len(listing.files)
            if count >= _AT_ONCE:
                self._guarded(self._look_at_news, waiting)
                waiting, count = [], 0
        self._guarded(self._look_at_news, waiting)

    def look_at(self, directory: Path, names: Iterable[str] = ()) -> None:
        """Look at files of a directory, or at the bag that it is."""
        try:
            # Which of them are a bag's, the whole directory tells.
            is_bag = (directory in self._following or has_metadata(directory)
                      or any(is_named_after(directory.name, name) for name in names))
            listing = list_directory(directory) if is_bag else list_files(directory, names)
        except OSError:  # it has vanished
            self._following.drop(directory)
            return
        self._guarded(self._look, listing, set(names))

    def follow_unfinished(self) -> None:
        """Look again at the bags whose ``metadata.yaml`` had not come when the node ended."""
        for bag in self._unfinished():
            if os.path.isdir(bag):
                self._following.follow(bag, Announced())

    def _unfinished(self) -> list[Path]:
        try:
            return [bag.path for bag in self._ledger.unfinished_bags()]
        except FlightlogError as error:
            self._warn(error)
            return []

    def _look_at_news(self, listings: list[Listing]) -> None:
        # Of most files nothing is new: plain bytes and numbers, a tenth of the time of records.
        found = [(index, name, os.path.join(folder, os.fsencode(name)), content_of(status))
                 for index, listing in enumerate(listings)
                 for folder in [os.fsencode(listing.directory)]
                 for name, status in listing.files.items()]
        known: dict[bytes, tuple[int, int, int]] = {}
        for first in range(0, len(found), _AT_ONCE):
            known.update(self._ledger.contents(
                [path for _, _, path, _ in found[first:first + _AT_ONCE]]))
        new: list[set[str]] = [set() for _ in listings]
        # What a goal has asked for is wanted by its folder as well, once it is finished.
        revocable = {os.fsencode(path) for path in self._ledger.revocable_paths()}
        for index, name, path, content in found:
            if known.get(path) != content or path in revocable:
                new[index].add(name)
        for listing, news in zip(listings, new, strict=True):
            if news and not self._stopped.is_set():
                self._guarded(self._look, listing, news)

    def _look(self, listing: Listing, names: set[str]) -> None:
        """Look at the files of these names, and at the bag that the directory is."""
        with self._lock:
            in_bag = self._names_in_bag(listing)
            accepted: list[Transfer] = []
            if in_bag and self._is_wanted_bag(listing, in_bag):
                # Files of another recording that lie there, too, are not the bag's.
                files = {n: s for n, s in listing.files.items() if n in in_bag}
                look = self._bags.look(Listing(listing.directory, files),
                                       self._following.announced(listing.directory))
                self._following.looked(listing.directory, look)
                accepted += look.accepted
            single = [n for n in sorted(names) if n in listing.files and n not in in_bag
                      and n != METADATA and not n.endswith(WAL_END)]
            accepted += self._files.look(listing, single)
        if accepted:
            self._on_accepted()

    def _names_in_bag(self, listing: Listing) -> set[str]:
        with_metadata = METADATA in listing.files and has_metadata(listing.directory)
        names = {name for name in listing.files if is_bag_file(name)
                 and (with_metadata or is_named_after(listing.directory.name, name))}
        return names | ({METADATA} & set(listing.files) if names else set())

    def _is_wanted_bag(self, listing: Listing, names: set[str]) -> bool:
        directory = listing.directory
        return (directory in self._following
                or any(not self._folders.why_not(directory / name) for name in names)
                or self._ledger.bag(directory) is not None)

    def _guarded(self, look: Callable[..., None], *arguments: object) -> None:
        """Do it; what the ledger refuses now is found again at the next look."""
        try:
            look(*arguments)
        except (FlightlogError, OSError) as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        self._warnings.warn('ledger', 'logs that were found cannot be accepted now: %s', error)
