"""The topic that tells how every transfer stands, also to who comes late."""
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Optional

from flightlog_bucket.msg import TransferStatus
from flightlog_bucket.operations.downloads import FAILED
from flightlog_bucket.operations.standings_watch import Key, MOVING
from flightlog_bucket.ros.transfer_messages import transfer_status
from flightlog_bucket.transfers.records import QUEUED, REJECTED
from flightlog_bucket.transfers.standing import Standing
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

DEPTH = 1000
MOST_KEPT = 500
PERIOD_S = 0.5
"""Between two messages of one transfer."""
TRANSFERS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH,
                       reliability=ReliabilityPolicy.RELIABLE,
                       durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Of these first, where there is not room for all.
_MOVES, _WAITS, _FAILED, _DONE = range(4)


@dataclass(frozen=True)
class _Said:
    number: int
    rank: int
    standing: Standing


class Window:
    """
    The last messages, of which a late subscriber is given so many.

    It knows the last one of each of the transfers that matter most: those that move, then those
    that wait, then those that failed, then those that are done, the latest of them.

    :param depth: messages that it is given
    :param most: transfers; less than ``depth`` - 1
    """

    def __init__(self, depth: int = DEPTH, most: int = MOST_KEPT) -> None:
        self._depth = depth
        self._most = most
        self._count = 0
        # The oldest message first.
        self._said: dict[Key, _Said] = {}
        self._ranks: tuple[dict[Key, None], ...] = ({}, {}, {}, {})

    def shown(self) -> list[Key]:
        """Return the transfers that it knows."""
        return list(self._said)

    def standing(self, key: Key) -> Optional[Standing]:
        """Return what was said of a transfer last; None: it is not known any more."""
        said = self._said.get(key)
        return said.standing if said else None

    def said(self, key: Key, standing: Standing) -> None:
        """Note a message."""
        self._count += 1
        self._forget(key)
        rank = _rank(standing.state)
        if len(self._said) < self._most or self._make_room(rank):
            self._said[key] = _Said(self._count, rank, standing)
            self._ranks[rank][key] = None

    def leaving(self) -> Optional[tuple[Key, Standing]]:
        """Return what must be said again, or late subscribers will not see it; None: nothing."""
        for key, said in self._said.items():
            is_last = self._count - said.number >= self._depth - 1
            return (key, said.standing) if is_last else None
        return None

    def _make_room(self, rank: int) -> bool:
        worst = max(number for number, keys in enumerate(self._ranks) if keys)
        # Of those that wait, the first ones go next.
        if worst < rank or worst == rank == _WAITS:
            return False
        self._forget(next(iter(self._ranks[worst])))
        return True

    def _forget(self, key: Key) -> None:
        said = self._said.pop(key, None)
        if said is not None:
            del self._ranks[said.rank][key]


class TransferTopic:
    """
    Publishes each change, at most twice a second of one transfer.

    :param publish: takes a message
    :param window: knows what a late subscriber sees
    :param wall_clock: seconds since 1970
    :param clock: monotonic seconds
    """

    def __init__(self, publish: Callable[[TransferStatus], None], window: Window, *,
                 wall_clock: Callable[[], float] = time.time,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._publish = publish
        self._wall_clock = wall_clock
        self._clock = clock
        self._window = window
        self._waiting: dict[Key, Standing] = {}
        # When something was said last of those that may not be spoken of again yet.
        self._said_s: OrderedDict[Key, float] = OrderedDict()

    def show(self, direction: str, standing: Standing) -> None:
        """Take note of how a transfer stands; it is published when its turn has come."""
        key = direction, standing.id
        if self._window.standing(key) == standing:
            self._waiting.pop(key, None)
        else:
            self._waiting[key] = standing

    def flush(self) -> Optional[float]:
        """Publish what is due; return in how many seconds the next is due; None: none waits."""
        now_s = self._clock()
        while self._said_s and next(iter(self._said_s.values())) <= now_s - PERIOD_S:
            self._said_s.popitem(last=False)
        for key in list(self._waiting):
            if key in self._said_s:
                continue
            self._say(key, self._waiting.pop(key))
            while (leaving := self._window.leaving()) is not None:
                again, standing = leaving
                self._say(again, self._waiting.pop(again, standing))
        dues = [self._said_s[key] + PERIOD_S - now_s for key in self._waiting]
        return min(dues, default=None)

    def _say(self, key: Key, standing: Standing) -> None:
        self._publish(transfer_status(key[0], standing, self._wall_clock()))
        self._window.said(key, standing)
        self._said_s[key] = self._clock()  # of many in one turn, the last are said later
        self._said_s.move_to_end(key)


def _rank(state: str) -> int:
    if state in MOVING:
        return _MOVES
    if state == QUEUED:
        return _WAITS
    return _FAILED if state in (REJECTED, FAILED) else _DONE
