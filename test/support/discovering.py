"""A discovery with a real ledger and real files, whose clocks and open files a test sets."""
from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path

from flightlog_bucket.settings import DEFAULT_EXTENSIONS
from flightlog_bucket.transfers.discovery import Discovery
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.records import Transfer
from flightlog_bucket.transfers.state_directory import StateDirectory
from made_logs import ZSTD_MAGIC

SETTLE_S = 10.0
RESCAN_S = 60.0
NOW_S = 1_753_700_000.0
ULG = '*.ulg', '*.bag', '*.mcap', '*.db3', '*.zstd'


def zstd(content: bytes = b'compressed') -> bytes:
    """Return one whole Zstandard frame of one raw block."""
    block = (len(content) << 3 | 1).to_bytes(3, 'little')
    return ZSTD_MAGIC + bytes([0x20, len(content)]) + block + content


def ledger_at(home: Path) -> Ledger:
    """Open a ledger."""
    return Ledger(StateDirectory(home), machine='drone-1', destination='bucket/flight_logs')


class Desk:
    """
    Watches ``logs`` of a directory.

    :param home: an empty directory
    """

    def __init__(self, home: Path, patterns: tuple[str, ...] = ULG) -> None:
        self.home = home
        self.patterns = patterns
        self.logs = home / 'logs'
        self.logs.mkdir(exist_ok=True)
        self.now_s = 1000.0
        self.wall_s = NOW_S
        self.open: set[Path] = set()
        self.wakes = 0
        self.ledger = ledger_at(home / 'state')
        self.discovery = self._discovery()

    def restart(self, *, is_ledger_lost: bool = False) -> None:
        """Begin anew with what is on the disk, as after a power cut."""
        self.ledger.close()
        self.ledger = ledger_at(self.home / ('new_state' if is_ledger_lost else 'state'))
        self.now_s = 5.0  # since the computer was started
        self.discovery = self._discovery()
        self.discovery.follow_unfinished()

    def write(self, name: str, content: bytes = b'ULog\x01\x12\x35\x01' + bytes(8)) -> Path:
        """Write a file into ``logs`` at the time that it is on the test's clock."""
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (self.wall_s, self.wall_s))
        return path

    def wait(self, seconds: float, *events: Path) -> list[str]:
        """Let time pass, with a look each second; return the names that were accepted."""
        before = {(t.path, t.fingerprint) for t in self.transfers()}
        while seconds > 0:
            step = min(seconds, 1.0)
            self.now_s += step
            self.wall_s += step
            seconds -= step
            self.discovery.turn(events)
            events = ()
        return [t.path.name for t in self.transfers() if (t.path, t.fingerprint) not in before]

    def look(self, *events: Path) -> list[str]:
        """Look now; return the names that were accepted."""
        before = {(t.path, t.fingerprint) for t in self.transfers()}
        self.discovery.turn(events, is_rescan=True)
        return [t.path.name for t in self.transfers() if (t.path, t.fingerprint) not in before]

    def announce(self, path: Path) -> list[str]:
        """Announce it; return the names that were accepted."""
        return [t.path.name for t in self.discovery.announce(path)]

    def transfers(self) -> list[Transfer]:
        """Return all that was accepted, in that order."""
        return sorted(self.ledger._transfers('1', ()), key=lambda t: t.id)

    def note(self, path: Path) -> str:
        """Return the note on an accepted file."""
        transfer = self.ledger.find(path)
        assert transfer is not None
        return transfer.note

    def folder(self, path: Path) -> str:
        """Return the folder that an accepted file goes to."""
        transfer = self.ledger.find(path)
        assert transfer is not None
        return transfer.bag.folder if transfer.bag else ''

    def explain(self, path: Path) -> str:
        """Return why a file is not accepted."""
        return self.discovery.explain(path)

    def _discovery(self) -> Discovery:
        return Discovery(
            self.ledger, self._woken, directories=[self.logs], patterns=self.patterns,
            allowed_extensions=DEFAULT_EXTENSIONS, settle_s=SETTLE_S, rescan_period_s=RESCAN_S,
            clock=lambda: self.now_s, wall_clock=lambda: self.wall_s,
            cpu_time=lambda: 0.0, is_open=lambda path: path in self.open)

    def _woken(self) -> None:
        self.wakes += 1


@contextmanager
def desk_at(home: Path, patterns: tuple[str, ...] = ULG) -> Iterator[Desk]:
    """Make a desk, and close its ledger."""
    desk = Desk(home, patterns)
    try:
        yield desk
    finally:
        desk.ledger.close()
