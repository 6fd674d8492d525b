"""The goals of ~/upload_log that are under way, and what they are told meanwhile."""
from collections.abc import Callable
import threading
import time
from typing import Any, Optional

from flightlog_bucket.operations.standings_watch import StandingsWatch, UPLOAD
from flightlog_bucket.ros.goal_progress import Progress
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.transfers.waiting_room import Followed

PERIOD_S = 0.5
"""Between two feedbacks of one goal that tell of the same state."""


class Goal:
    """
    One goal. Thread-safe.

    :param handle: of rclpy
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.followed: Optional[Followed] = None
        self.ids = []
        self._lock = threading.Lock()
        self._progress = Progress()
        self._state = ''
        self._told_s = -PERIOD_S
        self._has_news = False
        self._has_ended = False

    @property
    def ids(self) -> list[int]:
        """Of the transfers of its files."""
        return self._ids

    @ids.setter
    def ids(self, ids: list[int]) -> None:
        self._ids, self._known = ids, frozenset(ids)

    def note(self, standing: Standing) -> None:
        """Note how a transfer stands, if it is one of its files."""
        if standing.id in self._known:
            self._progress.note(standing)
            self._has_news = True

    def tell(self, clock_s: float, now_s: float) -> Optional[float]:
        """
        Tell its client how far it is, if that is due.

        :param clock_s: monotonic
        :param now_s: since 1970
        :returns: in how many seconds it is due; None: there is nothing to tell
        """
        if not self._has_news:
            return None
        feedback = self._progress.feedback(self.ids, now_s)
        if feedback is None:
            return None
        due_s = self._told_s + PERIOD_S - clock_s
        if due_s > 0 and feedback.state == self._state:
            return due_s
        self._has_news = False
        self._state, self._told_s = feedback.state, clock_s
        with self._lock:
            if not self._has_ended:
                self.handle.publish_feedback(feedback)
        return None

    def end(self, stored_bytes: Optional[int]) -> None:
        """
        Tell no more.

        :param stored_bytes: of all its files; None: they are not stored
        """
        with self._lock:
            self._has_ended = True
            if stored_bytes is not None:
                self.handle.publish_feedback(self._progress.ended(stored_bytes))


class Goals:
    """
    Tells the clients how far their goals are. Thread-safe.

    :param watch: shows how transfers stand
    :param wall_clock: seconds since 1970
    :param clock: monotonic seconds
    """

    def __init__(self, watch: StandingsWatch, *, wall_clock: Callable[[], float] = time.time,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._watch = watch
        self._wall_clock = wall_clock
        self._clock = clock
        self._lock = threading.Lock()
        self._goals: list[Goal] = []

    def begin(self, goal: Goal) -> None:
        """Tell of a goal whose files are accepted."""
        with self._lock:
            self._goals.append(goal)
        self._look_for_files(goal)

    def end(self, goal: Goal) -> None:
        """Tell of it no more."""
        with self._lock:
            if goal not in self._goals:
                return
            self._goals.remove(goal)
            others = {number for other in self._goals for number in other.ids}
        self._watch.unfollow(UPLOAD, [number for number in goal.ids if number not in others])

    def show(self, direction: str, standing: Standing) -> None:
        """Note how a transfer stands now."""
        if direction == UPLOAD:
            for goal in self._current():
                goal.note(standing)

    def flush(self) -> Optional[float]:
        """Tell what is due; return in how many seconds the next is due; None: nothing waits."""
        clock_s, now_s, dues = self._clock(), self._wall_clock(), []
        for goal in self._current():
            self._look_for_files(goal)
            dues.append(goal.tell(clock_s, now_s))
        return min((due_s for due_s in dues if due_s is not None), default=None)

    def _current(self) -> list[Goal]:
        with self._lock:
            return list(self._goals)

    def _look_for_files(self, goal: Goal) -> None:
        # A file that is rewritten on its way goes on as another transfer.
        ids = goal.followed.ids if goal.followed else []
        if ids != goal.ids:
            goal.ids = ids
            self._watch.follow(UPLOAD, ids)
