"""The threads in which the field API waits for disks and for S3."""
from collections.abc import Callable
from typing import Any, Optional, TypeVar

from flightlog_bucket.operations.awaiting import Awaiting
from flightlog_bucket.threads import WorkerPool

T = TypeVar('T')

DISK_CALLS = 2
SEARCHES = 2
# Each holds a connection, of which there are not many more.
_MOST_WAITING = 32


class FieldWork:
    """
    Runs what may wait, apart from what ROS has asked for, and no longer than anybody waits.

    :param within_s: seconds, after which a caller is sent away
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._awaiting = Awaiting()
        self._disk = WorkerPool(DISK_CALLS, 'field-disk', max_pending=_MOST_WAITING)
        # Not behind a disk that hangs: the flight comes first.
        self._pause = WorkerPool(1, 'field-pause', max_pending=_MOST_WAITING)
        self._state = WorkerPool(1, 'field-state', max_pending=_MOST_WAITING)
        self._search = WorkerPool(SEARCHES, 'field-search', max_pending=_MOST_WAITING)

    async def on_disk(self, call: Callable[..., T], *args: Any) -> T:
        """Do what may wait for a disk."""
        return await self._result(self._disk, None, call, *args)

    async def in_order(self, call: Callable[..., T], *args: Any) -> T:
        """Pause, or go on: one at a time, in the order in which it was asked for."""
        return await self._result(self._pause, None, call, *args)

    async def of_state(self, call: Callable[..., T], *args: Any) -> T:
        """Tell what is in memory, which may be locked for a moment."""
        return await self._result(self._state, None, call, *args)

    async def search(self, call: Callable[..., T], *args: Any, within_s: float) -> T:
        """Do what may wait for S3."""
        return await self._result(self._search, within_s, call, *args)

    def close(self) -> None:
        """Do nothing more, and send away who waits; does not wait itself."""
        self._awaiting.close()
        for pool in (self._disk, self._pause, self._state, self._search):
            pool.shutdown()

    async def _result(self, pool: WorkerPool, within_s: Optional[float], call: Callable[..., T],
                      *args: Any) -> T:
        return await self._awaiting.result(
            pool.submit(call, *args), within_s=self._within_s if within_s is None else within_s)
