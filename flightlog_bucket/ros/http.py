"""The web server of the node, where one is wanted."""
from typing import Optional, TYPE_CHECKING

from flightlog_bucket.bucket import FlightLogBucket
from flightlog_bucket.operations.downloads import Downloads
from flightlog_bucket.operations.health import Health
from flightlog_bucket.operations.standings_watch import StandingsWatch
from flightlog_bucket.operations.uploads import Uploads
from flightlog_bucket.parameters.node_settings import NodeSettings

if TYPE_CHECKING:  # a node without HTTP imports nothing of it
    from flightlog_bucket.operations.node_backend import NodeBackend
    from flightlog_bucket.web.robot import Robot
    from flightlog_bucket.web.server import WebServer

END_S = 0.5


class Http:
    """
    What the node serves over HTTP: nothing, unless http_port is set.

    :param settings: of the node
    :param bucket: where the logs are
    :param uploads: accepts logs
    :param downloads: those that ROS has asked for
    :param watch: tells of transfers that move on
    :param health: of the node
    :raises ConfigurationError: if something that this takes is not there
    """

    _backend: 'Optional[NodeBackend]' = None
    _server: 'Optional[WebServer]' = None

    def __init__(self, settings: NodeSettings, bucket: FlightLogBucket, uploads: Uploads,
                 downloads: Downloads, watch: StandingsWatch, health: Health) -> None:
        if settings.http.port:
            from flightlog_bucket.operations.node_backend import NodeBackend
            from flightlog_bucket.web.robot import Robot
            self._backend = NodeBackend(bucket, uploads)
            self._server = _web_server(Robot(settings, bucket, uploads, downloads, watch, health,
                                             uploads.received, self._backend))

    def start(self) -> None:
        """Begin to serve."""
        if self._server is not None:
            self._server.start()

    def close(self) -> None:
        """Tell who waits that the node is ending, and hang up."""
        if self._server is not None and self._backend is not None:
            self._backend.close()
            self._server.close(END_S)


def _web_server(robot: 'Robot') -> 'WebServer':
    from flightlog_bucket.web.installed import check_installed
    from flightlog_bucket.web.server import WebServer
    check_installed()
    return WebServer(robot)
