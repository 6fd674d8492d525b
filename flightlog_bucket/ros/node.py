"""The ROS 2 node: services, an action and topics in front of a FlightLogBucket."""
from collections.abc import Mapping
from functools import partial
import logging
from typing import Any, Optional

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.errors import FlightlogError
from flightlog_bucket.msg import TransferStatus
from flightlog_bucket.operations import arguments
from flightlog_bucket.operations.downloads import Downloads
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.standings_watch import DOWNLOAD, StandingsWatch, UPLOAD
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import NodeSettings
from flightlog_bucket.results import DescribedFile
from flightlog_bucket.ros import conversions, parameters, transfer_messages
from flightlog_bucket.ros.actions import UploadAction
from flightlog_bucket.ros.barrier import guarded
from flightlog_bucket.ros.calls import PendingCalls
from flightlog_bucket.ros.diagnostics import Diagnostics
from flightlog_bucket.ros.goals import Goals
from flightlog_bucket.ros.http import Http
from flightlog_bucket.ros.live_settings import LiveSettings
from flightlog_bucket.ros.log_bridge import bridge, LogLevel
from flightlog_bucket.ros.pools import Pools
from flightlog_bucket.ros.transfer_topic import MOST_KEPT, TRANSFERS, TransferTopic, Window
from flightlog_bucket.ros.warm_up import CredentialWarmUp
from flightlog_bucket.settings import redacted_url
from flightlog_bucket.srv import Delete, Download, Info, List, ListTransfers, Retry, Upload
from flightlog_bucket.transfers.alarms import Alarms
from rclpy.callback_groups import CallbackGroup, ReentrantCallbackGroup
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import SetBool

try:
    from rosbag2_interfaces.msg import WriteSplitEvent
except ImportError:  # rosbag2 is no dependency
    WriteSplitEvent = None

