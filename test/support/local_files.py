"""A local file as the core sees it while it is sent."""
from pathlib import Path
import threading

from flightlog_bucket.storage.local_file import LocalFile

CONTENT = bytes(range(256)) * 8192  # 2 MiB: more than one block


def opened(path: Path) -> LocalFile:
    """Open the file, with nobody who would cancel."""
    return LocalFile(path, threading.Event())
