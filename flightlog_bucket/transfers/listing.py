"""What is in the watched folders: regular files and folders, no symbolic links."""
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
import logging
import os
from pathlib import Path
import stat
from typing import Optional

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.logs.formats import format_of_name, METADATA
from flightlog_bucket.logs.rosbag2_directory import WAL_END

_log = logging.getLogger(__name__)

ACTIVE_END = '.active'
"""ROS 1's ``rosbag record`` removes it when it closes a bag."""
_MAX_COMPLAINTS = 100


@dataclass(frozen=True)
class Listing:
    """
    Files of one directory that can be part of a log.

    :param directory: absolute, without symbolic links
    :param files: what the operating system says of each, by name
    """

    directory: Path
    files: dict[str, os.stat_result]

    def paths(self) -> list[Path]:
        """Return the files' paths."""
        return [self.directory / name for name in self.files]


def list_directory(directory: Path, subdirectories: Optional[list[Path]] = None) -> Listing:
    """
    List what a directory holds.

    :param subdirectories: gets the directories in it
    :raises OSError: if it cannot be read
    """
    files = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith('.'):
                continue  # also the temporary files of rsync
            try:
                if can_be_part(entry.name) and entry.is_file(follow_symlinks=False):
                    files[entry.name] = entry.stat(follow_symlinks=False)
                elif subdirectories is not None and entry.is_dir(follow_symlinks=False):
                    subdirectories.append(directory / entry.name)
            except OSError:  # it vanished
                continue
    return Listing(directory, files)


def list_files(directory: Path, names: Iterable[str]) -> Listing:
    """List only these files of a directory, and what can belong to one log with them."""
    files = {}
    for name in names:
        plain = name.removesuffix('.zstd').removesuffix('-wal')
        for related in (plain, f'{plain}.zstd', f'{plain}-wal'):
            status = status_of(directory / related)
            if status is not None and can_be_part(related):
                files[related] = status
    return Listing(directory, files)


def status_of(path: Path) -> Optional[os.stat_result]:
    """Return what the operating system says of a regular file; None: there is none."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def without_links(path: Path) -> Path:
    """
    Return the one name of a file, by whatever links it was named.

    :raises InvalidRequest: if it can be no path
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        raise InvalidRequest(f'{os.fspath(path)!r} is not a path') from None


def is_there(path: Path) -> bool:
    """Tell whether there is anything of this name, if only a link that leads nowhere."""
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def can_be_part(name: str) -> bool:
    """Tell whether a log can have a file of this name."""
    return format_of_name(name) is not None or name == METADATA or name.endswith(WAL_END)


class WatchedFolders:
    """
    The folders in which logs are looked for, and which of their files are wanted.

    :param directories: absolute; one that is not there may come later
    :param patterns: of ``fnmatch``, for file names; one with a slash is for the path below the
        folder
    :param allowed_extensions: lower case, with the dot
    """

    def __init__(self, directories: Sequence[Path], patterns: Sequence[str],
                 allowed_extensions: Sequence[str]) -> None:
        self.allowed_extensions = tuple(allowed_extensions)
        self._directories = tuple(directories)
        self.patterns = tuple(patterns)
        self._complaints: set[Path] = set()
        self.roots: tuple[Path, ...] = ()
        self.refresh()

    def refresh(self) -> tuple[Path, ...]:
        """Return the folders without symbolic links, and without those that are in another."""
        # Looked up again: a link may come with the disk that it leads to.
        roots = dict.fromkeys(Path(os.path.realpath(d)) for d in self._directories)
        self.roots = tuple(r for r in roots if not any(p in roots for p in r.parents))
        return self.roots

    def root_of(self, path: Path) -> Optional[Path]:
        """Return the watched folder that a path is in; None: it is in none."""
        return next((root for root in self.roots if path.is_relative_to(root)), None)

    def walk(self, is_stopped: Callable[[], bool], start: Optional[Path] = None
             ) -> Iterator[Listing]:
        """
        List the folders and all that is below them; symbolic links are not followed.

        :param is_stopped: whether nobody wants to know any more
        :param start: only from here on
        """
        left = [start] if start else list(reversed(self.roots))
        while left and not is_stopped():
            directory = left.pop()
            below: list[Path] = []
            try:
                listing = list_directory(directory, below)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._complain(directory, error)
                continue
            left.extend(below)
            if listing.files:
                yield listing

    def why_not(self, path: Path) -> str:
        """Return why a file is not taken by itself; empty: it is."""
        name, root = path.name, self.root_of(path)
        if name.endswith(ACTIVE_END):
            return 'is still being written: its recorder takes .active away when it closes it'
        if root is None:
            return 'is not in a watched folder'
        if any(part.startswith('.') for part in path.relative_to(root).parts):
            return 'it, or a folder that it is in, has a name that begins with a dot'
        log_format = format_of_name(name)
        if log_format is None or log_format.extension not in self.allowed_extensions:
            return f"does not end in one of {', '.join(self.allowed_extensions)}"
        if not self._matches(path, root):
            return f"no pattern of watch_patterns matches: {', '.join(self.patterns)}"
        return ''

    def _matches(self, path: Path, root: Path) -> bool:
        below = path.relative_to(root).as_posix()
        return any(fnmatchcase(below if '/' in pattern else path.name, pattern)
                   for pattern in self.patterns)

    def _complain(self, directory: Path, error: OSError) -> None:
        if directory not in self._complaints and len(self._complaints) < _MAX_COMPLAINTS:
            self._complaints.add(directory)
            _log.warning('cannot look for logs in %r: %s', os.fspath(directory), error.strerror)
