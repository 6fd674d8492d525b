"""What the field API takes in the bodies of requests."""
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from flightlog_bucket.errors import InvalidRequest
from flightlog_bucket.operations.arguments import path_from
from flightlog_bucket.web.robot import Robot
from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr

MOST_NAMED = 1000
# That the ledger can have.
_LAST_ID = 2 ** 63 - 1


class Named(BaseModel, extra='forbid'):
    """
    Uploads, by their files or by their numbers.

    :param paths: absolute, or relative to bag_directory; of a folder: all that is in it
    :param ids: as transfers have them
    """

    paths: list[StrictStr] = Field(default_factory=list)
    ids: list[StrictInt] = Field(default_factory=list)


class Pause(BaseModel, extra='forbid'):
    """
    Whether uploads are to be paused.

    :param paused: False: they are to go on
    """

    paused: StrictBool


def named_paths(robot: Robot, named: Optional[Named]) -> list[Path]:
    """
    Return the files that a request names; may wait for the disk.

    :param named: None: none
    :raises InvalidRequest: one of them cannot be meant, or they are too many
    :raises LocalFileNotFound: there is no such transfer
    """
    if named is None:
        return []
    _check_count('paths', named.paths)
    _check_count('ids', named.ids)
    paths = [path_from('paths', path, robot.settings.bag_directory) for path in named.paths]
    for number in named.ids:
        if not 0 <= number <= _LAST_ID:
            raise InvalidRequest(f'ids has {number}; give numbers of transfers')
    return [*paths, *robot.uploads.paths_of(named.ids)]


def _check_count(name: str, values: Sequence[object]) -> None:
    if len(values) > MOST_NAMED:
        raise InvalidRequest(f'{name} has {len(values)} entries; give at most {MOST_NAMED}')
