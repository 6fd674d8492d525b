"""What the web server works with."""
from dataclasses import dataclass

from flightlog_bucket.api.backend import BucketBackend
from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.operations.downloads import Downloads
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.received_logs import ReceivedLogs
from flightlog_bucket.operations.standings_watch import StandingsWatch
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import NodeSettings


@dataclass(frozen=True)
class Robot:
    """
    The parts of the node that the web server shows, and steers.

    :param settings: of the node
    :param bucket: where the logs are
    :param uploads: accepts logs, and knows how they stand
    :param downloads: those that ROS has asked for
    :param watch: tells of transfers that move on
    :param health: how credentials, S3, the queue and the disks stand
    :param received: keeps what arrived over HTTP
    :param backend: of the REST API
    """

    settings: NodeSettings
    bucket: FlightLogBucket
    uploads: Uploads
    downloads: Downloads
    watch: StandingsWatch
    health: Health
    received: ReceivedLogs
    backend: BucketBackend
