"""What is stored, log by log: a file, or a rosbag2 directory as one unit."""
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Protocol

from flightlog_bucket.logs.formats import METADATA
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.bag_directory import NO_METADATA
from flightlog_bucket.transfers.listing import can_be_part
from flightlog_bucket.transfers.records import Bag, Transfer


class Records(Protocol):
    """What the guardian takes of the ledger."""

    def stored_under(self, directories: Sequence[Path]) -> Sequence[Transfer]:
        """Return what is stored and was not deleted, oldest first."""

    def find(self, path: Path) -> Optional[Transfer]:
        """Return the newest transfer of a path."""

    def bag(self, path: Path) -> Optional[Bag]:
        """Return what is known of a rosbag2 directory."""

    def accept(self, path: Path, fingerprint: Fingerprint, *, name: str = '',
               bag: Optional[Bag] = None, urgent: bool = False, note: str = '',
               again: bool = False) -> Transfer:
        """Queue a file; ``again``: even if it is stored."""

    def note_deleted(self, transfer: Transfer, cause: str) -> None:
        """Write down that the local file is gone."""


@dataclass(frozen=True)
class LocalLog:
    """
    A stored log whose files go together or not at all.

    :param directory: the rosbag2 directory; None: it is a single file
    :param transfers: of its files, in the order in which they go
    """

    directory: Optional[Path]
    transfers: tuple[Transfer, ...]

    @property
    def path(self) -> Path:
        """Of the file or the directory."""
        return self.directory or self.transfers[0].path

    @property
    def settled_s(self) -> float:
        """When the last of it was stored, seconds since 1970."""
        return max(transfer.settled_s for transfer in self.transfers)

    def is_whole(self, files: Mapping[str, int]) -> bool:
        """
        Tell whether a rosbag2 directory is stored with all that belongs to it.

        That is its ``metadata.yaml`` too; one whose recorder was killed has none, as its
        transfers say.

        :param files: in the directory, with their sizes in bytes
        """
        stored = {transfer.path.name for transfer in self.transfers}
        is_finished = (METADATA in files
                       or any(transfer.note == NO_METADATA for transfer in self.transfers))
        return is_finished and all(name in stored for name, size in files.items()
                                   if size and can_be_part(name))


def local_logs(transfers: Iterable[Transfer], is_bag: Callable[[Path], bool]) -> list[LocalLog]:
    """
    Put the files of each rosbag2 directory together; a log has the place of its last file.

    :param transfers: stored ones, oldest first
    :param is_bag: tells whether a directory is one
    """
    newest: dict[Path, Transfer] = {}
    for transfer in transfers:
        before = newest.pop(transfer.path, transfer)  # an earlier version, or another name
        newest[transfer.path] = max(before, transfer, key=lambda t: t.id)
    bags = {path for path in {path.parent for path in newest} if is_bag(path)}
    logs: dict[Path, list[Transfer]] = {}
    for path, transfer in newest.items():
        key = path.parent if path.parent in bags else path
        files = logs.pop(key, [])
        files.append(transfer)
        logs[key] = files
    # As long as metadata.yaml is there, what is left of the directory is seen to be a bag.
    return [LocalLog(key if key in bags else None,
                     tuple(sorted(files, key=lambda t: t.path.name == METADATA)))
            for key, files in logs.items()]
