"""The rosbag2 directories that a person names, where nothing is watched."""
from collections.abc import Sequence
from pathlib import Path
import threading
import time
from typing import Optional

from flightlog_bucket.transfers.announcing import Announcing
from flightlog_bucket.transfers.bag_directory import BagDirectories
from flightlog_bucket.transfers.following import Following
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.listing import WatchedFolders, without_links
from flightlog_bucket.transfers.records import Bag, Transfer
from flightlog_bucket.transfers.settled import Settling
from flightlog_bucket.transfers.single_files import SingleFiles


class NamedBags:
    """
    Answers ``asked_for()`` as ``Discovery`` does, and looks at nothing by itself. Thread-safe.

    :param ledger: where logs are accepted
    :param allowed_extensions: lower case, with the dot
    :param settle_s: see ``Discovery``
    """

    def __init__(self, ledger: Ledger, *, allowed_extensions: Sequence[str],
                 settle_s: float) -> None:
        allowed = tuple(allowed_extensions)
        settling = Settling(settle_s)
        self._lock = threading.Lock()
        self._announcing = Announcing(
            BagDirectories(ledger, settling, allowed),
            SingleFiles(ledger, settling, WatchedFolders((), (), allowed)),
            Following(settle_s, time.monotonic), settling, allowed)

    def accept_directory(self, path: Path, *, revocable: bool = False) -> list[Transfer]:
        """Accept all files of a bag; see ``Discovery.accept_directory()``."""
        with self._lock:
            return self._announcing.accept_directory(
                without_links(path), urgent=False, again=False, revocable=revocable)

    def bag_for(self, path: Path) -> Optional[Bag]:
        """Return the bag that a file belongs to; see ``Discovery.bag_for()``."""
        with self._lock:
            return self._announcing.bag_for(without_links(path))
