"""Reading all of a ULog with pyulog; runs in a process of its own."""
from flightlog_bucket.logs.description import Topic
from flightlog_bucket.logs.library.reading import Reading
from flightlog_bucket.logs.ulog import topic_name
from flightlog_bucket.logs.ulog_messages import MAX_TEXT
from flightlog_bucket.logs.verdict import CORRUPT, TRUNCATED, VALID
from pyulog import ULog
from pyulog.exceptions import ULogException


def read(path: str, structure: str) -> Reading:
    """
    Read every message of a ULog.

    pyulog passes over a message that the file cuts, and says nothing: of that the check of the
    structure knows. The start and the duration are also left to that: to pyulog the largest
    timestamp is the end, even if it runs years ahead of all others.

    :param path: of the log
    :param structure: what the check of its structure said, ``valid`` or ``truncated``
    """
    with open(path, 'rb') as stream:
        try:
            log = ULog(stream)
        except ULogException as error:
            return _without_messages(structure, str(error))
    if log.file_corruption and (structure == VALID or log.data_list):
        return Reading(CORRUPT, 'pyulog finds damage in its messages')
    # Without data it is the definitions that the file cuts; pyulog takes that for damage.
    topics = tuple(
        Topic(topic_name(data.name, data.multi_id), data.name[:MAX_TEXT],
              len(next(iter(data.data.values()))))
        for data in log.data_list)
    return Reading(structure, '', message_count=sum(t.message_count or 0 for t in topics),
                   topics=topics, dropouts=len(log.dropouts),
                   dropout_ms=sum(dropout.duration for dropout in log.dropouts))


def _without_messages(structure: str, reason: str) -> Reading:
    # A file that ends inside its header is no ULog to pyulog.
    return Reading(TRUNCATED) if structure == TRUNCATED else Reading(CORRUPT, f'pyulog: {reason}')
