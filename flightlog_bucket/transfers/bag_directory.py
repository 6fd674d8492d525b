"""rosbag2 directories: each is one unit, into one folder, with its ``metadata.yaml`` last."""
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
import logging
import os
from pathlib import Path
import threading
from typing import Optional

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.logs import inspect
from flightlog_bucket.logs.formats import METADATA
from flightlog_bucket.logs.rosbag2_directory import (
    arrange,
    BagFiles,
    COMPRESSED_END,
    split_number,
    WAL_END,
)
from flightlog_bucket.logs.verdict import HEADER
from flightlog_bucket.storage.keys import safe_filename, stamped
from flightlog_bucket.storage.local_file import Fingerprint, LocalFile
from flightlog_bucket.transfers.compression import BEING_COMPRESSED, forget, Standing, standing
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import Listing
from flightlog_bucket.transfers.records import AWAY, Bag, REJECTED, Transfer
from flightlog_bucket.transfers.settled import Settling, Verdict

_log = logging.getLogger(__name__)

NO_METADATA = 'metadata.yaml is missing: the recorder did not close this bag'
WAITS_FOR_OTHERS = 'waits for the other files of its bag'
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass
class BagLook:
    """
    What a look at a bag led to.

    :param accepted: by this look
    :param waiting: names of logs that are not finished
    :param is_closed: whether the ledger has its ``metadata.yaml``
    """

    accepted: list[Transfer] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    is_closed: bool = False


@dataclass(frozen=True)
class Announced:
    """
    What a recorder said of a bag.

    :param up_to: this file of it, and all before, are closed
    :param name: this one too, whatever its number
    :param is_whole: all of it is closed
    """

    up_to: int = -1
    name: str = ''
    is_whole: bool = False

    def is_said(self, name: str) -> bool:
        """Tell whether the recorder said that a file is closed."""
        number = split_number(name)
        plain = name.removesuffix(COMPRESSED_END)
        is_named = bool(self.name) and plain == self.name.removesuffix(COMPRESSED_END)
        return self.is_whole or is_named or (number is not None and number <= self.up_to)


NOTHING = Announced()


def is_known(transfer: Optional[Transfer], status: os.stat_result) -> bool:
    """Tell whether the ledger has this content of a file, whoever asked for it."""
    if transfer is None or not transfer.fingerprint.is_same(Fingerprint.of(status)):
        return False
    # It was away when its turn came.
    return not (transfer.state == REJECTED and transfer.fault == AWAY)


def is_kept(transfer: Optional[Transfer], status: os.stat_result) -> bool:
    """Tell whether the ledger has this content, and nobody can take that back any more."""
    return (is_known(transfer, status)
            and transfer is not None and not transfer.is_revocable)