NAME = 'flightlog_bucket'
MIN_REQUEST_DEPTH = 100
# On top of the bound of the bucket itself.
EDGE_MARGIN_S = 5.0
# What is being published when the node ends.
LAST_WORDS_S = 0.2
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

    _action: Optional[UploadAction] = None

    def __init__(self, executor: Executor, environment: Mapping[str, str]) -> None:
        super().__init__(NAME)
        bridge(self.get_logger())
        settings = parameters.declare(self, environment)
        self._log_level = LogLevel(self.get_logger())
        self._log_level.set(settings.log_level)
        self._bag_directory = settings.bag_directory
        self._bucket = FlightLogBucket(settings.bucket)
        self._alarms = Alarms()
        self._calls = PendingCalls(executor, self._alarms.after)
        self._pools = Pools(settings.max_pending_requests)
        self._watch = StandingsWatch()
        self._uploads = Uploads(settings, self._bucket,
                                on_change=partial(self._watch.changed, UPLOAD))
        self._downloads = Downloads(self._bucket, partial(self._watch.changed, DOWNLOAD))
        self._warm_up = CredentialWarmUp(
            self._bucket.fetch_credentials, self._pools.credentials, self._alarms.after,
            max_delay_s=settings.retry_max_delay_s)
        # Requests that the middleware drops are never answered: these get their 503 instead.
        requests = QoSProfile(depth=MIN_REQUEST_DEPTH + 2 * settings.max_pending_requests)
        group = ReentrantCallbackGroup()
        self._serve(requests, group)
        self._show_transfers(settings.max_pending_requests, group)
        self._health = Health(settings, self._bucket, self._uploads)
        self._http = Http(settings, self._bucket, self._uploads, self._downloads, self._watch,
                          self._health)
        self._diagnostics = Diagnostics(self, settings.bucket.robot_instance_id, self._health)
        LiveSettings(self, environment, self._apply)
        self._uploads.start()
        self._health.start()
        self._pools.disk.submit(self._show_open)
        self._warm_up.begin()
        self._http.start()

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
        self._http.close()
        self._diagnostics.close()
        self._health.close()
        self._warm_up.close()
        self._uploads.close()
        self._watch.close(LAST_WORDS_S)
        self._calls.close()
        self._bucket.close()
        self._alarms.close()
        self._pools.shutdown()

    def destroy_node(self) -> None:
        """Destroy all that it holds; rclpy forgets the action server, and so keeps the node."""
        if self._action is not None:
            self._action.destroy()
        super().destroy_node()

    def _serve(self, requests: QoSProfile, group: CallbackGroup) -> None:
        for kind, name, callback in ((Upload, '~/upload', self._on_upload),
                                     (List, '~/list', self._on_list),
                                     (Download, '~/download', self._on_download),
                                     (Delete, '~/delete', self._on_delete),
                                     (Info, '~/info', self._on_info),
                                     (ListTransfers, '~/list_transfers', self._on_list_transfers),
                                     (Retry, '~/retry', self._on_retry),
                                     (SetBool, '~/set_paused', self._on_set_paused)):
            self.create_service(kind, name, guarded(callback), qos_profile=requests,
                                callback_group=group)
        self.create_subscription(String, '~/bag_closed', guarded(self._on_bag_closed), EVENTS,
                                 callback_group=group)
        if WriteSplitEvent is None:
            _log.info('rosbag2_interfaces is not installed: no uploads by events/write_split')
            return
        self.create_subscription(WriteSplitEvent, 'events/write_split',
                                 guarded(self._on_write_split), EVENTS, callback_group=group)

    def _show_transfers(self, most_goals: int, group: CallbackGroup) -> None:
        goals = Goals(self._watch)
        self._action = UploadAction(
            self, uploads=self._uploads, calls=self._calls, pool=self._pools.disk,
            withdrawals=self._pools.withdrawals, goals=goals, base=self._bag_directory,
            most=most_goals, group=group)
        publisher = self.create_publisher(TransferStatus, '~/transfers', TRANSFERS)
        self._watch.begin(
            {UPLOAD: self._uploads.standings, DOWNLOAD: self._downloads.standings},
            [goals, TransferTopic(publisher.publish, Window())])

    async def _on_upload(self, request: Any, answer: Any) -> Any:
        path = arguments.path_from('file_path', request.file_path, self._bag_directory)
        accept = self._uploads.enqueue if request.enqueue_only else self._uploads.upload
        outcomes = await self._calls.result(
            self._pools.disk.submit(accept, path, request.custom_filename))
        if request.enqueue_only:
            return conversions.accepted(answer)
        try:
            logs = [await self._calls.result(outcome) for outcome in outcomes]
        except FlightlogError as error:
            return conversions.not_uploaded(answer, error)
        return conversions.uploaded(answer, logs)

    async def _on_list(self, request: Any, answer: Any) -> Any:
        listing = await self._short_request(
            self._bucket.list_files, prefix=request.prefix,
            max_keys=arguments.max_keys_from(request.max_keys),
            continuation_token=request.continuation_token)
        contents = await self._calls.result(self._pools.info.submit(
            self._uploads.stored_contents, listing.files))
        return conversions.listed(answer, listing, contents)

    async def _on_download(self, request: Any, answer: Any) -> Any:
        path = arguments.absolute_path_from('local_path', request.local_path)
        download = self._pools.downloads.submit(self._downloads.fetch, request.s3_key, path,
                                              overwrite=request.overwrite)
        return conversions.downloaded(answer, await self._calls.result(download))

    async def _on_delete(self, request: Any, answer: Any) -> Any:
        await self._short_request(self._delete, request.s3_key)
        return conversions.deleted(answer)

    def _delete(self, s3_key: str) -> None:
        self._bucket.delete(s3_key)
        self._uploads.deleted(s3_key)

    async def _on_info(self, request: Any, answer: Any) -> Any:
        conversions.described(answer, self._bucket.settings, self._bucket.credential_status())
        # The ledger is on the disk, and the disk may be busy with a log.
        await self._calls.result(
            self._pools.info.submit(conversions.counted, answer, self._uploads))
        if request.file_path:
            # Not where the others would wait for a disk that hangs.
            path = arguments.path_from('file_path', request.file_path, self._bag_directory)
            state = await self._calls.result(
                self._pools.disk.submit(self._uploads.explain, path))
            conversions.explained(answer, state)
        if not request.s3_key:
            return answer
        try:
            found = await self._described(request.s3_key)
        except FlightlogError as error:
            return conversions.failed(answer, error)  # the rest of the answer is right
        return conversions.object_described(answer, found)

    async def _described(self, s3_key: str) -> DescribedFile:
        """Ask S3 whether it is there, and believe the ledger, which has it unabridged."""
        found = await self._short_request(self._bucket.describe, s3_key)
        known = await self._calls.result(
            self._pools.info.submit(self._uploads.stored_content, found.file))
        return DescribedFile(found.file, known or found.content)

    async def _on_list_transfers(self, request: Any, answer: Any) -> Any:
        most = transfer_messages.max_transfers_from(request.max_transfers)
        path = arguments.path_from('file_path', request.file_path, self._bag_directory) \
            if request.file_path else None

        def list_transfers() -> Any:
            standings, total = self._uploads.queue(request.states, path, most)
            return transfer_messages.transfers_listed(answer, standings, total)
        return await self._calls.result(self._pools.disk.submit(list_transfers))

    async def _on_retry(self, request: Any, answer: Any) -> Any:
        paths = [arguments.path_from('file_paths', path, self._bag_directory)
                 for path in request.file_paths]
        count = await self._calls.result(self._pools.disk.submit(self._uploads.retry, paths))
        return transfer_messages.retried(answer, count)

    async def _on_set_paused(self, request: Any, answer: Any) -> Any:
        await self._calls.result(
            self._pools.pause.submit(self._uploads.set_paused, request.data))
        answer.success = True
        answer.message = 'uploads are ' + ('paused' if request.data else 'not paused')
        return answer

    def _show_open(self) -> None:
        try:
            self._watch.changed(UPLOAD, self._uploads.open_ids(MOST_KEPT))
        except FlightlogError as error:
            _log.debug('%s', error)

    def _apply(self, settings: NodeSettings) -> None:
        """Put changed parameters to use; what may wait for the ledger goes to a pool."""
        self._pools.pause.submit(self._uploads.set_max_concurrent_transfers,
                                settings.max_concurrent_transfers)
        self._uploads.apply(settings)
        self._health.limits = settings.diagnostics
        self._log_level.set(settings.log_level)

    async def _on_bag_closed(self, message: Any) -> None:
        await self._announce('data', message.data)

    async def _on_write_split(self, event: Any) -> None:
        # The last event of a recording has an empty opened_file; some recorders send one more
        # without any file.
        if event.closed_file:
            await self._announce('closed_file', event.closed_file)

    async def _announce(self, name: str, value: str) -> None:
        path = arguments.path_from(name, value, self._bag_directory)
        await self._calls.result(self._pools.disk.submit(self._uploads.announce, path))

    async def _short_request(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        work = self._pools.requests.submit(call, *args, **kwargs)
        within_s = self._bucket.settings.request_timeout_s + EDGE_MARGIN_S
        return await self._calls.result(work, within_s=within_s)
