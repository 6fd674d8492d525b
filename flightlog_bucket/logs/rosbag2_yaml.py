"""
What rosbag2 writes about a recording, as YAML: in ``metadata.yaml``, and in newer SQLite files.

https://github.com/ros2/rosbag2/blob/rolling/rosbag2_storage/include/rosbag2_storage/yaml.hpp
"""
from dataclasses import dataclass

from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.reader import Damage, Truncated
from flightlog_bucket.logs.yaml_tree import load, Node

ROOT = 'rosbag2_bagfile_information'

_SINCE = {
    'version': 1, 'storage_identifier': 1, 'duration': 1, 'starting_time': 1, 'message_count': 1,
    'topics_with_message_count': 1, 'compression_format': 3, 'compression_mode': 3,
    'relative_file_paths': 1, 'files': 5, 'custom_data': 6, 'ros_distro': 8}
"""The keys in the order in which rosbag2 writes them, and the versions that brought them."""
_NEW_ORDER = tuple(_SINCE)
# Until version 5.
_OLD_ORDER = ('version', 'storage_identifier', 'relative_file_paths', 'duration',
              'starting_time', 'message_count', 'topics_with_message_count',
              'compression_format', 'compression_mode', 'files', 'custom_data', 'ros_distro')
# As programs in Python write it.
_SORTED_ORDER = tuple(sorted(_SINCE))
_MAX_STORAGE = 255
# rosbag2 takes version 5 without them, and rosbags any version.
_OPTIONAL = ('files', 'custom_data', 'ros_distro')


@dataclass(frozen=True)
class BagInformation:
    """
    What ``metadata.yaml`` says.

    :param version: of the metadata, from 1
    :param storage: ``sqlite3``, ``mcap`` or another plugin of rosbag2
    :param files: their names
    :param start_ns: nanoseconds since 1970 UTC
    :param duration_ns: nanoseconds
    :param message_count: of all topics
    :param topics: with their counts
    :param compression_format: e.g. ``zstd``, or empty
    :param compression_mode: ``file``, ``message`` or empty
    """

    version: int
    storage: str
    files: tuple[str, ...]
    start_ns: int
    duration_ns: int
    message_count: int
    topics: tuple[Topic, ...]
    compression_format: str
    compression_mode: str

    @property
    def compression(self) -> str:
        """What the messages or files are packed with, or ``none``."""
        return self.compression_format or 'none'


def parse(data: bytes) -> BagInformation:
    """
    Return what the metadata of a recording say.

    :raises Damage: if they are not as rosbag2 writes them
    :raises Truncated: if they end too early: rosbag2 writes them in one go when it ends
    :raises TooMuch: if they are larger than anybody's
    """
    document, wrong = load(data)
    found = _information(document[ROOT])
    if wrong:
        raise Truncated(wrong)
    return found


def _information(information: Node) -> BagInformation:
    _check_keys(information)
    version = information['version'].integer()
    if version < 1:
        raise Damage(f'there is no version {version} of metadata')
    storage = information['storage_identifier'].text()
    if not 0 < len(storage) <= _MAX_STORAGE:
        raise Damage(f'the storage_identifier has {len(storage)} characters')
    count = information['message_count'].integer()
    topics = tuple(_topic(node)
                   for node in information['topics_with_message_count'].items())
    start_ns = information['starting_time']['nanoseconds_since_epoch'].integer()
    duration_ns = information['duration']['nanoseconds'].integer()
    if count < 0 or duration_ns < 0:
        raise Damage('the duration or the number of messages is below zero')
    return BagInformation(
        version, storage, _files(information, version), start_ns, duration_ns, count, topics,
        _text_since(3, version, information, 'compression_format'),
        _text_since(3, version, information, 'compression_mode').lower())


def _check_keys(information: Node) -> None:
    keys = [key for key in information.keys if key in _SINCE]
    version = information['version'].integer() if 'version' in keys else 1
    missing = [key for key in _SINCE if _SINCE[key] <= version and key not in keys]
    if not missing or not keys:
        return
    orders = [order for order in (_NEW_ORDER, _OLD_ORDER, _SORTED_ORDER)
              if keys == [key for key in order if key in keys]]
    if all(key in _OPTIONAL for key in missing) and _NEW_ORDER not in orders:
        return
    for order in orders:
        written = max(order.index(key) for key in keys)
        if all(order.index(key) > written for key in missing):
            raise Truncated(f'it ends before {missing[0]}')
    raise Damage(f'there is no {missing[0]}')


def _topic(node: Node) -> Topic:
    topic, count = node['topic_metadata'], node['message_count'].integer()
    if count < 0:
        raise Damage('a topic has fewer than no messages')
    return Topic(topic['name'].text(), topic['type'].text(), count)


def _files(information: Node, version: int) -> tuple[str, ...]:
    names = []
    for node in information['relative_file_paths'].items():
        name = node.text()
        folder, slash, last = name.partition('/')
        # Until version 3 the name of the directory comes before that of the file.
        if slash and version <= 3 and folder not in ('', '.', '..'):
            name = last
        if '/' in name or '\0' in name or name in ('', '.', '..'):
            raise Damage(f'{node.text()[:100]!r} is not the name of a file of the directory')
        names.append(name)
    return tuple(names)


def _text_since(since: int, version: int, information: Node, key: str) -> str:
    return information[key].text() if version >= since else ''
