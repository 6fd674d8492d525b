"""How much room is left on the disks that the work needs."""
from dataclasses import dataclass
import os
from pathlib import Path


@dataclass(frozen=True)
class DiskSpace:
    """
    The room on the disk of one folder.

    :param directory: absolute
    :param free_bytes: that a process without privileges may still write
    :param total_bytes: of the whole disk
    :param problem: why nothing is known of it; empty: it is
    """

    directory: Path
    free_bytes: int = 0
    total_bytes: int = 0
    problem: str = ''


def space_of(directory: Path, *, is_made: bool = False) -> DiskSpace:
    """
    Ask the operating system; a disk on a network that hangs lets it wait.

    :param directory: absolute
    :param is_made: it is made where it is missing, so that the disk of the folder above counts
    """
    asked = directory
    while True:
        try:
            status = os.statvfs(asked)
        except FileNotFoundError as error:
            if is_made and asked != asked.parent:
                asked = asked.parent
                continue
            return DiskSpace(directory, problem=_told(error))
        except OSError as error:
            return DiskSpace(directory, problem=_told(error))
        return DiskSpace(directory, free_bytes=status.f_bavail * status.f_frsize,
                         total_bytes=status.f_blocks * status.f_frsize)


def _told(error: OSError) -> str:
    return os.strerror(error.errno or 0)
