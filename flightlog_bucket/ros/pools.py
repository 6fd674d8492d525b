"""The threads of the node that wait for network and disk, so that no callback does."""
from flightlog_bucket.threads import WorkerPool

DOWNLOADS = 2
SHORT_REQUESTS = 4
DISK_CALLS = 2
MAX_WAITING_EVENTS = 10_000


class Pools:
    """
    One pool for each kind of work, so that none waits behind another kind.

    :param waiting: calls of one kind that may wait for a thread
    """

    def __init__(self, waiting: int) -> None:
        self.downloads = WorkerPool(DOWNLOADS, 'downloads', max_pending=waiting)
        self.requests = WorkerPool(SHORT_REQUESTS, 'requests', max_pending=waiting)
        self.disk = WorkerPool(DISK_CALLS, 'disk', max_pending=MAX_WAITING_EVENTS)
        self.info = WorkerPool(1, 'info', max_pending=waiting)
        # One at a time, in the order of the calls, and not behind the files of a slow disk.
        self.pause = WorkerPool(1, 'pause', max_pending=waiting)
        self.withdrawals = WorkerPool(1, 'withdrawals', max_pending=waiting)
        self.credentials = WorkerPool(1, 'credentials', max_pending=1)

    def shutdown(self) -> None:
        """Take no more calls, and wait for none."""
        for pool in (self.downloads, self.requests, self.disk, self.info, self.pause,
                     self.withdrawals, self.credentials):
            pool.shutdown()
