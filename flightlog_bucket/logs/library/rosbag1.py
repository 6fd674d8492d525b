"""Reading all of a ROS 1 bag: with rosbags, and what that leaves out or refuses without it."""
from pathlib import Path
import struct
from typing import Optional

from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.library.rosbag1_chunks import BagWalk
from flightlog_bucket.logs.reader import Damage, LogReader, NO_BUDGET
from flightlog_bucket.logs.rosbag1_index import VERSION_2_LINE
from flightlog_bucket.logs.rosbag1_records import read_record
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID
from rosbags.rosbag1 import Reader, ReaderError

_ROSBAGS_RAISES = (ReaderError, ValueError, AssertionError, LookupError, TypeError,
                   RuntimeError, EOFError, OSError, struct.error)
"""For a bag that it cannot read; OSError is what bz2 raises for data that it cannot unpack."""


def read(path: str, structure: str) -> Reading:
    """
    Read every message of a bag.

    What decides is damage that was seen: rosbags does not read every bag that others do, such as
    one with a name that is not UTF-8.

    :param path: of the bag
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    with open(path, 'rb') as stream:
        bag = LogReader(Path(path), stream, NO_BUDGET)
        try:
            if structure == TRUNCATED:
                return _read_truncated(bag)
            return _read_closed(bag, path)
        except Damage as error:
            return Reading(CORRUPT, str(error))


def _read_truncated(bag: LogReader) -> Reading:
    begin = len(VERSION_2_LINE)
    try:
        end = read_record(bag.read_at, begin).end
    except Damage:
        return Reading(TRUNCATED, message_count=0)
    found = BagWalk(bag, end)
    found.look_at_rest()
    return found.reading(TRUNCATED, f'it has {found.messages} whole messages')


def _read_closed(bag: LogReader, path: str) -> Reading:
    if bag.read_at(0, len(VERSION_2_LINE)) != VERSION_2_LINE:
        return Reading()
    header = read_record(bag.read_at, len(VERSION_2_LINE))
    if header.fields.get(b'encryptor'):
        return Reading()
    found = BagWalk(bag, header.end)
    found.look_at_all(header.number(b'index_pos'))
    messages = _count_with_rosbags(path)
    if messages not in (None, found.messages):
        raise Damage(f'rosbags finds {messages} messages in it, there are {found.messages}')
    return found.reading(VALID)


def _count_with_rosbags(path: str) -> Optional[int]:
    """Return how many messages it reads; None: it cannot read the bag."""
    try:
        with Reader(path) as reader:
            return sum(1 for _ in reader.messages())
    except _ROSBAGS_RAISES:
        return None