class BagDirectories:
    """
    Accepts the files of rosbag2 directories as they are closed.

    :param ledger: where they are accepted
    :param settling: tells whether a file is finished
    :param allowed_extensions: lower case, with the dot
    """

    def __init__(self, ledger: Ledger, settling: Settling,
                 allowed_extensions: tuple[str, ...]) -> None:
        self._ledger = ledger
        self._settling = settling
        self._allowed = allowed_extensions

    def files(self, listing: Listing) -> BagFiles:
        """Return which files of a directory are the bag's."""
        return arrange((name for name, status in listing.files.items()
                        if status.st_size or not name.endswith(WAL_END)), self._allowed)

    def look(self, listing: Listing, announced: Announced = NOTHING, *,
             is_asked: bool = False) -> BagLook:
        """
        Accept what is closed.

        :param listing: all of the directory
        :param is_asked: its recorder speaks of it just now: then all of it is wanted, also what
            was accepted for a goal, or cancelled
        :raises LedgerUnavailable: if the ledger cannot be written
        """
        known = self._ledger.known(listing.paths())
        files, found = self.files(listing), BagLook()
        if not files.logs and self._ledger.bag(listing.directory) is None:
            return found
        new = [name for name in files.logs + files.write_ahead
               if not is_kept(known.get(listing.directory / name), listing.files[name])]
        asked = [name for name, status in listing.files.items() if is_asked
                 and _is_cancellable(known.get(listing.directory / name), status)]
        new = [name for name in new if name not in asked]
        # All before a file that is closed are closed as well.
        last = max((_number(n) for n in files.logs if n not in new), default=-1)
        closed = replace(announced, up_to=max(announced.up_to, last))
        finished = self._finished(listing, files, new, closed, found)
        if files.has_metadata:
            status = listing.files[METADATA]
            found.is_closed = METADATA in asked or is_kept(
                known.get(listing.directory / METADATA), status)
            if not found.is_closed and self._is_metadata_finished(listing, found, announced):
                finished.append((METADATA, ''))
                found.is_closed = True
        found.accepted = self._accept(listing, [*((name, '') for name in asked), *finished],
                                      again=is_asked)
        return found

    def accept_whole(self, listing: Listing, *, urgent: bool, again: bool,
                     revocable: bool) -> list[Transfer]:
        """
        Accept all that is there of a bag which a person names.

        :raises LedgerUnavailable: if the ledger cannot be written
        """
        files, wanted = self.files(listing), []
        note = '' if files.has_metadata else NO_METADATA
        for name in files.logs + files.write_ahead:
            try:
                is_replaced = standing(listing, name, self._settling) is Standing.REPLACED
            except OSError:
                is_replaced = False
            if not is_replaced:
                wanted.append((name, note))
        if files.has_metadata:
            wanted.append((METADATA, ''))
        return self._accept(listing, wanted, urgent=urgent, again=again, revocable=revocable)

    def bag(self, listing: Listing) -> Bag:
        """Return the directory's bag in the ledger; from the first time on it keeps its folder."""
        bag = self._ledger.bag(listing.directory)
        if bag is not None and self._is_same(bag, listing):
            return bag
        return self._ledger.open_bag(listing.directory, self._folder(listing))

    def _finished(self, listing: Listing, files: BagFiles, new: list[str], closed: Announced,
                  found: BagLook) -> list[tuple[str, str]]:
        """Return names of files to accept and the notes on them; what waits goes to ``found``."""
        verdicts: dict[str, Verdict] = {}
        counted: dict[str, Standing] = {}
        is_usual = any(name.endswith(COMPRESSED_END) for name in files.logs)
        for name in new:
            path = listing.directory / name
            try:
                counts = standing(listing, name, self._settling, is_usual=is_usual)
                if counts is Standing.REPLACED:
                    self._settling.forget(path)
                    continue
                verdicts[name] = self._settling.look(path, listing.files[name])
                counted[name] = counts
            except OSError as error:
                if self._settling.failed(path, listing.files[name], error):
                    found.waiting.append(name)
        is_crashed = not files.has_metadata and all(v.is_quiet for v in verdicts.values())
        accepted = []
        for name, verdict in verdicts.items():
            note = self._note(listing, name, verdict, closed, counted[name], is_crashed)
            if note is None:
                found.waiting.append(name)
            else:
                accepted.append((name, note))
        return accepted

    def _note(self, listing: Listing, name: str, verdict: Verdict, closed: Announced,
              counts: Standing, is_crashed: bool) -> Optional[str]:
        """Return the note on a file that is accepted, None for one that waits."""
        path = listing.directory / name
        if is_crashed and not closed.is_said(name):
            return NO_METADATA
        if counts is Standing.WAITS:
            if is_crashed:
                return NO_METADATA
            self._settling.wait(path, listing.files[name], BEING_COMPRESSED)
            return None
        if (closed.is_said(name) and not name.endswith(WAL_END)
                and (not name.endswith(COMPRESSED_END) or self._is_complete(path))):
            return ''
        if verdict.is_finished:
            return verdict.note
        return NO_METADATA if is_crashed else None

    def _is_complete(self, path: Path) -> bool:
        try:
            return self._settling.is_complete(path)
        except OSError:  # it has vanished, or cannot be read; the look at it says so
            return False

    def _is_metadata_finished(self, listing: Listing, found: BagLook,
                              announced: Announced) -> bool:
        path, status = listing.directory / METADATA, listing.files[METADATA]
        if found.waiting:
            self._settling.wait(path, status, WAITS_FOR_OTHERS)
            return False
        try:
            return announced.is_whole or self._settling.look(path, status).is_finished
        except OSError as error:
            self._settling.failed(path, status, error)
            return False

    def _accept(self, listing: Listing, wanted: list[tuple[str, str]], *, urgent: bool = False,
                again: bool = False, revocable: bool = False) -> list[Transfer]:
        """Accept files, given with the notes on them."""
        bag = self.bag(listing) if wanted else None
        accepted = []
        for name, note in wanted:
            path = listing.directory / name
            accepted.append(self._ledger.accept(
                path, Fingerprint.of(listing.files[name]), bag=bag, note=note, urgent=urgent,
                again=again, revocable=revocable))
            forget(listing, name, self._settling)
            if note:
                _log.warning('%s: %s', path, note)
        return accepted

    def _is_same(self, bag: Bag, listing: Listing) -> bool:
        """Tell whether the directory is still the one that the ledger knows, not a new one."""
        members = self._ledger.in_bag(bag)
        for member in members:
            status = listing.files.get(member.path.name)
            if status is not None and member.fingerprint.is_same(Fingerprint.of(status)):
                return True
        # Old files of a long recording can be deleted while it goes on; a new one begins at 0.
        last = max((_number(member.path.name) for member in members), default=-1)
        replaced = {member.path.name + COMPRESSED_END for member in members}
        return not members or all(_number(name) > last or name in replaced
                                  for name in self.files(listing).logs)

    def _folder(self, listing: Listing) -> str:
        first = (*self.files(listing).logs, METADATA)[0]
        start = self._start(listing, first)
        if start is None:
            microseconds = listing.files[first].st_mtime_ns // 1000
            try:
                start = _EPOCH + timedelta(microseconds=microseconds)
            except OverflowError:  # a file system that shows no possible date
                start = _EPOCH
        return stamped(start, safe_filename(listing.directory.name))

    def _start(self, listing: Listing, name: str) -> Optional[datetime]:
        path = listing.directory / name
        try:
            with LocalFile(path, threading.Event()) as file:
                return inspect(name, path, file.stream(), allowed=self._allowed, in_bag=True,
                               is_closed=False, level=HEADER).start
        except FlightlogError:
            return None


def _is_cancellable(transfer: Optional[Transfer], status: os.stat_result) -> bool:
    """Tell whether the ledger has this content of a file, and it was, or can be, cancelled."""
    return is_known(transfer, status) and transfer is not None and (
        transfer.is_revocable or transfer.is_withdrawn)


def _number(name: str) -> int:
    number = split_number(name)
    return -1 if number is None else number
