"""Logs that are one file each."""
import logging
from pathlib import Path
from typing import Optional

from flightlog_bucket.logs.rosbag2_directory import COMPRESSED_END
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.bag_directory import is_kept
from flightlog_bucket.transfers.compression import BEING_COMPRESSED, forget, Standing, standing
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import list_files, Listing, WatchedFolders
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.settled import Settling

_log = logging.getLogger(__name__)


class SingleFiles:
    """
    Accepts logs that are one file, as they are finished.

    :param ledger: where they are accepted
    :param settling: tells whether a file is finished
    :param folders: which files are wanted
    """

    def __init__(self, ledger: Ledger, settling: Settling, folders: WatchedFolders) -> None:
        self._ledger = ledger
        self._settling = settling
        self._folders = folders

    def look(self, listing: Listing, names: list[str]) -> list[Transfer]:
        """
        Accept the wanted ones of these files that are finished.

        :param listing: of these files, and of those that could take their place
        :raises LedgerUnavailable: if the ledger cannot be written
        """
        wanted = [n for n in names if not self._folders.why_not(listing.directory / n)]
        known = self._ledger.known(listing.directory / name for name in wanted)
        accepted = []
        for name in wanted:
            path = listing.directory / name
            if is_kept(known.get(path), listing.files[name]):
                forget(listing, name, self._settling)
                continue
            note = self._finished(listing, name)
            if note is not None:
                accepted.append(self._accept(listing, name, note))
        return accepted

    def announced(self, path: Path) -> list[Transfer]:
        """
        Accept a file that its recorder has closed; or the one that is made from it.

        :returns: nothing where that is not finished yet, and will be found
        :raises LedgerUnavailable: if the ledger cannot be written
        """
        listing = list_files(path.parent, [path.name])
        if path.name not in listing.files:
            return []
        try:
            counts = standing(listing, path.name, self._settling)
        except OSError:
            counts = Standing.COUNTS
        compressed = path.name + COMPRESSED_END
        if counts is Standing.REPLACED:
            return [self._accept(listing, compressed, '', again=True)]
        # One that nobody would find later is better stored twice than not at all.
        if counts is Standing.WAITS and not self._folders.why_not(path.with_name(compressed)):
            return []
        return [self._accept(listing, path.name, '', again=True)]

    def _finished(self, listing: Listing, name: str) -> Optional[str]:
        """Return the note on a finished file; None: it is not to be accepted now."""
        path, status = listing.directory / name, listing.files[name]
        try:
            counts = standing(listing, name, self._settling)
            if counts is Standing.WAITS:
                self._settling.wait(path, status, BEING_COMPRESSED)
            elif counts is Standing.REPLACED:
                self._settling.forget(path)
            if counts is not Standing.COUNTS:
                return None
            verdict = self._settling.look(path, status)
        except OSError as error:
            self._settling.failed(path, status, error)
            return None
        return verdict.note if verdict.is_finished else None

    def _accept(self, listing: Listing, name: str, note: str, *, again: bool = False) -> Transfer:
        path = listing.directory / name
        transfer = self._ledger.accept(path, Fingerprint.of(listing.files[name]), note=note,
                                       again=again)
        forget(listing, name, self._settling)
        if note:
            _log.warning('%s: %s', path, note)
        return transfer
