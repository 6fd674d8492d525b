"""The transfers that the field API shows."""
from collections.abc import Collection, Mapping

from flightlog_bucket.operations.arguments import most_from
from flightlog_bucket.operations.standings_watch import DOWNLOAD, Key, UPLOAD
from flightlog_bucket.transfers.standing import Standing
from flightlog_bucket.web.field_words import Json, succeeded, transfer
from flightlog_bucket.web.robot import Robot

MOST_TRANSFERS = 1000
USUAL_TRANSFERS = 500


def listed(robot: Robot, states: Collection[str], most: int) -> Json:
    """
    Return the transfers in the order of ``ListTransfers.srv``, and how many there are.

    :param states: only uploads in these; empty: all but the stored ones, and the downloads
    :param most: at most so many uploads; 0: as many as one answer can hold
    :raises InvalidRequest: there is no such state, or that are too many
    """
    uploads, total = robot.uploads.queue(
        states, None, most_from('most', most, MOST_TRANSFERS))
    downloads = [] if states else robot.downloads.underway()
    return succeeded({'transfers': [*_shown(robot, DOWNLOAD, downloads),
                                    *_shown(robot, UPLOAD, uploads)],
                      'total': total + len(downloads)})


def open_transfers(robot: Robot) -> Json:
    """Return what a client is told first: how all stands that is not stored yet."""
    found = listed(robot, (), USUAL_TRANSFERS)
    return {'transfers': found['transfers'], 'total': found['total'], 'whole': True}


def changes(robot: Robot, changed: Mapping[Key, Standing]) -> Json:
    """Return how those stand that have changed, and how many are open."""
    counts = robot.uploads.counts()
    total = (counts.queued + counts.uploading + counts.rejected
             + len(robot.downloads.underway()))
    shown = [_one(robot, direction, standing) for (direction, _), standing in changed.items()]
    return {'transfers': shown, 'total': total, 'whole': False}


def _shown(robot: Robot, direction: str, standings: Collection[Standing]) -> list[Json]:
    return [_one(robot, direction, standing) for standing in standings]


def _one(robot: Robot, direction: str, standing: Standing) -> Json:
    return transfer(direction, standing, is_received=robot.received.is_received(standing.path))
