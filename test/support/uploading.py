"""What uploads in a node, without ROS: ledger, worker and housekeeping, on a real bucket."""
from concurrent.futures import Future
from pathlib import Path
import threading
from types import TracebackType
from typing import Any, Optional

from flightlog_bucket import FlightLogBucket
from flightlog_bucket.results import StoredLog
from flightlog_bucket.storage.local_file import Fingerprint
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.housekeeping import Housekeeping
from flightlog_bucket.transfers.ledger import Ledger
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.transfers.standings import Standings
from flightlog_bucket.transfers.state_directory import StateDirectory
from flightlog_bucket.transfers.waiting_room import PendingLog
from flightlog_bucket.transfers.withdrawals import Remains
from flightlog_bucket.transfers.worker import Worker

from support.faults import Tap

SLOTS = 2


class Uploading:
    """
    Works while it is entered.

    :param bucket: where the logs go
    :param home: of the ledger
    """

    def __init__(self, bucket: FlightLogBucket, home: Path) -> None:
        self.bucket = bucket
        self.ledger = Ledger(StateDirectory(home), machine=bucket.settings.robot_instance_id,
                             destination='bucket')
        self._pool = WorkerPool(Worker.threads(SLOTS), 'uploads')
        self.housekeeping = Housekeeping(self.ledger, bucket.abort, retry_max_delay_s=0.2)
        self.worker = Worker(
            self.ledger, bucket.upload, self._pool, slots=SLOTS, max_pending=100, max_wait_s=60,
            retry_max_delay_s=0.2, remains=Remains(
                self.housekeeping.abort, bucket.holds, self.housekeeping.later))
        self._standings = Standings(self.ledger, self.worker)

    def __enter__(self) -> 'Uploading':
        self.worker.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.worker.stop()
        self.bucket.close()
        self._pool.shutdown()
        self.ledger.close()

    def goal(self, path: Path) -> PendingLog:
        """Ask for a log as ``~/upload_log`` does."""
        return self.worker.submit(path, Fingerprint.of(path.stat()), is_patient=True,
                                  revocable=True)

    def call(self, path: Path) -> 'Future[StoredLog]':
        """Ask for a log as ``~/upload`` does."""
        return self.worker.submit(path, Fingerprint.of(path.stat()))

    def trigger(self, path: Path) -> None:
        """Announce a log as a recorder does."""
        self.ledger.accept(path, Fingerprint.of(path.stat()))
        self.worker.wake()

    def standing(self, goal: PendingLog) -> Standing:
        """Tell how it stands now."""
        return self._standings.of([goal.transfer_id])[0]


class Held:
    """
    A fault that holds the first body which comes so far, until it is let go.

    :param after_bytes: of the body
    """

    def __init__(self, after_bytes: int) -> None:
        self._after_bytes = after_bytes
        self._free = threading.Event()
        self.is_held = threading.Event()
        self.fault: Any = Tap(request=self._tap)

    def let_go(self) -> None:
        """Let it go on."""
        self._free.set()

    def _tap(self, offset: int, block: bytes) -> bytes:
        if offset + len(block) > self._after_bytes and not self.is_held.is_set():
            self.is_held.set()
            self._free.wait(60)
        return block
