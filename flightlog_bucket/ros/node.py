"""The ROS 2 node: services and subscriptions in front of a FlightLogBucket."""
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
import logging
from typing import Any

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.ros import conversions, parameters
from flightlog_bucket.ros.barrier import guarded
from flightlog_bucket.ros.calls import PendingCalls
from flightlog_bucket.ros.log_bridge import bridge
from flightlog_bucket.ros.warm_up import CredentialWarmUp
from flightlog_bucket.settings import redacted_url
from flightlog_bucket.srv import Delete, Download, Info, List, Upload
from flightlog_bucket.threads import WorkerPool
from flightlog_bucket.transfers.alarms import Alarms
from flightlog_bucket.transfers.tracker import TransferTracker
from flightlog_bucket.transfers.upload_queue import UploadQueue
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

try:
    from rosbag2_interfaces.msg import WriteSplitEvent
except ImportError:  # rosbag2 is no dependency
    WriteSplitEvent = None

NAME = 'flightlog_bucket'
DOWNLOADS = 2
SHORT_REQUESTS = 4
CHECKS = 2
MIN_REQUEST_DEPTH = 100
# On top of the bound of the bucket itself.
EDGE_MARGIN_S = 5.0
# A recorder is volatile, so a transient-local subscription would not match; the depth takes many
# splits while the node is busy.
EVENTS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=100,
                    reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)

_log = logging.getLogger(__name__)


