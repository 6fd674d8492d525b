"""A watched folder with stored logs, a ledger, and a bucket that a test can let lie."""
from dataclasses import dataclass, field
import os
from pathlib import Path
from typing import Any, Optional
import zlib

from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Bag, Transfer
from flightlog_bucket.transfers.retention import Guardian
from flightlog_bucket.transfers.retention_policy import AT_ONCE, RetentionPolicy
from flightlog_bucket.transfers.state_directory import StateDirectory

NOW_S = 1_790_000_000.0  # September 2026
DAY_S = 86_400.0
MINUTE_S = 60.0


@dataclass
class Clock:
    """Both clocks of the tests: one that is set, and one that only goes."""

    wall_s: float = NOW_S
    running_s: float = 1000.0

    def passes(self, seconds: float) -> None:
        """Let time go by as it does."""
        self.wall_s += seconds
        self.running_s += seconds

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.wall_s

    def running(self) -> float:
        """Seconds on the monotonic clock."""
        return self.running_s


def stored_log(key: str, crc32: int) -> StoredLog:
    """Return what S3 has proved."""
    return StoredLog(s3_key=key, file_url='', file_size=1, content_type='', already_stored=False,
                     crc32=crc32, etag='"1"')


@dataclass
class ModelBucket:
    """Keys and checksums; compares as ``FlightLogBucket.holds`` does."""

    objects: dict[str, int] = field(default_factory=dict)
    asked: list[Path] = field(default_factory=list)
    fault: Optional[FlightlogError] = None

    def holds(self, path: Path, key: str) -> Optional[Fingerprint]:
        """Return the fingerprint of a file whose content the object has."""
        self.asked.append(path)
        if self.fault is not None:
            raise self.fault
        with open(path, 'rb') as stream:
            status, content = os.fstat(stream.fileno()), stream.read()
        return Fingerprint.of(status) if self.objects.get(key) == zlib.crc32(content) else None


class Guarded:
    """
    What a test of the guardian works with.

    :param folder: an empty one
    """

    def __init__(self, folder: Path) -> None:
        self.watched = folder / 'watched'
        self.watched.mkdir()
        self.clock = Clock()
        self.bucket = ModelBucket()
        self.open_files: set[Path] = set()
        self.free_bytes = 0
        self.ledger = Ledger(StateDirectory(folder / 'state'), machine='drone-001',
                             destination='logs', wall_clock=self.clock.wall,
                             clock=self.clock.running)

    def guardian(self, policy: Optional[RetentionPolicy] = None, **options: Any) -> Guardian:
        """Return one that deletes at once, unless the policy says otherwise."""
        options = {'directories': [self.watched], 'holds': self.bucket.holds, **options}
        return Guardian(
            self.ledger, options.pop('holds'), policy=policy or RetentionPolicy(AT_ONCE),
            is_open_for_writing=options.pop('is_open_for_writing', self.open_files.__contains__),
            disk_free=options.pop('disk_free', lambda _: self.free_bytes),
            wall=self.clock.wall, monotonic=self.clock.running, **options)

    def write(self, name: str, content: bytes = b'a flight') -> Path:
        """Write a file into the watched folder."""
        path = self.watched / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def accept(self, path: Path, bag: Optional[Bag] = None, name: str = '',
               note: str = '') -> Transfer:
        """Queue a file."""
        return self.ledger.accept(path, Fingerprint.of(path.stat()), bag=bag, name=name, note=note)

    def store(self, path: Path, bag: Optional[Bag] = None, name: str = '',
              note: str = '') -> Transfer:
        """Queue a file, and have it stored."""
        transfer = self.accept(path, bag, name, note)
        key = f'drone-001/{transfer.id}'
        crc32 = zlib.crc32(path.read_bytes())
        self.bucket.objects[key] = crc32
        self.ledger.stored(transfer.id, stored_log(key, crc32))
        found = self.ledger.find(path)
        assert found is not None
        return found

    def stored(self, name: str, content: bytes = b'a flight') -> Path:
        """Write a file, and have it stored."""
        path = self.write(name, content)
        self.store(path)
        return path

    def still_local(self) -> list[Path]:
        """Return the stored logs that are not deleted, according to the ledger."""
        return [transfer.path for transfer in self.ledger.stored_under([self.watched])]

    def deletions(self) -> list[tuple[Path, str]]:
        """Return path and cause of every deletion in the ledger."""
        rows = self.ledger._database.run(
            lambda database: database.execute('SELECT path, cause FROM deletions').fetchall())
        return [(Path(os.fsdecode(row['path'])), row['cause']) for row in rows]
