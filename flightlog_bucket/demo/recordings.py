"""The short flight as the recorders of PX4, ROS 1 and ROS 2 write it."""
from collections.abc import Callable
import math
from pathlib import Path
import random
import struct
from typing import Any, Optional

from flightlog_bucket.demo import ulog
from flightlog_bucket.demo.flight import Pose, poses, yaw_quaternion

POSE_TOPIC = '/mavros/local_position/pose'
_POSE_TYPE = 'geometry_msgs/msg/PoseStamped'
CAMERA_TOPIC = '/camera/image/compressed'
_PICTURE_TYPE = 'sensor_msgs/msg/CompressedImage'
_PICTURE_BYTES = 128 * 1024
_BOOT_TO_START_US = 30_000_000


def write_ulg(path: Path, start_ns: int, duration_s: float = 10.0) -> None:
    """
    Write the flight as PX4 does; the time of day is in the topic of the GPS.

    :param start_ns: nanoseconds since 1970 UTC
    """
    topics = {
        'vehicle_attitude': 'uint64_t timestamp;float[4] q;',
        'vehicle_local_position': 'uint64_t timestamp;float x;float y;float z;',
        'vehicle_gps_position': 'uint64_t timestamp;uint64_t time_utc_usec;uint8_t fix_type;',
    }
    with open(path, 'xb') as stream:
        ulog.write_definitions(stream, _BOOT_TO_START_US, topics)
        stream.write(ulog.logged_text(_BOOT_TO_START_US, 'Takeoff detected'))
        for index, pose in enumerate(poses(duration_s)):
            time_us = _BOOT_TO_START_US + pose.time_ns // 1000
            stream.write(ulog.data(0, struct.pack('<Q4f', time_us, *_px4_attitude(pose))))
            east, north, up = pose.position_m
            stream.write(ulog.data(1, struct.pack('<Q3f', time_us, north, east, -up)))
            if index % 10 == 0:
                utc_us = (start_ns + pose.time_ns) // 1000
                stream.write(ulog.data(2, struct.pack('<QQB', time_us, utc_us, 3)))


def write_bag(path: Path, start_ns: int, duration_s: float = 10.0) -> None:
    """Write the flight as ``rosbag record`` of ROS 1 does; times as in ``write_ulg``."""
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer(path) as writer:
        connection = writer.add_connection(POSE_TOPIC, _POSE_TYPE, typestore=store)
        for index, pose in enumerate(poses(duration_s)):
            time_ns = start_ns + pose.time_ns
            content = store.serialize_ros1(_pose_message(store, pose, time_ns, index), _POSE_TYPE)
            writer.write(connection, time_ns, content)


def write_mcap(path: Path, start_ns: int, duration_s: float = 10.0) -> None:
    """Write the flight as ``ros2 bag record`` does, and keep the storage file alone."""
    from rosbags.rosbag2 import StoragePlugin
    directory = path.with_name(f'{path.stem}.rosbag2')
    write_rosbag2(directory, start_ns, duration_s, StoragePlugin.MCAP)
    _keep_storage_file(directory, path)


def write_camera_mcap(path: Path, start_ns: int, size_bytes: int, seed: int = 0) -> None:
    """
    Write what a camera at 30 Hz saw, alone in its storage file, at some hundred MB a second.

    :param size_bytes: of all pictures together, about
    """
    import numpy
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    pixels = random.Random(seed).randbytes(2 * _PICTURE_BYTES)  # noqa: S311 - noise, no secret
    directory = path.with_name(f'{path.stem}.rosbag2')
    with Writer(directory, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(CAMERA_TOPIC, _PICTURE_TYPE, typestore=store)
        for index in range(size_bytes // _PICTURE_BYTES):
            time_ns = start_ns + index * 10**9 // 30
            first = index * 7919 % _PICTURE_BYTES
            picture = store.types[_PICTURE_TYPE](
                header=_header(store, time_ns), format='jpeg',
                data=numpy.frombuffer(pixels, numpy.uint8, _PICTURE_BYTES, first))
            writer.write(connection, time_ns, store.serialize_cdr(picture, _PICTURE_TYPE))
    _keep_storage_file(directory, path)


def write_db3(path: Path, start_ns: int, duration_s: float = 10.0) -> None:
    """Write the flight as ``ros2 bag record -s sqlite3`` does, and keep the storage file."""
    from rosbags.rosbag2 import StoragePlugin
    directory = path.with_name(f'{path.stem}.rosbag2')
    write_rosbag2(directory, start_ns, duration_s, StoragePlugin.SQLITE3)
    _keep_storage_file(directory, path)


def write_rosbag2(directory: Path, start_ns: int, duration_s: float, storage: Any,
                  prepare: Optional[Callable[[Any], None]] = None) -> None:
    """
    Write the flight as a rosbag2 directory.

    :param storage: a ``rosbags.rosbag2.StoragePlugin``
    :param prepare: is given the writer before it is opened, e.g. to set the compression
    """
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import get_typestore, Stores
    store = get_typestore(Stores.ROS2_HUMBLE)
    writer = Writer(directory, version=9, storage_plugin=storage)
    if prepare is not None:
        prepare(writer)
    with writer:
        connection = writer.add_connection(POSE_TOPIC, _POSE_TYPE, typestore=store)
        for pose in poses(duration_s):
            time_ns = start_ns + pose.time_ns
            content = store.serialize_cdr(_pose_message(store, pose, time_ns), _POSE_TYPE)
            writer.write(connection, time_ns, content)


def _keep_storage_file(directory: Path, path: Path) -> None:
    storage_file = next(p for p in directory.iterdir() if p.name != 'metadata.yaml')
    storage_file.rename(path)
    (directory / 'metadata.yaml').unlink()
    directory.rmdir()


def _pose_message(store: Any, pose: Pose, time_ns: int, seq: Optional[int] = None) -> Any:
    """Return a PoseStamped; the header has a ``seq`` in ROS 1 only."""
    types = store.types
    return types[_POSE_TYPE](
        header=_header(store, time_ns, {} if seq is None else {'seq': seq}),
        pose=types['geometry_msgs/msg/Pose'](
            position=types['geometry_msgs/msg/Point'](*pose.position_m),
            orientation=types['geometry_msgs/msg/Quaternion'](*yaw_quaternion(pose.yaw_rad))))


def _header(store: Any, time_ns: int, more: Optional[dict[str, int]] = None) -> Any:
    stamp = store.types['builtin_interfaces/msg/Time'](*divmod(time_ns, 10**9))
    return store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='map', **(more or {}))


def _px4_attitude(pose: Pose) -> tuple[float, float, float, float]:
    """Return w, x, y, z; PX4 counts the heading from north to east, about an axis down."""
    x, y, z, w = yaw_quaternion(math.pi / 2 - pose.yaw_rad)
    return w, x, y, z
