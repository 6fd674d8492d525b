"""The action ~/upload_log: an upload that tells how far it is, waits, and can be cancelled."""
from concurrent.futures import Future
import logging
from pathlib import Path
from typing import Any, Optional, Union

from flightlog_bucket.action import UploadLog
from flightlog_bucket.errors import FlightlogError, Withdrawn
from flightlog_bucket.operations import arguments
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.results import StoredLog
from flightlog_bucket.ros import conversions
from flightlog_bucket.ros.calls import PendingCalls
from flightlog_bucket.ros.goals import Goal, Goals
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.waiting_room import Followed
from flightlog_bucket.transfers.warnings import Warnings
from flightlog_bucket.transfers.whole_log import why_not
from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

NAME = '~/upload_log'
RESULT_TIMEOUT_S = 60
# Of requests that come at once: those that the middleware drops are never answered.
DEPTH = 1000
WARNING_PERIOD_S = 10.0

_log = logging.getLogger(__name__)


class UploadAction:
    """
    Serves ~/upload_log.

    What its callbacks raise would end the executor: nothing gets out of them.

    :param node: that it belongs to
    :param uploads: store the logs
    :param calls: let a callback await work
    :param pool: of threads that may wait for the disk
    :param withdrawals: one thread, so that no cancel waits behind the checks of other logs
    :param goals: tell the clients how far they are
    :param base: a relative ``file_path`` starts here
    :param most: goals at once; further ones are refused
    :param group: of its callbacks
    """

    def __init__(self, node: Node, *, uploads: Uploads, calls: PendingCalls, pool: WorkerPool,
                 withdrawals: WorkerPool, goals: Goals, base: Path, most: int,
                 group: CallbackGroup) -> None:
        self._uploads = uploads
        self._calls = calls
        self._pool = pool
        self._withdrawals = withdrawals
        self._goals = goals
        self._base = base
        self._most = most
        self._warnings = Warnings(WARNING_PERIOD_S)
        self._underway: dict[bytes, Goal] = {}
        deep = QoSProfile(depth=max(DEPTH, 3 * most))
        self._server = ActionServer(
            node, UploadLog, NAME, self._execute, callback_group=group,
            goal_callback=self._on_goal, handle_accepted_callback=self._on_accepted,
            cancel_callback=self._on_cancel, goal_service_qos_profile=deep,
            result_service_qos_profile=deep, cancel_service_qos_profile=deep,
            feedback_pub_qos_profile=deep, result_timeout=RESULT_TIMEOUT_S)

    def destroy(self) -> None:
        """Take it back from the middleware; nobody spins any more."""
        self._server.destroy()

    def _on_goal(self, request: Any) -> GoalResponse:
        if len(self._underway) >= self._most:
            self._warnings.warn('goals', '%s: a goal is refused, %d are under way already'
                                ' (max_pending_requests)', NAME, len(self._underway))
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _on_accepted(self, handle: Any) -> None:
        self._underway[bytes(handle.goal_id.uuid)] = Goal(handle)
        handle.execute()

    def _on_cancel(self, handle: Any) -> CancelResponse:
        goal = self._underway.get(bytes(handle.goal_id.uuid))
        if goal is None:
            return CancelResponse.REJECT
        try:
            if goal.followed is not None:
                self._withdraw(goal)
        except FlightlogError as error:
            _log.warning('%s: not cancelled: %s', NAME, error)
            return CancelResponse.REJECT
        return CancelResponse.ACCEPT

    def _withdraw(self, goal: Goal) -> None:
        work = self._withdrawals.submit(self._uploads.withdraw, goal.followed)
        work.add_done_callback(_complain)

    async def _execute(self, handle: Any) -> UploadLog.Result:
        name = bytes(handle.goal_id.uuid)
        goal, result = self._underway[name], UploadLog.Result()
        stored_bytes: Optional[int] = None
        end = handle.abort
        try:
            await self._upload(goal, result)
            end = handle.succeed
            if goal.followed is not None:
                stored_bytes = result.file_size
        except FlightlogError as error:
            if isinstance(error, Withdrawn) and handle.is_cancel_requested:
                end = handle.canceled
            explain = conversions.failed if goal.followed is None else conversions.not_uploaded
            explain(result, error)
        except Exception as error:
            _log.exception('internal error in %s', NAME)
            conversions.failed(result, error)
        finally:
            del self._underway[name]
            self._goals.end(goal)
        try:
            goal.end(stored_bytes)
            end()
        except RCLError as error:
            _log.warning('%s: %s', NAME, error)
        return result

    async def _upload(self, goal: Goal, result: UploadLog.Result) -> None:
        request, handle = goal.handle.request, goal.handle
        path = arguments.path_from('file_path', request.file_path, self._base)
        if handle.is_cancel_requested:
            raise Withdrawn(f'{path}: the upload was cancelled before it was accepted')
        if request.enqueue_only:
            await self._calls.result(
                self._pool.submit(self._uploads.enqueue, path, request.custom_filename))
            conversions.accepted(result)
            return
        goal.followed = await self._calls.result(
            self._pool.submit(self._uploads.follow, path, request.custom_filename))
        self._goals.begin(goal)
        if handle.is_cancel_requested:
            self._withdraw(goal)
        conversions.uploaded(result, await self._logs(goal.followed))

    async def _logs(self, followed: Followed) -> list[StoredLog]:
        """Wait until all of them have ended; raise why it is not stored, or not all of it."""
        ended: list[Union[StoredLog, FlightlogError]] = []
        for outcome in followed.outcomes:
            try:
                ended.append(await self._calls.result(outcome))
            except FlightlogError as error:
                ended.append(error)
        logs = [outcome for outcome in ended if isinstance(outcome, StoredLog)]
        if len(logs) < len(ended):
            raise why_not(followed.path, ended)
        return logs


def _complain(withdrawal: 'Future[None]') -> None:
    if not withdrawal.cancelled() and (error := withdrawal.exception()) is not None:
        _log.error('%s: an upload could not be cancelled: %s', NAME, error)