class FlightlogBucketNode(Node):
    """
    Stores the logs of this machine in its bucket, and gets them back.

    No callback waits for the network or the disk: long work runs in pools of threads, and its
    callback awaits it.

    :param executor: that runs the callbacks of this node
    :param environment: gives ROBOT_INSTANCE_ID
    :raises ConfigurationError: a parameter is wrong
    """

    def __init__(self, executor: Executor, environment: Mapping[str, str]) -> None:
        super().__init__(NAME)
        bridge(self.get_logger())
        settings = parameters.declare(self, environment)
        self._bag_directory = settings.bag_directory
        self._bucket = FlightLogBucket(settings.bucket)
        self._alarms = Alarms()
        self._calls = PendingCalls(executor, self._alarms.after)
        self._tracker = TransferTracker(partial(datetime.now, timezone.utc))
        self._make_pools(settings)
        self._uploads = UploadQueue(
            self._bucket.upload, self._upload_pool, self._tracker, self._alarms.after,
            slots=settings.max_concurrent_transfers, max_pending=settings.max_pending_requests,
            max_wait_s=settings.bucket.request_timeout_s,
            retry_max_delay_s=settings.retry_max_delay_s)
        self._warm_up = CredentialWarmUp(
            self._bucket.fetch_credentials, self._credential_pool, self._alarms.after,
            max_delay_s=settings.retry_max_delay_s)
        # Requests that the middleware drops are never answered: these get their 503 instead.
        self._serve(QoSProfile(depth=MIN_REQUEST_DEPTH + 2 * settings.max_pending_requests))
        self._warm_up.begin()

    def announce(self) -> None:
        """Say in one line of the log that the node serves, and what."""
        settings = self._bucket.settings
        _log.info('serving: logs of %s go to %s in the bucket %s, session tokens come from %s',
                  settings.robot_instance_id, settings.machine_prefix, settings.bucket_name,
                  redacted_url(settings.session_token_url))
        if not self._bag_directory.is_dir():
            _log.warning('bag_directory %s is not there (yet)', self._bag_directory)

    def close(self) -> None:
        """End what goes on, and answer who waits, without waiting for the network."""
        self._warm_up.close()
        self._uploads.close()
        self._calls.close()
        self._bucket.close()
        self._alarms.close()
        for pool in self._pools:
            pool.shutdown()

    def _make_pools(self, settings: parameters.NodeSettings) -> None:
        uploads, waiting = settings.max_concurrent_transfers, settings.max_pending_requests
        self._upload_pool = WorkerPool(uploads, 'uploads', max_pending=uploads)
        self._download_pool = WorkerPool(DOWNLOADS, 'downloads', max_pending=waiting)
        self._short_pool = WorkerPool(SHORT_REQUESTS, 'requests', max_pending=waiting)
        self._check_pool = WorkerPool(CHECKS, 'checks', max_pending=waiting)
        self._credential_pool = WorkerPool(1, 'credentials', max_pending=1)
        self._pools = (self._upload_pool, self._download_pool, self._short_pool,
                       self._check_pool, self._credential_pool)

    def _serve(self, requests: QoSProfile) -> None:
        group = ReentrantCallbackGroup()
        for kind, name, callback in ((Upload, '~/upload', self._on_upload),
                                     (List, '~/list', self._on_list),
                                     (Download, '~/download', self._on_download),
                                     (Delete, '~/delete', self._on_delete),
                                     (Info, '~/info', self._on_info)):
            self.create_service(kind, name, guarded(callback), qos_profile=requests,
                                callback_group=group)
        self.create_subscription(String, '~/bag_closed', guarded(self._on_bag_closed), EVENTS,
                                 callback_group=group)
        if WriteSplitEvent is None:
            _log.info('rosbag2_interfaces is not installed: no uploads by events/write_split')
            return
        self.create_subscription(WriteSplitEvent, 'events/write_split',
                                 guarded(self._on_write_split), EVENTS, callback_group=group)

    async def _on_upload(self, request: Any, answer: Any) -> Any:
        path = conversions.path_from('file_path', request.file_path, self._bag_directory)
        if request.enqueue_only:
            # What is accepted may wait for days: a file that cannot be meant is refused now.
            await self._calls.result(self._check_pool.submit(
                self._bucket.check, path, custom_filename=request.custom_filename))
        upload = self._uploads.submit(path, request.custom_filename,
                                      keep_trying=request.enqueue_only)
        if request.enqueue_only:
            return conversions.accepted(answer)
        return conversions.uploaded(answer, await self._calls.result(upload))

    async def _on_list(self, request: Any, answer: Any) -> Any:
        listing = await self._short_request(
            self._bucket.list_files, prefix=request.prefix,
            max_keys=conversions.max_keys_from(request.max_keys),
            continuation_token=request.continuation_token)
        return conversions.listed(answer, listing)

    async def _on_download(self, request: Any, answer: Any) -> Any:
        path = conversions.absolute_path_from('local_path', request.local_path)
        download = self._download_pool.submit(self._bucket.download, request.s3_key, path,
                                              overwrite=request.overwrite)
        return conversions.downloaded(answer, await self._calls.result(download))

    async def _on_delete(self, request: Any, answer: Any) -> Any:
        await self._short_request(self._bucket.delete, request.s3_key)
        return conversions.deleted(answer)

    def _on_info(self, request: Any, answer: Any) -> Any:
        conversions.described(answer, self._bucket.settings, self._bucket.credential_status(),
                              self._tracker)
        if request.file_path:
            path = conversions.path_from('file_path', request.file_path, self._bag_directory)
            conversions.explained(answer, path, self._tracker)
        return answer

    def _on_bag_closed(self, message: Any) -> None:
        self._upload_in_background('data', message.data)

    def _on_write_split(self, event: Any) -> None:
        # The last event of a recording has an empty opened_file; some recorders send one more
        # without any file.
        if event.closed_file:
            self._upload_in_background('closed_file', event.closed_file)

    def _upload_in_background(self, name: str, value: str) -> None:
        path = conversions.path_from(name, value, self._bag_directory)
        self._uploads.submit(path, keep_trying=True)

    async def _short_request(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        work = self._short_pool.submit(call, *args, **kwargs)
        within_s = self._bucket.settings.request_timeout_s + EDGE_MARGIN_S
        return await self._calls.result(work, within_s=within_s)
