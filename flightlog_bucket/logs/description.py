"""What is in a log."""
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Topic:
    """
    A topic of a log.

    :param name: as it was recorded; of a ULog, with ``[1]``, ``[2]`` ... for further instances
    :param type: of its messages, e.g. ``sensor_msgs/msg/Imu``
    :param message_count: None: it takes reading all of the log
    """

    name: str
    type: str
    message_count: Optional[int] = None


@dataclass(frozen=True)
class Description:
    """
    What is known of a log; what is not is None or empty.

    :param storage: ``ulog``, ``rosbag1``, ``mcap`` or ``sqlite3``
    :param start_ns: of the recording, nanoseconds since 1970 UTC
    :param duration_ns: from the first message to the last, nanoseconds
    :param message_count: of all topics
    :param topics: by name
    :param compression: ``none``, or what the messages or the file are packed with, e.g. ``lz4``
    :param vehicle_uuid: of the autopilot
    :param hardware: of the autopilot
    :param firmware_version: e.g. ``v1.14.0``
    :param firmware_hash: of its commit
    :param dropouts: how often the recorder lost messages
    :param dropout_ms: for how long in all
    """

    storage: str
    start_ns: Optional[int] = None
    duration_ns: Optional[int] = None
    message_count: Optional[int] = None
    topics: tuple[Topic, ...] = ()
    compression: str = ''
    vehicle_uuid: str = ''
    hardware: str = ''
    firmware_version: str = ''
    firmware_hash: str = ''
    dropouts: Optional[int] = None
    dropout_ms: Optional[int] = None

    @property
    def start(self) -> Optional[datetime]:
        """When the recording began, aware, UTC; None: not known, or no possible date."""
        if self.start_ns is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=self.start_ns // 1000)
        except OverflowError:
            return None

    def as_dict(self) -> dict[str, Any]:
        """
        Return what is known, for JSON.

        ``start`` is ISO 8601, UTC; ``duration_s`` are seconds; ``topics`` have ``name``, ``type``
        and ``message_count``.
        """
        known = {
            'storage': self.storage, 'start': _iso(self.start),
            'duration_s': None if self.duration_ns is None else self.duration_ns / 10**9,
            'message_count': self.message_count, 'compression': self.compression,
            'vehicle_uuid': self.vehicle_uuid, 'hardware': self.hardware,
            'firmware_version': self.firmware_version, 'firmware_hash': self.firmware_hash,
            'dropouts': self.dropouts, 'dropout_ms': self.dropout_ms,
            'topics': [_known({'name': topic.name, 'type': topic.type,
                               'message_count': topic.message_count}) for topic in self.topics]}
        return _known(known)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, '', [])}


def _iso(moment: Optional[datetime]) -> Optional[str]:
    if moment is None:
        return None
    return moment.isoformat(timespec='microseconds').replace('+00:00', 'Z')
